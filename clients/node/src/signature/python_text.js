/** Python's tracebacks: outermost first, causes before what they caused, groups indented. */

import { count, isNumber, lstrip, partition, rstrip, strip, withoutStart } from "../text.js";
import { BLANK, Block, digits } from "./blocks.js";
import { headline } from "./headlines.js";
import { match } from "./patterns.js";

/** @typedef {import("./blocks.js").Call} Call */

export const TITLE = "Traceback (most recent call last)";
const MOST_LINES = 20;
/** Between the members of a group. */
const RULE = "+----";
const MARGIN = " |+-";
/** Before each member of an exception group; one that was never raised has no traceback. */
const MEMBER = "+---------------- ";
const FILE = 'File "';

/**
 * The exceptions, the one that ended the program first.
 *
 * @param {string[]} lines
 */
export function pythonBlocks(lines) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {Block | null} */
  let current = null;
  /** @type {Block | null} */
  let ended = null;
  for (const [at, line] of lines.entries()) {
    const found = current && line.includes('"') ? callOf(lstrip(line, current.depth ? MARGIN : BLANK)) : null;
    if (current && found) current.calls.push(found);
    else if (line.includes(TITLE) || (!current && at && lines[at - 1].includes(MEMBER))) {
      current = new Block("", "", line.length - lstrip(line, MARGIN).length);
      ended = null;
      blocks.push(current);
      if (!line.includes(TITLE) && ends(current, line)) current = null;
    } else if (current) {
      if (ends(current, line)) [ended, current] = [current, null];
    } else if (ended && !goesOn(ended, line)) ended = null;
  }
  const outer = blocks.reduce((least, block) => Math.min(least, block.depth), Infinity);
  const main = blocks.filter((block) => block.depth === outer);
  return [...main.reverse(), ...blocks.filter((block) => block.depth !== outer)];
}

/**
 * The call of `File "x.py", line 3, in f`.
 *
 * @param {string} bare
 * @returns {Call | null}
 */
function callOf(bare) {
  if (!bare.startsWith(FILE)) return null;
  const [file, , rest] = partition(bare.slice(FILE.length), '"');
  const [before, , name] = partition(withoutStart(rest, ", line "), ", in ");
  const number = rstrip(before, BLANK);
  if (!rest.startsWith(", line ") || !isNumber(number)) return null;
  return [file, rstrip(name, BLANK), digits(number), "", ""];
}

/**
 * Whether this line names the exception, which ends its traceback.
 *
 * @param {Block} block
 * @param {string} line
 */
function ends(block, line) {
  const text = block.depth ? inside(line) : line;
  const bare = strip(text, BLANK);
  if (!bare || BLANK.includes(text[0])) return false;
  [block.type, block.message] = headline(bare, true) ?? ["", bare];
  return true;
}

/**
 * Take one more line of the message; false where it ended, as at a line of a log.
 *
 * @param {Block} block
 * @param {string} line
 */
function goesOn(block, line) {
  const bare = rstrip(block.depth ? inside(line) : line, BLANK);
  if (!bare || line.includes(RULE) || match("log_line", bare)) return false;
  if (count(block.message, "\n") < MOST_LINES) block.message += `\n${bare}`;
  return true;
}

/**
 * A line of an exception group without its margin.
 *
 * @param {string} line
 */
function inside(line) {
  const blank = line.length - lstrip(line, MARGIN).length;
  return withoutStart(line.slice(line.slice(0, blank).lastIndexOf("|") + 1), " ");
}
