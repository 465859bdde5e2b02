/** The calls of a stack that V8 wrote, as a report carries them. */

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { isInApp } from "./signature/index.js";

const HEAD = 50;
const TAIL = 100;
const MAX_CODE = 400;
const MAX_SOURCE = 2 * 1024 * 1024;
const MAX_SOURCES = 100;
const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx|vue|svelte)$/;
const MAX_LINE = 4096;
const PLACE = /^(.+?):([0-9]{1,9})(?::([0-9]{1,9}))?$/;

/**
 * @typedef {object} Frame
 * @property {string} file relative to the directory of the program when it lies below it
 * @property {number} line
 * @property {number} column
 * @property {string} function
 * @property {boolean} in_app
 * @property {string} code
 */

/**
 * Frames, outermost first, at most 150: of a deeper stack the first 50 and the last 100.
 *
 * @param {string} stack
 * @param {string} message of the error: what it says is no call, whatever it looks like
 * @param {string} directory where the program was started
 * @param {Sources} sources
 * @returns {Frame[]}
 */
export function framesOf(stack, message, directory, sources) {
  const calls = below(stack, message).split("\n").map((line) => call(line, directory)).filter((one) => one !== undefined);
  calls.reverse();
  const kept = calls.length > HEAD + TAIL ? [...calls.slice(0, HEAD), ...calls.slice(-TAIL)] : calls;
  return kept.map(({ full, ...frame }) => ({
    ...frame,
    code: frame.in_app ? sources.line(full, frame.line) : "",
  }));
}

/**
 * The stack without its first lines, which repeat the message, and that may say anything.
 *
 * @param {string} stack
 * @param {string} message
 */
function below(stack, message) {
  const at = message ? stack.indexOf(message) : -1;
  if (at >= 0 && !stack.slice(0, at).includes("\n")) return stack.slice(at + message.length);
  // The message was changed after the stack was made: only the calls at the end count.
  const lines = stack.split("\n");
  let first = lines.length;
  while (first > 0 && /^\s+at |^\s*$/.test(lines[first - 1])) first -= 1;
  return lines.slice(first).join("\n");
}

/**
 * @param {string} line
 * @param {string} directory
 */
function call(line, directory) {
  const text = line.trim();
  if (!text.startsWith("at ") || text.length > MAX_LINE) return undefined;
  const body = text.slice(3);
  const open = body.endsWith(")") ? body.indexOf(" (") : -1;
  const place = PLACE.exec(evaluated(open < 0 ? body : body.slice(open + 2, -1)));
  if (place === null) return undefined;
  const full = plainPath(place[1].replace(/^async /, ""));
  const isBelow = full.startsWith(directory.endsWith(path.sep) ? directory : directory + path.sep);
  const file = (isBelow ? path.relative(directory, full) : full).replaceAll("\\", "/");
  return {
    file,
    line: Number(place[2]),
    column: Number(place[3] ?? 0),
    function: open < 0 ? "" : body.slice(0, open),
    in_app: isInApp(file),
    full,
  };
}

/**
 * The place; of evaluated code the one where it was evaluated.
 *
 * @param {string} where
 */
function evaluated(where) {
  if (!where.startsWith("eval at ")) return where;
  const inner = where.slice(where.lastIndexOf("(") + 1);
  return inner.slice(0, Math.max(0, inner.indexOf(")")));
}

/** @param {string} file */
function plainPath(file) {
  if (!file.startsWith("file://")) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

/** Lines of the program's own source files, of which the latest hundred are kept. */
export class Sources {
  /** @type {Map<string, string[]>} */
  #files = new Map();

  /**
   * The line, trimmed; empty where it cannot be read.
   *
   * @param {string} file
   * @param {number} line
   */
  line(file, line) {
    return (this.#lines(file)[line - 1] ?? "").trim().slice(0, MAX_CODE);
  }

  /** @param {string} file */
  #lines(file) {
    const known = this.#files.get(file);
    if (known) return known;
    const lines = readLines(file);
    this.#files.set(file, lines);
    if (this.#files.size > MAX_SOURCES) {
      this.#files.delete(/** @type {string} */ (this.#files.keys().next().value));
    }
    return lines;
  }
}

/** @param {string} file */
function readLines(file) {
  try {
    if (!path.isAbsolute(file) || !SOURCE.test(file)) return [];
    const found = fs.statSync(file);
    if (!found.isFile() || found.size > MAX_SOURCE) return [];
    return fs.readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
