/** Whether a number in a message is proven an identifier or a measure. What is not stays. */

import { endsWithAny, tail } from "../text.js";
import { CAPS, search, words } from "./patterns.js";

/** @typedef {import("./where.js").Where} Where */

const LONG = 6;
const MEASURED = 4;
const COUNTED = 3;
const QUOTED = 4;
const HRESULT = 10;
const PORT_DIGITS = 5;
const REDIS_ROLES = [":M", ":S", ":C", ":X"];

/**
 * `<n>` or the number as it is.
 *
 * @param {string} text
 * @param {Where} where
 */
export function maskedNumber(text, where) {
  if (where.after.startsWith("%") || where.unit() === "%" || isLogPrefix(where)) return "<n>";
  const word = where.word();
  if (words("class").has(word)) return text;
  const { before } = where;
  if (before.endsWith(":") && before !== ":") return afterColon(text, before, word);
  return isProven(text, word, where) ? "<n>" : text;
}

/**
 * @param {string} text
 * @param {string} word
 * @param {Where} where
 */
function isProven(text, word, where) {
  const size = text.length;
  if (size === HRESULT && text.startsWith("2") && where.before.endsWith("-")) return false;
  if (size >= LONG || (isIdWord(word) && !where.isOrdinal(word))) return true;
  const unit = where.unit();
  if (unit && (words("unit").has(unit) || (size >= COUNTED && words("counted").has(unit)))) return true;
  if (size >= MEASURED && words("measure").has(word)) return true;
  if (size >= QUOTED && endsWithAny(where.before, ["'", '"', "`"])) return true;
  return where.isIndex();
}

/**
 * A line after a file's name stays, and so does a port that is not ephemeral.
 *
 * @param {string} text
 * @param {string} before
 * @param {string} word
 */
function afterColon(text, before, word) {
  if (search("place", tail(before, 8))) return text;
  if (isIdWord(word) || text.length >= LONG) return "<n>";
  return text.length === PORT_DIGITS && Number(text) >= CAPS.port ? "<port>" : text;
}

/** @param {string} word */
export function isIdWord(word) {
  return words("id").has(word) || endsWithAny(word, ["_id", "-id", ".id", "_ms", "_bytes", "_seconds"]);
}

/**
 * The process in `2026-11-25 ... [4711] ERROR`, `4711#0: *15 connect()`, `4711 --- [`.
 *
 * @param {Where} where
 */
function isLogPrefix(where) {
  const { before, after } = where;
  if (["", "[", "#", "[#", "("].includes(before) && endsWithAny(where.previous(), ["<time>", "<time>]", "<time>,"])) {
    return before !== "" || !after;
  }
  if (before === "==" && after.startsWith("==")) return true;
  if (before === "*" || (!before && after.startsWith("#") && after.endsWith(":"))) return true;
  return !before && (REDIS_ROLES.includes(after) || (!after && where.unit() === "---"));
}
