/** Python's texts in JavaScript: characters are code points, and classes are those of `str`. */

const ALPHA = /^\p{L}+$/u;
const ALNUM = /^[\p{L}\p{N}]+$/u;
/** Digits by their meaning: superscripts and numbers in circles too. */
const DIGITS =
  /^[\p{Nd}\u{b2}\u{b3}\u{b9}\u{1369}-\u{1371}\u{19da}\u{2070}\u{2074}-\u{2079}\u{2080}-\u{2089}\u{2460}-\u{2468}\u{2474}-\u{247c}\u{2488}-\u{2490}\u{24ea}\u{24f5}-\u{24fd}\u{24ff}\u{2776}-\u{277e}\u{2780}-\u{2788}\u{278a}-\u{2792}\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]+$/u;
const ASCII_DIGITS = /^[0-9]+$/;
const NOT_ASCII = /[^\u0000-\u007f]/;
const UPPER = /\p{Uppercase}/u;
const LOWER = /\p{Lowercase}/u;
const NOT_UPPER = /[\p{Lowercase}\p{Lt}]/u;
const NOT_LOWER = /[\p{Uppercase}\p{Lt}]/u;
const BLANK = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const AROUND = new RegExp(`^${BLANK}+|${BLANK}+$`, "g");
const LINE_END = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

/** @param {string} text */
export function isAscii(text) {
  return !NOT_ASCII.test(text);
}

/** @param {string} text */
export function isAlpha(text) {
  return ALPHA.test(text);
}

/** @param {string} text */
export function isAlnum(text) {
  return ALNUM.test(text);
}

/** @param {string} text */
export function isDigit(text) {
  return DIGITS.test(text);
}

/**
 * ASCII digits alone, at least one.
 *
 * @param {string} text
 */
export function isNumber(text) {
  return ASCII_DIGITS.test(text);
}

/** @param {string} text */
export function isUpper(text) {
  return UPPER.test(text) && !NOT_UPPER.test(text);
}

/** @param {string} text */
export function isLower(text) {
  return LOWER.test(text) && !NOT_LOWER.test(text);
}

/**
 * Without the blanks of all Unicode at both ends.
 *
 * @param {string} text
 */
export function stripBlank(text) {
  return text.replace(AROUND, "");
}

/** @param {string} text */
export function splitLines(text) {
  const lines = text.split(LINE_END);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/**
 * Without these characters at both ends.
 *
 * @param {string} text
 * @param {string} characters
 */
export function strip(text, characters) {
  return rstrip(lstrip(text, characters), characters);
}

/**
 * @param {string} text
 * @param {string} characters
 */
export function lstrip(text, characters) {
  let at = 0;
  while (at < text.length && characters.includes(text[at])) at += 1;
  return text.slice(at);
}

/**
 * @param {string} text
 * @param {string} characters
 */
export function rstrip(text, characters) {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

/**
 * What is before, the mark, and what is after its first place; the whole text and two empty ones.
 *
 * @param {string} text
 * @param {string} mark
 * @returns {[string, string, string]}
 */
export function partition(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, "", ""] : [text.slice(0, at), mark, text.slice(at + mark.length)];
}

/**
 * The same for its last place; two empty ones and the whole text.
 *
 * @param {string} text
 * @param {string} mark
 * @returns {[string, string, string]}
 */
export function rpartition(text, mark) {
  const at = text.lastIndexOf(mark);
  return at < 0 ? ["", "", text] : [text.slice(0, at), mark, text.slice(at + mark.length)];
}

/**
 * @param {string} text
 * @param {string} start
 */
export function withoutStart(text, start) {
  return text.startsWith(start) ? text.slice(start.length) : text;
}

/**
 * @param {string} text
 * @param {readonly string[]} starts
 */
export function startsWithAny(text, starts) {
  return starts.some((start) => text.startsWith(start));
}

/**
 * @param {string} text
 * @param {readonly string[]} ends
 */
export function endsWithAny(text, ends) {
  return ends.some((end) => text.endsWith(end));
}

/**
 * How often a mark is in it.
 *
 * @param {string} text
 * @param {string} mark
 */
export function count(text, mark) {
  return text.split(mark).length - 1;
}

/**
 * How many characters it has.
 *
 * @param {string} text
 */
export function length(text) {
  let units = text.length;
  for (let at = 0; at < text.length; at += 1) {
    if (isPair(text, at)) {
      units -= 1;
      at += 1;
    }
  }
  return units;
}

/**
 * The first `size` characters.
 *
 * @param {string} text
 * @param {number} size
 */
export function head(text, size) {
  if (text.length <= size) return text;
  let at = 0;
  for (let left = size; left > 0 && at < text.length; left -= 1) at += isPair(text, at) ? 2 : 1;
  return text.slice(0, at);
}

/**
 * The last `size` characters.
 *
 * @param {string} text
 * @param {number} size
 */
export function tail(text, size) {
  if (text.length <= size) return text;
  let at = text.length;
  for (let left = size; left > 0 && at > 0; left -= 1) at -= isPair(text, at - 2) ? 2 : 1;
  return text.slice(at);
}

/**
 * Whether one character takes these two units.
 *
 * @param {string} text
 * @param {number} at
 */
function isPair(text, at) {
  if (at < 0) return false;
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}
