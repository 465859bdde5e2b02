/**
 * The two keys of an error, version 1, as mendwire/model/signature/v1 computes them: `signature` is
 * strict, because the server drops a report whose signature it has seen; `issueKey` is looser and
 * only groups.
 */

import { createHash } from "node:crypto";

import { canonical } from "./canonical.js";
import { VERSION } from "./patterns.js";
import { pathEnd } from "./places.js";

export { parseReport } from "../report.js";
export { canonical } from "./canonical.js";
export { isInApp } from "./places.js";

/** @typedef {import("../report.js").Report} Report */
/** @typedef {import("./canonical.js").Canonical} Canonical */

const DIGITS = 32;

/**
 * @typedef {object} Scope
 * @property {string} namespace
 * @property {string} environment
 * @property {string} [source] separates reports of low trust from trusted ones; a gateway has such
 */

/**
 * The strict key, 32 hex digits: what makes two occurrences the same for the server.
 *
 * @param {Report} report
 * @param {Scope} where
 */
export function signature(report, where) {
  return hashed(hashedBytes(canonical(report), where)[0]);
}

/**
 * The loose key, 32 hex digits: without release, lines, environment and what is before a file's folder.
 *
 * @param {Report} report
 */
export function issueKey(report) {
  return hashed(hashedBytes(canonical(report), { namespace: "", environment: "" })[1]);
}

/**
 * What is hashed for the signature and for the issue key.
 *
 * @param {Canonical} record
 * @param {Scope} where
 * @returns {[Buffer, Buffer]}
 */
export function hashedBytes(record, { namespace, environment, source = "" }) {
  const { tag, body } = tagged(record);
  const scope = packed([tag, "signature", namespace, environment, source, record.service, record.release]);
  const loose = packed([tag, "issue", record.service]);
  return [Buffer.concat([scope, body, nested(strictPart(record))]), Buffer.concat([loose, body])];
}

/**
 * The version and the fields that both keys share. A fingerprint that leaves the algorithm out does
 * not change with the algorithm.
 *
 * @param {Canonical} record
 */
function tagged(record) {
  if (!record.fingerprint.length) return { tag: VERSION, body: nested(standard(record)) };
  const parts = record.fingerprint.map((part) => (isDefault(part) ? standard(record) : packed(["=", part])));
  const tag = record.fingerprint.some(isDefault) ? VERSION : "fingerprint";
  return { tag, body: nested(nested(...parts)) };
}

/** @param {Canonical} record */
function standard(record) {
  return nested(
    packed(record.types),
    Buffer.concat(record.calls.map(([path, name]) => packed([pathEnd(path), name]))),
    packed([record.code, record.template]),
    packed(record.causes.flatMap(([path, name, template]) => [pathEnd(path), name, template])),
  );
}

/**
 * What the signature alone has; nothing where a fingerprint leaves the algorithm out.
 *
 * @param {Canonical} record
 */
function strictPart(record) {
  if (record.fingerprint.length && !record.fingerprint.some(isDefault)) return Buffer.alloc(0);
  const paths = [...record.calls, ...record.causes].map(([path]) => path);
  return packed([record.crashLine, ...record.causeLines, ...paths]);
}

/** @param {string} part */
function isDefault(part) {
  return part.replaceAll(" ", "") === "{{default}}";
}

/**
 * Length-prefixed fields, so that no two lists of texts read alike. A surrogate without its partner
 * becomes U+FFFD.
 *
 * @param {string[]} texts
 */
function packed(texts) {
  return nested(...texts.map((text) => Buffer.from(text, "utf8")));
}

/** @param {Buffer[]} parts */
function nested(...parts) {
  return Buffer.concat(parts.flatMap((part) => [Buffer.from(`${part.length}:`), part, Buffer.from(",")]));
}

/** @param {Buffer} data */
function hashed(data) {
  return createHash("sha256").update(data).digest("hex").slice(0, DIGITS);
}
