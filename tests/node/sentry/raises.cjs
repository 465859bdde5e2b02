// A program with the real @sentry/node that breaks in the way it is told to.
// node raises.cjs CASE, with SENTRY_DSN and SENTRY_RELEASE in the environment. Secrets are bait.
"use strict";
const Sentry = require("@sentry/node");

Sentry.init({ serverName: "web-1" });

const secret = ["hunter2", "bait"].join("-"); // as from the environment: no source line has it

function charge(order) {
  throw new TypeError(`order ${order} refused: password=${secret}`);
}

class OrderFailed extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "OrderFailed";
  }
}

const cases = {
  unhandled() {
    setImmediate(() => charge(17)); // past the module loader, as a server's handler is
  },
  rejection() {
    Promise.reject(new RangeError("no shelf left"));
  },
  cause() {
    try {
      JSON.parse("{");
    } catch (problem) {
      Sentry.captureException(new OrderFailed("the order cannot be read", { cause: problem }));
    }
  },
  aggregate() {
    const problems = [new TypeError("no price"), new RangeError("no stock")];
    Sentry.captureException(new AggregateError(problems, "two imports failed"));
  },
  async asynchronous() {
    async function fetchStock() {
      await new Promise((done) => setTimeout(done, 1));
      throw new Error("the warehouse hung up");
    }
    async function refill() {
      await fetchStock();
    }
    await refill().catch((problem) => Sentry.captureException(problem));
  },
  recursion() {
    Error.stackTraceLimit = 1000;
    function walk(depth) {
      return depth ? walk(depth - 1) + 1 : charge(17);
    }
    try {
      walk(998);
    } catch (problem) {
      Sentry.captureException(problem);
    }
  },
  large() {
    const rows = Array.from({ length: 900 }, (_, at) => `row ${at} of the import ${"x".repeat(80)}`);
    Sentry.withScope((scope) => {
      scope.setExtra("rows", rows.join("\n"));
      try {
        charge(17);
      } catch (problem) {
        Sentry.captureException(problem);
      }
    });
  },
  repeats() {
    for (let order = 0; order < 25; order++) {
      try {
        charge(order);
      } catch (problem) {
        Sentry.captureException(problem);
      }
    }
  },
  message() {
    Sentry.captureMessage("the stock is empty", "error");
    Sentry.captureMessage("the stock is low", "info");
  },
};

(async () => {
  await cases[process.argv[2]]();
  await Sentry.flush(10_000);
})();
