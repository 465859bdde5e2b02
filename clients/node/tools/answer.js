/** Keys for reports: a JSON text with a report a line in, `{"signature", "issue_key"}` a line out. */

import { createInterface } from "node:readline";

import { Undecodable } from "../src/json.js";
import { issueKey, parseReport, signature } from "../src/signature/index.js";

const where = { namespace: "shop", environment: "production" };

/** @param {string} line */
function answer(line) {
  try {
    const report = parseReport(JSON.parse(line));
    return { signature: signature(report, where), issue_key: issueKey(report) };
  } catch (problem) {
    if (problem instanceof Undecodable) return { refused: true };
    throw problem;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(line))}\n`);
}
