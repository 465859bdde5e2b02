import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { context, trace } from "@opentelemetry/api";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

import { Spool } from "../src/spool.js";
import { currentSpan, known, spanOf, taking } from "../src/trace.js";

const SPAN = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const HEADER = `00-${SPAN.traceId}-${SPAN.spanId}-01`;

test("the active span of the real API is found, and none outside of it", async () => {
  assert.equal(currentSpan(), undefined);
  const provider = new NodeTracerProvider();
  provider.register();
  try {
    assert.equal(currentSpan(), undefined);
    await trace.getTracer("test").startActiveSpan("work", async (span) => {
      const { traceId, spanId } = span.spanContext();
      await null;
      assert.deepEqual(currentSpan(), { traceId, spanId });
      span.end();
    });
    const nowhere = trace.wrapSpanContext({ traceId: "0".repeat(32), spanId: SPAN.spanId, traceFlags: 1 });
    context.with(trace.setSpan(context.active(), nowhere), () => assert.equal(currentSpan(), undefined));
  } finally {
    await provider.shutdown();
    trace.disable();
    context.disable();
  }
  assert.equal(currentSpan(), undefined);
});

test("a request's header names a span, or nothing", () => {
  assert.deepEqual(spanOf(HEADER), SPAN);
  assert.deepEqual(spanOf(`${HEADER}-what-a-later-version-adds`), SPAN);
  for (const none of [undefined, "", [], HEADER.toUpperCase(), HEADER.replace(SPAN.traceId, "0".repeat(32)), ` ${HEADER}`]) {
    assert.equal(spanOf(none), undefined);
  }
});

test("a report is a part of the program's span, else it begins a trace", () => {
  const { traceparent, tracestate } = taking(SPAN, 1_764_000_000_123);
  assert.match(traceparent, new RegExp(`^00-${SPAN.traceId}-[0-9a-f]{16}-01$`));
  assert.ok(!traceparent.includes(SPAN.spanId));
  assert.equal(tracestate, `mendwire=capture:${SPAN.spanId}:1764000000123000000`);
  for (const none of [{}, { traceId: "x", spanId: SPAN.spanId }, { spanId: SPAN.spanId }]) {
    const own = taking(none, 0);
    assert.ok(spanOf(own.traceparent));
    assert.equal(own.tracestate, "mendwire=capture:-:0");
  }
  assert.equal(taking({ traceId: SPAN.traceId }, 0).tracestate, "mendwire=capture:-:0");
});

test("it is the same after a time on disk, and what others wrote there is not sent", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mendwire-test-"));
  const carried = taking(SPAN, 1);
  const spool = new Spool(folder);
  spool.add({ kind: "report", environment: "", payload: Buffer.from("{}"), id: "", trace: carried });
  spool.add({ kind: "report", environment: "", payload: Buffer.from("{}"), id: "" });
  assert.deepEqual(spool.waiting().map((file) => spool.read(file)?.trace), [carried, undefined]);
  fs.rmSync(folder, { recursive: true });
  for (const foreign of [null, 7, {}, { ...carried, tracestate: "vendor=1" }, { ...carried, traceparent: "x\r\ny: z" }]) {
    assert.equal(known(foreign), undefined);
  }
});
