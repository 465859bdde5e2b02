/** What the parsers of stacks hand on: one block for each exception of a chain. */

import { isNumber, rpartition } from "../text.js";

/** @typedef {[file: string, name: string, line: string, column: string, module: string]} Call digits as text */

export const BLANK = " \t\r";
/** Stands for a function that the line before names, as Go's and Rust's stacks do. */
export const NAMED_BEFORE = "\n";
const DIGITS = 9;

/** One exception as its part of the text shows it. */
export class Block {
  /** @type {Call[]} outermost first once the text is read; while it is read, as the text has them */
  calls = [];
  /** Whether the calls are places found in text of no known form. */
  isGuessed = false;
  /** @type {Call | null} where the text says it was raised, apart from the calls */
  thrown = null;

  /**
   * @param {string} type
   * @param {string} message
   * @param {number} depth how far an exception group indents it; 0 is outside
   */
  constructor(type = "", message = "", depth = 0) {
    this.type = type;
    this.message = message;
    this.depth = depth;
  }
}

/**
 * Split `file:line` or `file:line:column`; an empty line where there is none.
 *
 * @param {string} text
 * @returns {[string, string, string]}
 */
export function place(text) {
  const [before, , last] = rpartition(text, ":");
  if (!before || !isNumber(last)) return [text, "", ""];
  const [file, , middle] = rpartition(before, ":");
  if (file && isNumber(middle)) return [file, digits(middle), digits(last)];
  return [before, digits(last), ""];
}

/**
 * At most nine of them.
 *
 * @param {string} text
 */
export function digits(text) {
  return text.slice(0, DIGITS);
}
