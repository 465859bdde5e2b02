// A program with OpenTelemetry's SDK for Node that breaks in several ways.
//
//   node shop.js json|protobuf batched|singly
//
// Address and key come from OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS.
import { readFile } from "node:fs/promises";
import { SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes, defaultResource } from "@opentelemetry/resources";
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";

const [encoding, how] = process.argv.slice(2);
const resource = defaultResource().merge(
  resourceFromAttributes({
    "service.name": "shop",
    "service.version": "2.0.0",
    "deployment.environment.name": "production",
  }),
);
const exporter = encoding === "json" ? new JsonExporter() : new ProtobufExporter();
const spans = new NodeTracerProvider({
  resource,
  spanProcessors: [
    how === "batched" ? new BatchSpanProcessor(exporter) : new SimpleSpanProcessor(exporter),
  ],
});
spans.register();
const recordExporter = new OTLPLogExporter();
const records = new LoggerProvider({
  resource,
  processors: [
    how === "batched"
      ? new BatchLogRecordProcessor({ exporter: recordExporter })
      : new SimpleLogRecordProcessor({ exporter: recordExporter }),
  ],
});
const tracer = trace.getTracer("shop.tracing");
const logger = records.getLogger("shop");

// What instrumentation does: the exception is recorded on every span that it leaves.
async function within(name, work) {
  return tracer.startActiveSpan(name, { kind: SpanKind.SERVER }, async (span) => {
    try {
      return await work(span);
    } catch (problem) {
      span.recordException(problem);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw problem;
    } finally {
      span.end();
    }
  });
}

function logException(problem, body) {
  logger.emit({
    severityNumber: SeverityNumber.ERROR,
    body,
    context: context.active(),
    attributes: {
      "exception.type": problem.name,
      "exception.message": problem.message,
      "exception.stacktrace": problem.stack,
    },
  });
}

class PaymentError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "PaymentError";
  }
}

async function charge() {
  await null;
  try {
    JSON.parse("{");
  } catch (cause) {
    throw new PaymentError("no coverage", { cause });
  }
}

function dig(depth) {
  return dig(depth + 1) + 1;
}

const scenes = [
  // Nested, chained, after an await, and logged.
  () =>
    within("POST /orders", async () => {
      try {
        await within("checkout", () => within("pay", charge));
      } catch (problem) {
        logException(problem, "order 7 was not paid");
      }
    }),
  // A span has the code for the type, a log has the name.
  () =>
    within("file", async () => {
      try {
        await within("read", () => readFile("/nowhere/at/all"));
      } catch (problem) {
        logException(problem, "no file");
      }
    }),
  () =>
    within("aggregate", async () => {
      throw new AggregateError([new TypeError("first"), new RangeError("second")], "many");
    }),
  () => within("recursion", async () => dig(0)),
  async () => {
    logger.emit({
      severityNumber: SeverityNumber.FATAL,
      body: { message: "stock is empty", sku: 4 },
    });
    logger.emit({ severityNumber: SeverityNumber.WARN, body: "all but well" });
  },
];
Error.stackTraceLimit = 1000;
for (const scene of scenes) {
  await scene().catch(() => {});
}
await spans.shutdown();
await records.shutdown();
