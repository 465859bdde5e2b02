/** The error report: one occurrence as a server saw it, parsed at the edge. */

import { loadObject, Numeral, Undecodable } from "./json.js";
import { UNKNOWN_RELEASE } from "./release.js";
import { splitLines, stripBlank } from "./text.js";

/** @typedef {import("./values.d.ts").Json} Json */
/** @typedef {import("./values.d.ts").JsonMap} JsonMap */

const MAX_FRAMES = 200;
const MAX_FINGERPRINT = 20;

/**
 * @typedef {object} Frame One call on the stack.
 * @property {string} file
 * @property {number} line 0 is unknown
 * @property {number} column
 * @property {string} function
 * @property {string} module
 * @property {boolean | null} inApp null where the source did not say
 */

/**
 * @typedef {object} Report As much of a report as its keys are made of.
 * @property {string} error
 * @property {string} stack
 * @property {JsonMap} context
 * @property {string} type
 * @property {string} code
 * @property {string} messageTemplate
 * @property {string[]} fingerprint
 * @property {Frame[]} frames outermost first, crash last
 * @property {string} release
 * @property {string} service
 */

/**
 * Read a report in the wire's JSON; throws Undecodable.
 *
 * Missing and mistyped optional fields are read as absent. Only a message with neither `error` nor
 * `stack` text is refused.
 *
 * @param {Uint8Array | string} payload
 * @returns {Report}
 */
export function parseReport(payload) {
  const body = loadObject(payload);
  const given = body.get("context");
  const context = given instanceof Map ? given : new Map();
  const error = textOf(body.get("error"));
  const stack = textOf(body.get("stack"));
  if (!stripBlank(error) && !stripBlank(stack)) {
    throw new Undecodable("The report has neither an 'error' text nor a 'stack'.");
  }
  const fingerprint = body.get("fingerprint");
  const frames = body.get("frames");
  return {
    error: stripBlank(error) ? error : (splitLines(stripBlank(stack)).at(-1) ?? ""),
    stack,
    context,
    type: textOf(body.get("type")),
    code: textOf(body.get("code")),
    messageTemplate: textOf(body.get("message_template")),
    fingerprint: Array.isArray(fingerprint) ? fingerprint.slice(0, MAX_FINGERPRINT).map(textOf) : [],
    frames: Array.isArray(frames) ? framesOf(frames) : [],
    release: textOf(body.get("release")) || textOf(context.get("release")) || UNKNOWN_RELEASE,
    service: textOf(body.get("service")),
  };
}

/** @param {Json[]} items */
function framesOf(items) {
  const half = MAX_FRAMES / 2;
  const kept = items.length <= MAX_FRAMES ? items : [...items.slice(0, half), ...items.slice(-half)];
  return kept.filter((item) => item instanceof Map).map(frameOf);
}

/**
 * @param {JsonMap} item
 * @returns {Frame}
 */
function frameOf(item) {
  const inApp = item.get("in_app");
  return {
    file: textOf(item.get("file")),
    line: ordinal(item.get("line")),
    column: ordinal(item.get("column")),
    function: textOf(item.get("function")),
    module: textOf(item.get("module")),
    inApp: typeof inApp === "boolean" ? inApp : null,
  };
}

/** @param {Json | undefined} value */
function ordinal(value) {
  return value instanceof Numeral && value.isInteger ? Math.max(0, Number(value.text)) : 0;
}

/** @param {Json | undefined} value */
export function textOf(value) {
  if (typeof value === "string") return value;
  return value instanceof Numeral ? value.text : "";
}
