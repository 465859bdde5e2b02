/**
 * Keys for reports, to compare with Python's: `{"report": "<JSON>", "namespace", "environment", "source"}`
 * a line in, `{"signature", "issue_key"}` a line out.
 */

import { createInterface } from "node:readline";

import { Undecodable } from "../src/json.js";
import { issueKey, parseReport, signature } from "../src/signature/index.js";

/** @param {string} line */
function answer(line) {
  try {
    const { report: text, ...scope } = JSON.parse(line);
    const report = parseReport(text);
    return { signature: signature(report, scope), issue_key: issueKey(report) };
  } catch (problem) {
    if (problem instanceof Undecodable) return { refused: true };
    throw problem;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(line))}\n`);
}
