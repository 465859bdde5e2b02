/** The two keys of a report, as the Python side computes them from the same bytes. */

import { environmentOf, namespaceOf } from "./names.js";
import * as keys from "./signature/index.js";

/** @typedef {string | Uint8Array | Readonly<Record<string, unknown>>} Source */

/** @type {typeof import("../index.d.ts").signature} */
export function signature(report, { namespace = "default", environment = "" } = {}) {
  const where = {
    namespace: namespaceOf(namespace),
    environment: environment ? environmentOf(environment) : "",
  };
  return keys.signature(parsed(report), where);
}

/** @type {typeof import("../index.d.ts").issueKey} */
export function issueKey(report) {
  return keys.issueKey(parsed(report));
}

/** @param {Source} report */
function parsed(report) {
  const isText = typeof report === "string" || report instanceof Uint8Array;
  return keys.parseReport(isText ? report : JSON.stringify(report));
}
