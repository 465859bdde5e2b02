/** A report made ready to leave: scrubbed, within the server's limit, with its keys. */

import { dump, loadObject } from "./json.js";
import { errorsSubject, messageId } from "./names.js";
import { capped } from "./occurrence.js";
import { scrubReport } from "./scrub.js";
import { issueKey, parseReport, signature } from "./signature/index.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./json.js").JsonMap} JsonMap */

export const MAX_PAYLOAD = 1024 * 1024;
const ROOM_FOR_HEADERS = 1024;
const SMALLEST = 200;
const ROUNDS = 80;

/**
 * @typedef {object} Outgoing What is published for one report.
 * @property {string} subject
 * @property {string} messageId
 * @property {Uint8Array} payload
 * @property {string} signature
 * @property {string} issue
 */

/**
 * Scrub, trim to `maxPayload` bytes and key one report; throws Undecodable.
 *
 * @param {Uint8Array | string} payload
 * @param {{ namespace: string, environment: string, maxPayload?: number }} where
 * @returns {Outgoing}
 */
export function outgoing(payload, { namespace, environment, maxPayload = MAX_PAYLOAD }) {
  const trimmed = fitted(scrubReport(loadObject(payload)), maxPayload - ROOM_FOR_HEADERS);
  const report = parseReport(trimmed);
  const key = signature(report, { namespace, environment });
  return {
    subject: errorsSubject(namespace, environment),
    messageId: messageId(namespace, environment, key),
    payload: Buffer.from(trimmed),
    signature: key,
    issue: issueKey(report),
  };
}

/**
 * The report as text within `limit` bytes: the largest field loses its middle until it fits.
 *
 * A trimmed report carries `"trimmed": true`. Type, release, service and the like stay.
 *
 * @param {JsonMap} body
 * @param {number} limit
 */
export function fitted(body, limit) {
  let text = dump(body);
  if (Buffer.byteLength(text) <= limit) return text;
  body.set("trimmed", true);
  for (let round = 0; round < ROUNDS; round += 1) {
    text = dump(body);
    const excess = Buffer.byteLength(text) - limit;
    const sizes = Array.from(body, ([name, value]) => ({ name, size: sizeOf(value) }));
    const largest = sizes.reduce((a, b) => (b.size > a.size ? b : a));
    if (excess <= 0 || largest.size <= SMALLEST) break;
    const size = Math.max(largest.size - excess, Math.floor(largest.size / 2));
    body.set(largest.name, smaller(/** @type {Json} */ (body.get(largest.name)), size));
  }
  return dump(body);
}

/**
 * `value` in about `size` bytes of JSON, without its middle.
 *
 * @param {Json} value
 * @param {number} size
 * @returns {Json}
 */
function smaller(value, size) {
  if (typeof value === "string") {
    // A character takes up to six bytes of JSON (an escaped control character).
    const width = Math.max(1, sizeOf(value) / Math.max(1, value.length));
    return capped(value, Math.max(Math.floor(SMALLEST / 4), Math.floor(size / width) - 8));
  }
  if (Array.isArray(value)) return smallerList(value);
  return value instanceof Map && value.size ? smallerObject(value, size) : null;
}

/**
 * @param {JsonMap} value
 * @param {number} size
 */
function smallerObject(value, size) {
  const sizes = Array.from(value, ([name, item]) => ({ name, size: sizeOf(item) + name.length }));
  const { name } = sizes.reduce((a, b) => (b.size > a.size ? b : a));
  const rest = new Map(value);
  rest.delete(name);
  const before = /** @type {Json} */ (value.get(name));
  const part = smaller(before, size - sizeOf(rest));
  const isText = typeof part === "string" && part.length > SMALLEST;
  return isText || part !== before ? rest.set(name.slice(0, SMALLEST), part) : rest;
}

/**
 * First without arguments, then without source lines, then without the middle.
 *
 * @param {Json[]} items
 */
function smallerList(items) {
  for (const name of ["arguments", "code"]) {
    if (items.some((item) => item instanceof Map && item.get(name))) {
      return items.map((item) => {
        if (!(item instanceof Map)) return item;
        const rest = new Map(item);
        rest.delete(name);
        return rest;
      });
    }
  }
  const keep = Math.floor(items.length / 4);
  return keep ? [...items.slice(0, keep), ...items.slice(items.length - keep)] : [];
}

/** @param {Json} value */
function sizeOf(value) {
  return Buffer.byteLength(dump(value));
}
