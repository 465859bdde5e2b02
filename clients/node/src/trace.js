/**
 * Which trace an error belongs to, as `mendwire/model/trace.py` reads it (decision 25): W3C's Trace
 * Context. The client sends no spans; the worker that takes the message writes its span for it.
 */

import { randomBytes } from "node:crypto";

const REGISTRY = Symbol.for("opentelemetry.js.api.1");
const ACTIVE_SPAN = Symbol.for("OpenTelemetry Context Key SPAN");
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;
const PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/;
const OURS_PARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;
const OURS_STATE = /^mendwire=capture:([0-9a-f]{16}|-):[0-9]{1,19}$/;

/**
 * @typedef {object} Within The span that something happens in.
 * @property {string} traceId 32 hex digits
 * @property {string} spanId 16 hex digits; other texts name none
 */

/**
 * @typedef {object} Carried As a message carries it.
 * @property {string} traceparent
 * @property {string} tracestate
 */

/**
 * The span that this runs in, where the program traces itself with OpenTelemetry.
 *
 * Its API is asked where the program has loaded it, at the place where copies of `@opentelemetry/api`
 * find each other; nothing is loaded for it. Throws what the program's context manager throws.
 *
 * @returns {Within | undefined}
 */
export function currentSpan() {
  const registered = Reflect.get(globalThis, REGISTRY);
  const context = registered?.context?.active()?.getValue(ACTIVE_SPAN)?.spanContext();
  const isValid = TRACE_ID.test(context?.traceId) && SPAN_ID.test(context?.spanId);
  return isValid ? { traceId: context.traceId, spanId: context.spanId } : undefined;
}

/**
 * The span that a request came from, by its header.
 *
 * @param {unknown} traceparent
 * @returns {Within | undefined}
 */
export function spanOf(traceparent) {
  const [, traceId = "", spanId = ""] = PARENT.exec(String(traceparent)) ?? [];
  return TRACE_ID.test(traceId) ? { traceId, spanId } : undefined;
}

/**
 * A report that is taken at `at`, ms since the epoch: in the trace of its program, else in its own.
 *
 * Always marked as sampled: whoever writes spans decides anew.
 *
 * @param {Partial<Within>} within
 * @param {number} at
 * @returns {Carried}
 */
export function taking({ traceId = "", spanId = "" }, at) {
  const isKnown = TRACE_ID.test(traceId);
  const parent = isKnown && SPAN_ID.test(spanId) ? spanId : "-";
  const trace = isKnown ? traceId : randomBytes(16).toString("hex");
  return {
    traceparent: `00-${trace}-${randomBytes(8).toString("hex")}-01`,
    tracestate: `mendwire=capture:${parent}:${BigInt(Math.trunc(at)) * 1_000_000n}`,
  };
}

/**
 * What `taking` made, read again from a file; nothing of what anybody else wrote.
 *
 * @param {any} headers
 * @returns {Carried | undefined}
 */
export function known(headers) {
  const { traceparent, tracestate } = Object(headers);
  const isOurs = OURS_PARENT.test(traceparent) && OURS_STATE.test(tracestate);
  return isOurs ? { traceparent, tracestate } : undefined;
}
