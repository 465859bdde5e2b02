/**
 * Frames and exceptions out of a stack as text, for the runtimes that people run.
 *
 * Every stack and every line is cut before it is looked at, so that a hostile one costs time in
 * proportion to its size, and little.
 */

import { head, length, tail } from "../text.js";
import { erlangBlocks, isErlang } from "./erlang_text.js";
import { CAPS, replaced } from "./patterns.js";
import { pythonBlocks, TITLE } from "./python_text.js";
import { Reading } from "./reading.js";

/**
 * The exceptions of a chain, the one that ended the program first.
 *
 * @param {string} text
 */
export function blocksIn(text) {
  const lines = linesOf(text);
  if (text.includes(TITLE) && text.includes('File "')) return pythonBlocks(lines);
  const blocks = new Reading(lines).blocks();
  return (blocks[0].isGuessed && isErlang(text) && erlangBlocks(lines)) || blocks;
}

/**
 * At most `limit` characters: two thirds from the head, the rest from the tail.
 *
 * @param {string} text
 * @param {number} limit
 */
export function capped(text, limit) {
  if (text.length <= limit || length(text) <= limit) return text;
  const size = Math.floor((limit * 2) / 3);
  return `${head(text, size)}\n${tail(text, limit - size - 1)}`;
}

/**
 * The lines of a stack: at most 1200, each cut to 1024 characters, without colours.
 *
 * @param {string} whole
 */
function linesOf(whole) {
  let text = capped(whole, CAPS.stack);
  if (text.includes("\x1b")) text = replaced("ansi", text, "");
  const lines = text.split("\n");
  const last = Math.floor(CAPS.lines / 3);
  const kept = lines.length - 1 > CAPS.lines ? [...lines.slice(0, CAPS.lines - last), ...lines.slice(-last)] : lines;
  return kept.map((line) => head(line, CAPS.line));
}
