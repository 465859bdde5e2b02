import assert from "node:assert/strict";
import { test } from "node:test";

import { dump, floatText, loadObject, Numeral, Undecodable } from "../src/json.js";

test("numbers keep the text that Python prints for them", () => {
  const cases = { "12345678901234567890": "12345678901234567890", "-0": "0", "-0.0": "-0.0", "1e3": "1000.0", "1E-5": "1e-05", "1e16": "1e+16", "123456789012345.6": "123456789012345.6", "0.0001": "0.0001", "1e400": "inf", "1e22": "1e+22" };
  for (const [written, shown] of Object.entries(cases)) {
    const value = loadObject(`{"x": ${written}}`).get("x");
    assert.ok(value instanceof Numeral);
    assert.equal(value.text, shown);
  }
  assert.equal(floatText(5e-324), "5e-324");
});

test("keys keep their order, and the last of the same ones counts", () => {
  const read = loadObject('{"2": 1, "1": 2, "__proto__": {"a": []}, "2": 3}');
  assert.equal(dump(read), '{"2": 3, "1": 2, "__proto__": {"a": []}}');
});

test("what is no object that could be a report is refused", () => {
  const bad = ["", "[]", "1", '{"a":1,}', '{"a":01}', '{"a":"\n"}', "{'a':1}", '{"a":1} x', '{"a":\u00a01}', '\ufeff{"a":1}', `{"a":${"9".repeat(4301)}}`, `{"a":${"[".repeat(64)}${"]".repeat(64)}}`, '{"a":"\\x"}'];
  for (const text of bad) assert.throws(() => loadObject(text), Undecodable, text);
  assert.throws(() => loadObject(Uint8Array.of(123, 0xff, 125)), Undecodable);
});

test("a lone surrogate leaves as a question mark", () => {
  assert.equal(dump(loadObject('{"a": "\\ud800x\\ud83d\\ude00"}')), '{"a": "?x😀"}');
});
