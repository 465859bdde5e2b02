/**
 * Go's panics: one that was recovered and raised again, or raised while another unwound. Go prints
 * the calls of the last panic and, below a call of `panic` itself, those of the one before. The
 * first panic is the error; the others stand beside it like causes.
 */

import { partition } from "../text.js";
import { Block } from "./blocks.js";
import { isInApp } from "./places.js";

/** @typedef {import("./blocks.js").Call} Call */

export const PANIC = "panic: ";
const RECOVERED = " [recovered";
const NAMES = ["panic", "runtime.gopanic"];

/**
 * Whether it is the call of `panic` itself.
 *
 * @param {Call} call
 */
export function isPanic([file, name]) {
  return NAMES.includes(name) && file.endsWith("/panic.go");
}

/**
 * The panics, first the one that happened first; calls are innermost first here.
 *
 * @param {Block} block
 * @param {string[]} panics
 */
export function goBlocks(block, panics) {
  const parts = partsOf(block.calls);
  const told = toldBy(panics);
  block.calls = parts[parts.length - 1];
  if (told.length) block.message = told[0];
  const later = parts.slice(0, -1).filter((part) => part.some(([file, , , , module]) => isInApp(file, module)));
  // Texts come oldest first, calls newest first; of one raised again there are calls alone.
  const messages = told.slice(1).reverse();
  const others = Array.from({ length: Math.max(messages.length, later.length) }, (_, at) => {
    const other = new Block("", messages[at] ?? "");
    other.calls = later[at] ?? [];
    return other;
  });
  return [block, ...others];
}

/**
 * The calls between those of `panic`.
 *
 * @param {Call[]} calls
 */
function partsOf(calls) {
  /** @type {Call[][]} */
  const parts = [[]];
  for (const call of calls) {
    if (isPanic(call)) parts.push([]);
    else parts[parts.length - 1].push(call);
  }
  return parts.length > 1 && !parts[parts.length - 1].length ? parts.slice(0, -1) : parts;
}

/**
 * Each panic's text without what Go adds to it, and without those raised again as they were.
 *
 * @param {string[]} panics
 */
function toldBy(panics) {
  /** @type {string[]} */
  const told = [];
  let wasRecovered = false;
  for (const panic of panics) {
    const [text, mark] = partition(panic, RECOVERED);
    if (!wasRecovered || told[told.length - 1] !== text) told.push(text);
    wasRecovered = mark !== "";
  }
  return told;
}
