/** What only the whole stack tells: where it was thrown, and what Node, Rust and Go mean by it. */

import { endsWithAny, startsWithAny } from "../text.js";
import { place } from "./blocks.js";
import { MAX_BLOCKS } from "./chain.js";
import { goBlocks, isPanic } from "./go_text.js";
import { search } from "./patterns.js";
import { isInApp } from "./places.js";

/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./blocks.js").Call} Call */

const SEARCHED_LINES = 50;
const NODE = ["node:", "internal/"];
const GO = [".go", ".s"];
const RUST_HERE = "./rustc/";

/**
 * The finished blocks of a text; their calls are innermost first until then.
 *
 * @param {Block[]} chain
 * @param {string[]} lines
 * @param {string[]} panics
 */
export function arrange(chain, lines, panics) {
  for (const block of chain) putThrown(block);
  const blocks = byRuntime(chain, lines, panics);
  for (const block of blocks) {
    if (block.message === "\n") block.message = "";
    block.calls.reverse();
  }
  if (!blocks.some((block) => block.calls.length)) {
    blocks[0].calls = places(lines);
    blocks[0].isGuessed = true;
  }
  return blocks;
}

/**
 * What Node, Rust and Go tell by the innermost call.
 *
 * @param {Block[]} chain
 * @param {string[]} lines
 * @param {string[]} panics
 */
function byRuntime(chain, lines, panics) {
  const [first] = chain;
  const innermost = first.calls[0]?.[0] ?? "";
  if (/[0-9]$/.test(lines[0]) && startsWithAny(innermost, NODE)) putExcerpt(first, lines[0]);
  if (innermost.startsWith(RUST_HERE)) {
    for (const block of chain) block.calls = block.calls.map(([file, ...rest]) => [absolute(file), ...rest]);
  }
  if (panics.length || (endsWithAny(innermost, GO) && first.calls.some(isPanic))) {
    return [...goBlocks(first, panics), ...chain.slice(1)].slice(0, MAX_BLOCKS);
  }
  return chain;
}

/**
 * Node writes the place of a syntax error above its line; the calls are Node's own.
 *
 * @param {Block} block
 * @param {string} above
 */
function putExcerpt(block, above) {
  const [file, line, column] = place(above);
  if (line && !block.calls.some((call) => isInApp(call[0], call[4]))) block.calls.unshift([file, "", line, column, ""]);
}

/**
 * Where Rust's own sources, which are below /rustc, are below ./rustc, the program ran in /.
 *
 * @param {string} file
 */
function absolute(file) {
  return file.startsWith("./") ? file.slice(1) : file;
}

/**
 * Where the text says it was thrown, as the innermost call.
 *
 * @param {Block} block
 */
function putThrown(block) {
  const { thrown, calls } = block;
  if (thrown === null) return;
  if (!calls.length) block.calls = [thrown];
  else if (thrown[0].endsWith(".lua")) {
    // What handled it may have asked for the calls.
    const first = calls.find((call) => call[2]) ?? thrown;
    if (first[0] !== thrown[0] || first[2] !== thrown[2]) calls.unshift(thrown);
  }
  else if (!thrown[0].endsWith(".rs")) {
    // PHP names with each place the function that was called there.
    const names = [...calls.map((call) => call[1]), "{main}"];
    block.calls = [thrown, ...calls].map(([file, , line, column, module], at) => [file, names[at], line, column, module]);
  }
}

/**
 * Places like `file.ext:12` where no format of a stack was known.
 *
 * @param {string[]} lines
 */
function places(lines) {
  /** @type {Call[]} */
  const found = [];
  for (const line of lines.slice(0, SEARCHED_LINES)) {
    const place = line.includes(":") ? search("source", line) : null;
    if (place) found.push([place[1], "", place[2], "", ""]);
  }
  return found.reverse();
}
