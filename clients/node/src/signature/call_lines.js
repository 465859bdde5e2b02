/** One line of a stack as a call, for the runtimes whose stacks name the innermost call first. */

import { endsWithAny, head, isNumber, isUpper, lstrip, partition, rpartition, rstrip, strip, withoutStart } from "../text.js";
import { BLANK, digits, NAMED_BEFORE, place } from "./blocks.js";
import { match } from "./patterns.js";

/** @typedef {import("./blocks.js").Call} Call */

const JVM_FILES = [".java", ".kt", ".scala", ".groovy", ".clj", ".kts"];
const JVM_NOWHERE = ["Native Method", "Unknown Source"];

/**
 * The call on one stripped line, if there is one.
 *
 * @param {string} line
 * @returns {Call | null}
 */
export function callOf(line) {
  if (line.startsWith("at ")) return at(line.slice(3));
  if (line.startsWith("#")) return numbered(line);
  if (line.includes(":in ")) return searched("ruby", line);
  if (line.includes(".go:") || line.includes(".s:")) return go(line);
  if (line.includes("@")) return gecko(line);
  if (line.includes(".ex") || line.includes(".erl:")) return elixir(line);
  if (line.includes(": in ")) return lua(line);
  return line.includes("# ") ? stacktrace(line) : null;
}

/**
 * `at` lines: Node, browsers, Java, .NET and Rust.
 *
 * @param {string} whole
 * @returns {Call | null}
 */
function at(whole) {
  const body = whole.endsWith("]") ? whole.slice(0, whole.lastIndexOf(")") + 1) : whole;
  if (body.endsWith(")")) {
    const [before, , where] = rpartition(body.slice(0, -1), "(");
    const name = rstrip(before, " ");
    const [file, line, column] = place(where);
    if (!line) return withoutPlace(name, where);
    return name && endsWithAny(file, JVM_FILES) ? jvm(name, file, line) : [file, name, line, column, ""];
  }
  const [name, , where] = rpartition(body, " in ");
  if (name && name.includes("(")) return dotnet(name, where);
  const [file, line, column] = place(withoutStart(body, "async "));
  return line ? [file, NAMED_BEFORE, line, column, ""] : null;
}

/**
 * Java's native methods and .NET's methods without symbols; `(<anonymous>)` is no call.
 *
 * @param {string} name
 * @param {string} where
 */
function withoutPlace(name, where) {
  if (!name.includes(".") || /^[</]/.test(where) || where === "native" || where === "index 0") return null;
  if (JVM_NOWHERE.includes(where)) return jvm(name, where, "");
  return name.includes(" ") || where.includes("/") ? null : dotnet(`${name}(`, "");
}

/**
 * @param {string} name
 * @param {string} file
 * @param {string} line
 * @returns {Call}
 */
function jvm(name, file, line) {
  const qualified = rpartition(name, "/")[2];
  return [file, qualified, line, "", rpartition(qualified, ".")[0]];
}

/**
 * Mono without symbols names an offset in place of a line; it stands where a column would.
 *
 * @param {string} signature
 * @param {string} where
 * @returns {Call}
 */
function dotnet(signature, where) {
  const [before, , rest] = partition(signature, "(");
  const name = rstrip(before, " ");
  let offset = "";
  let [file, , line] = rpartition(where, ":line ");
  if (!file) [file, line] = place(where);
  if (file.startsWith("<")) {
    file = line = "";
    const found = match("offset_digits", rpartition(rest, " [0x")[2]);
    if (found) offset = String(parseInt(found[1], 16));
  }
  return [file, name, isNumber(line) ? line : "", offset, rpartition(name, ".")[0]];
}

/**
 * `#0` lines: PHP, Dart, gdb and the sanitizers.
 *
 * @param {string} line
 * @returns {Call | null}
 */
function numbered(line) {
  const php = line.includes("): ") ? match("php", line) : null;
  if (php) return [php[1], php[3], digits(php[2]), "", ""];
  const found = match("native", line);
  if (found === null) return null;
  const rest = found[1];
  if (rest === "{main}") return null;
  if (rest.includes(": ") && rest.startsWith("[internal")) {
    return ["[internal function]", partition(partition(rest, ": ")[2], "(")[0], "", "", ""];
  }
  let [name, , where] = rpartition(rest, " at ");
  if (name) name = partition(name, " (")[0];
  else [name, , where] = rpartition(rest, " ");
  const [file, number, column] = place(strip(where, "()"));
  return [number ? file : partition(file, "+0x")[0], partition(name, " (")[0], number, column, ""];
}

/**
 * @param {string} line
 * @returns {Call | null}
 */
function go(line) {
  const found = match("go", line);
  return found && [found[1], NAMED_BEFORE, digits(found[2]), "", ""];
}

/**
 * The call with the name that the line before gives it; null where it needs one and has none.
 *
 * @param {Call} call
 * @param {string} before
 * @returns {Call | null}
 */
export function named([file, , line, column, module], before) {
  if (file.endsWith(".go") || file.endsWith(".s")) {
    let name = partition(withoutStart(before, "created by "), " in goroutine ")[0];
    if (name.endsWith(")")) name = rpartition(name, "(")[0];
    return before ? [file, name, line, column, partition(rpartition(name, "/")[2], ".")[0]] : null;
  }
  const [number, , rest] = partition(before, ": ");
  let name = isNumber(number) ? rest : "";
  // A full backtrace has the address before the name.
  if (lstrip(name, " ").startsWith("0x")) name = partition(name, " - ")[2];
  return name || !file.includes(" ") ? [file, name, line, column, module] : null;
}

/**
 * `f@https://host/x.js:1:2` of Firefox and Safari.
 *
 * @param {string} line
 * @returns {Call | null}
 */
function gecko(line) {
  const [name, , where] = partition(line, "@");
  const [file, number, column] = place(where);
  if (!number || !file.includes("/") || file.includes(" ")) return null;
  return name.includes(" ") && !name.endsWith(" code") ? null : [file, name, number, column, ""];
}

/**
 * @param {string} pattern
 * @param {string} line
 * @returns {Call | null}
 */
function searched(pattern, line) {
  const found = match(pattern, line);
  return found && [found[1], found[3], digits(found[2]), "", ""];
}

/**
 * `(shop 1.2.0) lib/cart.ex:3: Cart.total/1`, with the arguments where no clause fits.
 *
 * @param {string} line
 * @returns {Call | null}
 */
function elixir(line) {
  const found = match("elixir", line);
  if (found === null) return null;
  const [, app = "", file, number, name] = found;
  const isFunction = isUpper(head(name, 1)) || name.startsWith(":");
  return [file, isFunction ? partition(name, "(")[0] : name, digits(number), "", app];
}

/**
 * `x.lua:3: in upvalue 'total'`; a function without a name is named by its place.
 *
 * @param {string} line
 * @returns {Call | null}
 */
function lua(line) {
  const found = match("lua", line);
  if (found === null) return null;
  const [, file, number, name] = found;
  const plain = name.startsWith("function <") ? `function <${rpartition(name, ":")[2]}` : name;
  return [file, plain, digits(number), "", ""];
}

/**
 * `0# total(Cart&) at cart.cpp:3` of C++23 and Boost.
 *
 * @param {string} line
 * @returns {Call | null}
 */
function stacktrace(line) {
  const [number, , rest] = partition(line, "# ");
  if (!isNumber(number)) return null;
  let [name, , where] = rpartition(rest, " at ");
  if (!name) [name, , where] = rpartition(rest, " in ");
  const [file, found, column] = place(partition(where, " (discriminator ")[0]);
  return name ? [file, strip(name, BLANK), found, column, ""] : null;
}
