/** Any value as something a report can carry: plain data as it is, the rest as short text. */

import { inspect } from "node:util";

const MAX_DEPTH = 6;
const MAX_ITEMS = 200;
const MAX_TEXT = 2_000;
export const UNPRINTABLE = "<unprintable>";

/** @typedef {import("./values.d.ts").Plain} Plain */

/**
 * A copy within bounds that shares nothing with the host's objects and calls none of their methods.
 *
 * @param {unknown} value
 * @returns {Plain}
 */
export function shown(value) {
  return new Copier().copy(value, 0);
}

class Copier {
  /** All items of one value together, so that a wide tree ends too. */
  #left = 2_000;

  /**
   * @param {unknown} value
   * @param {number} depth
   * @returns {Plain}
   */
  copy(value, depth) {
    this.#left -= 1;
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") return value.slice(0, MAX_TEXT);
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (Array.isArray(value) && this.#goesOn(depth)) {
      return value.slice(0, MAX_ITEMS).map((item) => this.copy(item, depth + 1));
    }
    if (isRecord(value) && this.#goesOn(depth)) return this.#record(value, depth);
    return asText(value);
  }

  /** @param {number} depth */
  #goesOn(depth) {
    return depth < MAX_DEPTH && this.#left > 0;
  }

  /**
   * @param {object} value
   * @param {number} depth
   */
  #record(value, depth) {
    /** @type {{ [key: string]: Plain }} */
    const out = Object.create(null);
    for (const key of Object.keys(value).slice(0, MAX_ITEMS)) {
      const found = Object.getOwnPropertyDescriptor(value, key);
      // A getter is the host's code: it is not run.
      out[key.slice(0, MAX_TEXT)] = found && "value" in found ? this.copy(found.value, depth + 1) : "<getter>";
    }
    return out;
  }
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
function isRecord(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** @param {unknown} value */
function asText(value) {
  try {
    if (typeof value === "bigint" || typeof value === "symbol") return String(value).slice(0, MAX_TEXT);
    return inspect(value, {
      depth: 1,
      customInspect: false,
      getters: false,
      maxArrayLength: 20,
      maxStringLength: MAX_TEXT,
    }).slice(0, MAX_TEXT);
  } catch {
    return UNPRINTABLE;
  }
}
