/**
 * What was thrown, as facts: texts alone, taken on the host's thread. What costs more than reading
 * them (frames, source lines, scrubbing, keys) is done by the sender's thread.
 */

import { createHash } from "node:crypto";
import { types } from "node:util";

import { shown } from "./plain.js";

const MAX_MESSAGE = 16_000;
const MAX_STACK = 64_000;
const MAX_CODE = 64;
const CHAIN = 10;
const MAX_KEY = 8_192;
const CODES = ["code", "sqlState", "status", "statusCode", "errno"];

/**
 * @typedef {object} Link One error of a chain.
 * @property {string} type the class as a person would name it; empty for what is no error
 * @property {string} message
 * @property {string} stack as V8 wrote it: `Type: message`, then the calls, the crash first
 * @property {string} code
 * @property {string} role how it hangs on the one before: `cause`, or `errors` of an AggregateError
 * @property {number} depth 0 for what was thrown
 */

/**
 * The error that was thrown and what caused it, at most ten.
 *
 * @param {unknown} thrown
 * @returns {Link[]}
 */
export function linksOf(thrown) {
  /** @type {Link[]} */
  const links = [];
  /** @type {Set<unknown>} */
  const met = new Set();
  /** @type {[unknown, string, number][]} */
  const open = [[thrown, "", 0]];
  while (open.length && links.length < CHAIN) {
    const [value, role, depth] = /** @type {[unknown, string, number]} */ (open.shift());
    if (met.has(value)) continue;
    met.add(value);
    links.push(link(value, role, depth));
    if (!isErrorLike(value)) continue;
    const cause = read(value, "cause");
    if (cause !== undefined && cause !== null) open.push([cause, "cause", depth + 1]);
    const errors = read(value, "errors");
    if (Array.isArray(errors)) {
      open.push(...errors.slice(0, CHAIN).map((one) => /** @type {[unknown, string, number]} */ ([one, "errors", depth + 1])));
    }
  }
  return links;
}

/**
 * What is cheap to compare: the same types, messages and stacks mean the same signature.
 *
 * @param {Link[]} links
 */
export function roughKey(links) {
  const key = links.map((one) => `${one.type}\0${one.message}\0${one.code}\0${one.stack}`).join("\x01");
  return key.length > MAX_KEY ? createHash("sha256").update(key).digest("base64") : key;
}

/**
 * The chain as text, in the form in which Node prints it.
 *
 * @param {Link[]} links
 */
export function stackText(links) {
  const blocks = links.map(({ role, depth, stack }) => {
    const text = role ? `[${role === "errors" ? "cause" : role}]: ${stack}` : stack;
    return depth ? text.replace(/^/gm, "  ".repeat(depth)) : text;
  });
  return capped(blocks.join("\n"), MAX_STACK);
}

/**
 * At most `limit` characters: two thirds from the head, the rest from the tail.
 *
 * @param {string} text
 * @param {number} limit
 */
export function capped(text, limit) {
  if (text.length <= limit) return text;
  const head = Math.floor((limit * 2) / 3);
  return `${text.slice(0, head)}\n${text.slice(text.length - (limit - head - 1))}`;
}

/**
 * @param {unknown} value
 * @param {string} role
 * @param {number} depth
 * @returns {Link}
 */
function link(value, role, depth) {
  if (!isErrorLike(value)) {
    const plain = shown(value);
    const told = typeof value === "string" ? value : typeof plain === "string" ? plain : JSON.stringify(plain);
    const message = capped(told, MAX_MESSAGE);
    return { type: "", message, stack: role ? message : "", code: "", role, depth };
  }
  const type = typeOf(value);
  const message = capped(text(read(value, "message")), MAX_MESSAGE);
  const stack = text(read(value, "stack")) || (message ? `${type}: ${message}` : type);
  return { type, message, stack: capped(stack, MAX_STACK), code: codeOf(value), role, depth };
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
function isErrorLike(value) {
  if (types.isNativeError(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  return typeof read(value, "stack") === "string" && typeof read(value, "message") === "string";
}

/**
 * The name, or that of the class where a class did not bother to set one; minified names tell nothing.
 *
 * @param {object} error
 */
function typeOf(error) {
  const name = text(read(error, "name"));
  const made = read(error, "constructor");
  const own = typeof made === "function" ? text(made.name) : "";
  return (name === "Error" || name === "") && own.length > 2 ? own : name || "Error";
}

/** @param {object} error */
function codeOf(error) {
  for (const name of CODES) {
    const value = read(error, name);
    if (typeof value === "number" || (typeof value === "string" && value !== "")) {
      return String(value).slice(0, MAX_CODE);
    }
  }
  return "";
}

/**
 * A property, whatever stands behind it.
 *
 * @param {object} value
 * @param {string} name
 * @returns {unknown}
 */
function read(value, name) {
  try {
    return /** @type {Record<string, unknown>} */ (value)[name];
  } catch {
    return undefined;
  }
}

/** @param {unknown} value */
function text(value) {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : "";
}
