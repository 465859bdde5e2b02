/** A stand-in until signature v1 is there. */
import { createHash } from "node:crypto";
import { loadObject } from "../json.js";
export function parseReport(/** @type {string | Uint8Array} */ payload) { return loadObject(payload); }
export function signature(/** @type {any} */ report, /** @type {any} */ where) { return createHash("sha256").update(JSON.stringify([where, report.get("type"), report.get("error")])).digest("hex").slice(0, 32); }
export function issueKey(/** @type {any} */ report) { return createHash("sha256").update(JSON.stringify([report.get("type"), report.get("error")])).digest("hex").slice(0, 32); }
export function isInApp(/** @type {string} */ file) { return !file.includes("node_modules/") && !file.startsWith("node:") && !file.startsWith("<"); }
