/** Where a part of a message stands: what is before it and after it, looked up when it is asked. */

import { isAlnum, isAlpha, isAscii, isLower, isUpper, rstrip, tail } from "../text.js";
import { match, words } from "./patterns.js";

const SEPARATORS = " #:=()[]{}'\"<>*`,-+";
const FAR = 48;
const CHUNKS_BACK = 3;
const COUNTED_WORDS = ["index", "id", "number", "offset", "position"];
const QUOTES = ["'", '"', "`"];

/** A part of `chunks[at]`, and the chunks around it. */
export class Where {
  /**
   * @param {string[]} chunks
   * @param {string[]} out the chunks before as they were masked
   * @param {number} at
   * @param {number} start
   * @param {number} end
   */
  constructor(chunks, out, at, start, end) {
    this.chunks = chunks;
    this.out = out;
    this.at = at;
    this.before = chunks[at].slice(0, start);
    this.after = chunks[at].slice(end);
  }

  /** The word before, in lower case, with `userId` as `user_id`; else an empty text. */
  word() {
    let { at } = this;
    const before = at && !this.before ? this.chunks[at - 1] : "";
    if (before && isAscii(before) && isLower(before) && isAlpha(before)) return before.slice(-FAR);
    let end = rstrip(tail(this.before, FAR), SEPARATORS);
    while (!end && at > 0 && this.at - at < CHUNKS_BACK) {
      at -= 1;
      end = rstrip(tail(this.chunks[at], FAR), SEPARATORS);
      if (end.endsWith(".") || end.endsWith(";")) return "";
    }
    const found = match("word_backwards", reversed(end));
    const word = found ? reversed(found[0]) : "";
    if (/[a-z_]I[dD]$/.test(word)) {
      return `${rstrip(word.slice(0, -2), "_").toLowerCase()}_id`;
    }
    return word.toLowerCase();
  }

  /**
   * Whether it is the value of one of these: `name=value` or `"name":"value"`.
   *
   * @param {Set<string>} names
   */
  isValueOf(names) {
    const bare = rstrip(this.before, "'\"");
    return (bare.endsWith("=") || bare.endsWith(":")) && names.has(this.word());
  }

  /** The chunk after, where nothing else stands between. */
  unit() {
    if (this.at + 1 >= this.chunks.length || this.after) {
      return ["\u00b5s", "\u03bcs"].includes(this.after) ? this.after : "";
    }
    const word = rstrip(this.chunks[this.at + 1], ".,;:)]'\"").toLowerCase();
    return Array.from(word).length > 1 || word === "%" ? word : "";
  }

  /**
   * `column index: 3` and PHP's `Undefined offset: 3`.
   *
   * @param {string} word
   */
  isOrdinal(word) {
    const back = this.at - 2;
    if (back < 0 || !COUNTED_WORDS.includes(word)) return false;
    return words("ordinal").has(this.chunks[back].toLowerCase());
  }

  /** The chunk before as it was masked; empty ones do not count. */
  previous() {
    return this.out.findLast((text) => text !== "") ?? "";
  }

  /** `2026-11-25 10:00:00 [4711-1]`. */
  isAfterTime() {
    return this.before === "[" && this.previous().endsWith("<time>");
  }

  /** `items[3]` and `sshd[4711]:`, but not `args[1]` or `SQLSTATE[23505]`. */
  isIndex() {
    const { before } = this;
    if (!before.endsWith("[") || !this.after.startsWith("]")) return false;
    const name = tail(before.slice(0, -1), 8);
    if (!isAlnum(tail(name, 1))) return false;
    return !isUpper(name) && !words("class").has(this.word());
  }

  /** Whether ASCII letters or digits touch it, so that it is only a piece of something. */
  isInside() {
    return /[A-Za-z0-9_]$/.test(this.before) || /^[A-Za-z0-9_]/.test(this.after);
  }

  isQuoted() {
    return QUOTES.includes(this.before.slice(-1)) && QUOTES.includes(this.after.slice(0, 1));
  }
}

/** @param {string} text */
function reversed(text) {
  return Array.from(text).reverse().join("");
}
