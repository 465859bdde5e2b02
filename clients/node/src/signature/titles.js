/**
 * What stands before the calls: the exception's name, its message, and where it was thrown. Each
 * function reads the form of one runtime, and hands back null for any other.
 */

import { head, isNumber, partition, rpartition, rstrip, startsWithAny, strip, tail } from "../text.js";
import { BLANK, digits } from "./blocks.js";
import { headline } from "./headlines.js";
import { match, replaced, search } from "./patterns.js";

/** @typedef {import("./blocks.js").Call} Call */
/** @typedef {[type: string, message: string, thrown: Call | null]} Title */

export const WHAT = "what(): ";
export const PHP = ["PHP ", "Fatal error: ", "Parse error: ", "Warning: ", "Notice: ", "Deprecated: "];
const TERMINATE = "terminate called after throwing an instance of '";
const NAMING = ["Next ", ...PHP];
const END = 500;
const STOPS = [
  "stack backtrace:",
  "stack traceback:",
  "Stack trace:",
  "note: ",
  "goroutine ",
  "[signal ",
  "[stacktrace]",
  "Aborted",
  "Program ",
  "READ of size ",
  "WRITE of size ",
  "==",
];
const ASSERTION = ["assertion `", "[ERR_ASSERTION]"];
const COMPARED = ["left: ", "right: "];
const LISTED = "* ";
const CALL = ["at ", ":", "("];
const MOST = 20;

/**
 * `[25-Nov-2026 10:00:00 UTC] PHP Fatal error: ...` without its time, and Ruby's likewise.
 *
 * @param {string} line
 */
export function withoutStamp(line) {
  if (!line.startsWith("[") && Array.from(head(line, 3)).slice(1).join("") !== ", ") return line;
  return replaced("stamp", line, "", { once: true });
}

/**
 * C++ and the sanitizers.
 *
 * @param {string} line
 * @returns {Title | null}
 */
export function nativeTitle(line) {
  if (line.startsWith(TERMINATE)) return [partition(line.slice(TERMINATE.length), "'")[0], "", null];
  const found = line.startsWith("==") ? match("sanitizer", line) : null;
  return found && [found[1], strip(found[2], BLANK), null];
}

/**
 * `NoMethodError (undefined method ...):`, which Rails writes above the calls.
 *
 * @param {string} line
 * @returns {Title | null}
 */
export function railsTitle(line) {
  const found = match("rails_title", line);
  return found && [found[1], found[2], null];
}

/**
 * `lua: x.lua:3: message`, with or without a lead and its place.
 *
 * @param {string[]} lines
 * @returns {Title}
 */
export function luaTitle([first, ...more]) {
  const place = search("lua_place", first);
  const title = place ? first.slice(place.index + place[0].length) : match("lua_title", first)?.[1];
  const thrown = /** @type {Call | null} */ (place && [place[1], "", digits(place[2]), "", ""]);
  return ["", [title ?? first, ...more].join("\n"), thrown];
}

/**
 * `Type: message in file:line`, which may be several lines; any name is an exception's.
 *
 * @param {string[]} lines
 * @returns {Title | null}
 */
export function phpTitle(lines) {
  const whole = lines.slice(startOf(lines)).join("\n");
  const place = search("php_thrown", tail(whole, END));
  if (place === null) return null;
  const [first, mark, rest] = partition(whole.slice(0, whole.length - place[0].length), "\n");
  let [kind, message] = headline(first, !startsWithAny(first, NAMING)) ?? ["", first];
  if (!kind && startsWithAny(first, PHP)) message = strip(partition(first, ": ")[2], BLANK);
  return [kind, message + mark + rest, [place[1], "", digits(place[2]), "", ""]];
}

/**
 * Where the title begins: at the last line that says so, else at the first of them.
 *
 * @param {string[]} lines
 */
function startOf(lines) {
  for (let at = lines.length - 1; at > 0; at -= 1) {
    if (startsWithAny(lines[at], NAMING)) return at;
  }
  return 0;
}

/**
 * `[object] (Type(code: 0): message at file:12)`, as Monolog and Laravel write exceptions.
 *
 * @param {string} line
 * @returns {Title | null}
 */
export function monologTitle(line) {
  const found = search("monolog", line);
  return found && [found[1].replaceAll("\\\\", "\\"), found[2], [found[3], "{main}", digits(found[4]), "", ""]];
}

/**
 * `thread 'x' panicked at src/main.rs:9:20:`; the message is the next line or quoted.
 *
 * @param {string} line
 * @returns {Title}
 */
export function rustTitle(line) {
  let where = rpartition(line, " panicked at ")[2];
  let message = "\n";
  if (where.startsWith("'")) [message, , where] = rpartition(where.slice(1), "', ");
  const [before, , column] = rpartition(rstrip(where, ":"), ":");
  const [file, , number] = rpartition(before, ":");
  return ["", message, [file, "", isNumber(number) ? digits(number) : "", isNumber(column) ? digits(column) : "", ""]];
}

/**
 * The message with the lines of it that follow its first. They end at a blank line, unless `goesOn`:
 * there everything up to the calls is the message. What Rust and Node compared is left out, because
 * it is this occurrence's.
 *
 * @param {string} message
 * @param {string[]} more
 * @param {boolean} goesOn
 */
export function wholeMessage(message, more, goesOn) {
  const isAssertion = startsWithAny(message, ASSERTION);
  const kept = [message];
  for (const line of more.slice(0, MOST)) {
    const bare = strip(line, BLANK);
    const isApart = kept.length > 1 && !kept[kept.length - 1] && (isAssertion || !goesOn);
    const isCall = startsWithAny(bare, CALL) && BLANK.includes(line[0]);
    if (isCall || startsWithAny(bare, STOPS) || (isApart && !bare.startsWith(LISTED))) break;
    if (!isAssertion || !startsWithAny(bare, COMPARED)) kept.push(rstrip(line, BLANK));
  }
  return rstrip(kept.join("\n"), "\n");
}
