import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";

import { dump, loadObject } from "../src/json.js";
import { scrubReport, scrubText } from "../src/scrub.js";

/** @type {{ text: string[], secret: string | null }[]} in pieces, so that no bait looks real in this file */
const CASES = JSON.parse(fs.readFileSync(new URL("./secrets.json", import.meta.url), "utf8"));

for (const { text: pieces, secret } of CASES) {
  const text = pieces.join("");
  test(`scrubbing: ${text.slice(0, 40)}`, () => {
    const scrubbed = scrubText(text);
    if (secret === null) assert.equal(scrubbed, text);
    else assert.ok(!scrubbed.includes(secret) && scrubbed.includes("[scrubbed:"), scrubbed);
    assert.equal(scrubText(scrubbed), scrubbed);
  });
}

test("names of keys tell, wherever they stand", () => {
  const body = loadObject(
    JSON.stringify({
      error: "E",
      context: {
        password: "x",
        "x-api-key": 12,
        headers: [["Authorization", "y"], { name: "Cookie", value: "z" }],
        empty: { password: "", token: null, secret: [] },
        order: 7,
      },
      frames: [{ file: "token.js", function: "password", line: 3, code: "password = 'hunter2-x'" }],
    }),
  );
  assert.deepEqual(JSON.parse(dump(scrubReport(body))), {
    error: "E",
    context: {
      password: "[scrubbed:password]",
      "x-api-key": "[scrubbed:api_key]",
      headers: [
        ["Authorization", "[scrubbed:authorization]"],
        { name: "Cookie", value: "[scrubbed:cookie]" },
      ],
      empty: { password: "", token: null, secret: [] },
      order: 7,
    },
    frames: [{ file: "token.js", function: "password", line: 3, code: "password = '[scrubbed:password]'" }],
  });
});
