// What the page runs. Each case is over when what it broke has been seen by the SDK.
"use strict";

const seen = () => new Promise((done) => setTimeout(done, 0));

const secret = ["hunter2", "bait"].join("-"); // as from the environment: no source line has it

function charge(order) {
  throw new TypeError(`order ${order} refused: password=${secret}`);
}

const shop = {
  async onerror() {
    const button = document.createElement("button");
    button.onclick = () => charge(17); // the SDK does not wrap these: window.onerror hears of it
    button.click();
    await seen();
  },
  async rejection() {
    Promise.reject(new RangeError("no shelf left"));
    await new Promise((done) => addEventListener("unhandledrejection", done, { once: true }));
    await seen();
  },
  async cause() {
    try {
      JSON.parse("{");
    } catch (problem) {
      const failed = new Error("the order cannot be read", { cause: problem });
      shop.Sentry.captureException(failed);
    }
  },
};
