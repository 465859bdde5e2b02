/** Erlang's crashes: the term that a process ended with, and what the shell prints. */

import { head, partition, strip } from "../text.js";
import { BLANK, Block, digits } from "./blocks.js";
import { matches } from "./patterns.js";

/** @typedef {import("./blocks.js").Call} Call */

const STARTS = ["with exit value:", "** Reason for termination ==", "exception "];
const OTHERS = "** Client ";
const LONGEST = 16 * 1024;
const CALLED = "in function ";

/** @param {string} text */
export function isErlang(text) {
  return (text.includes('[{file,"') || text.includes(", line ")) && text.includes(".erl");
}

/**
 * The one exception; null where there is no call of Erlang's.
 *
 * @param {string[]} lines
 */
export function erlangBlocks(lines) {
  const text = toldOf(lines);
  let found = [...matches("erlang_term", text)];
  let calls = found.map(ofTerm);
  if (!found.length) {
    found = [...matches("erlang_place", text)];
    calls = found.map(ofPlace);
  }
  if (!found.length) return null;
  const block = new Block("", messageOf(text.slice(0, found[0].index)));
  block.calls = calls.reverse();
  return [block];
}

/**
 * The reason of the process itself as one line.
 *
 * @param {string[]} lines
 */
function toldOf(lines) {
  const kept = [];
  let start = 0;
  let size = 0;
  for (const line of lines) {
    const bare = strip(line, BLANK);
    if (start && (!bare || bare.startsWith(OTHERS))) break;
    const mark = start ? undefined : STARTS.find((one) => bare.includes(one));
    if (mark !== undefined) start = size + bare.indexOf(mark) + mark.length;
    kept.push(bare);
    size += bare.length + 1;
  }
  return head(kept.join(" ").slice(start), LONGEST);
}

/** @param {string} text */
function messageOf(text) {
  return strip(partition(text, CALLED)[0], " ,[{*");
}

/**
 * @param {RegExpExecArray} found
 * @returns {Call}
 */
function ofTerm([, module, name, arity, file, line]) {
  return [file, `${module}:${name}${arity.startsWith("[") ? "" : `/${arity}`}`, digits(line), "", module];
}

/**
 * @param {RegExpExecArray} found
 * @returns {Call}
 */
function ofPlace([, name, file, line]) {
  return [file, partition(name, "(")[0], digits(line), "", partition(name, ":")[0]];
}
