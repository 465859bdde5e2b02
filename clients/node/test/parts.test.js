import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { framesOf, Sources } from "../src/frames.js";
import { dump, loadObject } from "../src/json.js";
import { environmentOf, namespaceOf } from "../src/names.js";
import { linksOf, roughKey, stackText } from "../src/occurrence.js";
import { fitted } from "../src/outgoing.js";
import { shown } from "../src/plain.js";
import { fromPython } from "../src/python.js";
import { releaseOf } from "../src/release.js";
import { findServer, splitUrls } from "../src/settings.js";
import { Spool } from "../src/spool.js";
import { Admission, MAX_KINDS, Tally } from "../src/tally.js";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mendwire-test-"));
test.after(() => fs.rmSync(folder, { recursive: true }));

test("a storm lets the first through and counts the rest, and windows end", () => {
  let now = 0;
  const admission = new Admission(60, () => now);
  const first = admission.admit("a");
  assert.ok(first > 0);
  for (let n = 0; n < 5; n += 1) assert.equal(admission.admit("a"), 0);
  assert.deepEqual(admission.take(), [[first, 5]]);
  assert.deepEqual(admission.take(), []);
  admission.admit("a");
  now = 61;
  assert.ok(admission.admit("a") > first);
  assert.deepEqual(admission.take(), [[first, 1]]);
  assert.equal(admission.forget("a"), 1);
});

test("more kinds than are kept lose no count", () => {
  const admission = new Admission(60_000);
  admission.admit("first");
  admission.admit("first");
  for (let n = 0; n <= MAX_KINDS; n += 1) admission.admit(`kind ${n}`);
  assert.deepEqual(admission.take(), [[1, 1]]);
});

test("kinds with one signature are one, and what was told is not told again", () => {
  let now = 0;
  const tally = new Tally(60, () => now);
  assert.ok(tally.bind(1, "s", "i"));
  assert.ok(!tally.bind(2, "s", "i"));
  assert.ok(tally.repeated(1, 3) && tally.repeated(2, 2));
  assert.ok(!tally.repeated(9, 1));
  assert.deepEqual(tally.take(), [{ signature: "s", issue: "i", repeats: 6 }]);
  assert.deepEqual(tally.take(), []);
  now = 61;
  tally.repeated(1, 1);
  assert.ok(tally.bind(3, "s", "i"));
  assert.equal(tally.take()[0].repeats, 1);
});

test("the spool is private, bounded and in order, and survives damage", () => {
  const spool = new Spool(path.join(folder, "spool"), { maxFiles: 3, maxBytes: 100 });
  const item = (/** @type {string} */ text) => /** @type {const} */ ({ kind: "report", environment: "", payload: Buffer.from(text), id: "" });
  assert.ok(spool.isEmpty());
  assert.ok(spool.add(item("{1}")) && spool.add(item("{2}\n{3}")));
  assert.ok(!spool.add(item("x".repeat(200))));
  const [first, second] = spool.waiting();
  assert.equal(Buffer.from(spool.read(second)?.payload ?? []).toString(), "{2}\n{3}");
  assert.equal(fs.statSync(spool.folder).mode & 0o077, 0);
  fs.writeFileSync(first, "damaged");
  assert.equal(spool.read(first), undefined);
  assert.deepEqual(spool.waiting(), [second]);
  spool.add(item("4"));
  spool.add(item("5"));
  assert.ok(!spool.add(item("6")));
});

test("one sender at a time, and none waits for a dead one", () => {
  const spool = new Spool(path.join(folder, "lock"));
  fs.mkdirSync(spool.folder);
  const lock = path.join(spool.folder, "sending-node.lock");
  assert.ok(spool.claim());
  spool.touch();
  spool.release();
  fs.writeFileSync(lock, `${os.hostname()} ${process.ppid}\n`);
  assert.ok(!spool.claim());
  fs.utimesSync(lock, 0, 0);
  assert.ok(spool.claim());
});

test("frames come from the calls, not from what a message says", () => {
  const source = path.join(folder, "app.js");
  fs.writeFileSync(source, "one\n  two();\nthree\n");
  const message = `bad\n    at fake (${folder}/app.js:1:1)`;
  const stack = [
    `Error: ${message}`,
    `    at inner (${folder}/app.js:2:3)`,
    `    at async Promise.all (index 0)`,
    `    at Array.map (<anonymous>)`,
    `    at Shop.buy [as sell] (file://${folder}/node_modules/x/y.js:10:20)`,
    `    at eval (eval at run (${folder}/app.js:3:7), <anonymous>:1:10)`,
    `    at async file://${folder}/a%20b.mjs:7:8`,
    "    at node:internal/main:1:2",
  ].join("\n");
  const found = framesOf(stack, message, folder, new Sources());
  assert.deepEqual(
    found.map((one) => [one.file, one.line, one.column, one.function, one.in_app, one.code]),
    [
      ["node:internal/main", 1, 2, "", false, ""],
      ["a b.mjs", 7, 8, "", true, ""],
      ["app.js", 3, 7, "eval", true, "three"],
      ["node_modules/x/y.js", 10, 20, "Shop.buy [as sell]", false, ""],
      ["app.js", 2, 3, "inner", true, "two();"],
    ],
  );
  const changed = framesOf(stack, "another message", folder, new Sources());
  assert.equal(changed.length, 5 + 1);
});

test("no error is too strange to be told", () => {
  class PaymentFailed extends Error {}
  const hostile = new Error("x");
  Object.defineProperty(hostile, "stack", { get: () => { throw new Error("no"); } });
  Object.defineProperty(hostile, "cause", { value: hostile });
  const cases = /** @type {[unknown, string, string][]} */ ([
    [new PaymentFailed("no money"), "PaymentFailed", "no money"],
    [Object.assign(new Error("gone"), { name: "AbortError" }), "AbortError", "gone"],
    [hostile, "Error", "x"],
    ["text", "", "text"],
    [undefined, "", "undefined"],
    [{ a: 1, get b() { throw new Error("no"); } }, "", '{"a":1,"b":"<getter>"}'],
    [{ name: "Foreign", message: "realm", stack: "Foreign: realm\n    at x (y.js:1:1)" }, "Foreign", "realm"],
    [new Proxy(new Error("p"), { get: () => { throw new Error("no"); } }), "", ""],
  ]);
  for (const [thrown, type, message] of cases) {
    const [first] = linksOf(thrown);
    assert.equal(first.type, type);
    if (message) assert.equal(first.message, message);
    assert.ok(roughKey([first]));
  }
});

test("causes and the members of an AggregateError follow", () => {
  const root = new RangeError("root");
  const group = new AggregateError([new TypeError("one"), root], "several", { cause: root });
  const links = linksOf(new Error("outer", { cause: group }));
  assert.deepEqual(links.map((one) => one.type), ["Error", "AggregateError", "RangeError", "TypeError"]);
  const text = stackText(links);
  assert.match(text, /^Error: outer\n {4}at /);
  assert.match(text, /^ {2}\[cause\]: AggregateError: several$/m);
});

test("a long key is hashed and still tells apart", () => {
  const [a, b] = ["a", "b"].map((end) => roughKey(linksOf(new Error("x".repeat(9000) + end))));
  assert.ok(a.length < 100 && a !== b);
});

test("context is copied within bounds and runs none of the host's code", () => {
  /** @type {any} */
  const loop = { n: 1n, when: new Date(0), fn() {}, nan: NaN, list: Array(500).fill(1) };
  loop.self = loop;
  const copied = /** @type {any} */ (shown(loop));
  assert.equal(copied.n, "1");
  assert.equal(copied.list.length, 200);
  assert.ok(JSON.stringify(copied).length < 20_000);
});

test("a report is trimmed to what the server takes, its largest field first", () => {
  const body = loadObject(JSON.stringify({ error: "E", type: "T", stack: "é\n".repeat(50_000), frames: Array(200).fill({ file: "a.js", code: "x".repeat(300) }) }));
  const text = fitted(body, 20_000);
  assert.ok(Buffer.byteLength(text) <= 20_000);
  const read = JSON.parse(text);
  assert.deepEqual([read.error, read.type, read.trimmed], ["E", "T", true]);
  assert.equal(dump(loadObject(text)), text);
});

test("patterns mean what they mean in Python", () => {
  const cases = /** @type {[string, string, boolean][]} */ ([
    ["\\bkey\\b", "Schlükey", false],
    ["^a$", "a\n", true],
    ["a.b", "a\rb", true],
    ["a.b", "a\nb", false],
    ["[\\w.-]+\\Z", "é.1-", true],
    ["(?i)BEARER", "bearer", true],
    ["\\s", "\ufeff", false],
    ["\\s", "\x1c", true],
    ["(?P<name>x)]}", "x]}", true],
    ["[]a]", "]", true],
    ["a{2}\\#", "aa#", true],
  ]);
  for (const [pattern, text, isThere] of cases) {
    assert.equal(fromPython({ pattern }).test(text), isThere, pattern);
  }
});

test("names and the release are those of Python", () => {
  assert.equal(namespaceOf(" AI_Tutor "), "ai_tutor");
  assert.equal(environmentOf("Staging"), "staging");
  for (const bad of ["", "1a", "a.b", "x".repeat(33)]) assert.throws(() => namespaceOf(bad), /NATS_NAMESPACE/);
  assert.throws(() => environmentOf("errors"), /no environment/);
  assert.equal(releaseOf({ GIT_COMMIT: " abc ", npm_package_version: "1.0.0" }), "abc");
  assert.equal(releaseOf({ npm_package_version: "1.0.0" }), "1.0.0");
  assert.equal(releaseOf({}), "unknown");
});

test("servers and logins are found as the nats command finds them", () => {
  assert.deepEqual(splitUrls("nats://a:p%40@h:4222, h2"), { urls: ["nats://h:4222", "nats://h2"], user: "a", password: "p@" });
  for (const bad of ["http://h", "nats://h:x", "nats://", "nats://a b"]) assert.throws(() => splitUrls(bad), /no server address/);
  assert.throws(() => splitUrls("nats://a:1@h,nats://b:2@h"), /several users/);
  const context = path.join(folder, "context.json");
  fs.writeFileSync(context, JSON.stringify({ url: "tls://n1:4222", user: "anna", password: "made-up" }));
  const home = { HOME: folder };
  const found = findServer({ ...home, NATS_CONTEXT: context, NATS_TOKEN: "made-up-token" }, folder).address;
  assert.deepEqual([found.urls, found.user, found.token], [["tls://n1:4222"], "", "made-up-token"]);
  assert.equal(findServer({ ...home, NATS_NAMESPACE: "x" }, folder).address.urls[0], "nats://localhost:4222");
  assert.throws(() => findServer(home, folder), /set NATS_URL/);
  assert.throws(() => findServer({ ...home, NATS_CONTEXT: "../x" }, folder), /no name of a context/);
  fs.mkdirSync(path.join(folder, ".mendwire", "nats"), { recursive: true });
  fs.copyFileSync(context, path.join(folder, ".mendwire", "nats", "context.json"));
  assert.ok(findServer(home, folder).isEmbedded);
});
