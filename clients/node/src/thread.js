/** The entry of the sender's thread. */

import { parentPort, workerData } from "node:worker_threads";

import { Sender } from "./sender.js";

if (parentPort && workerData?.mendwire) {
  const sender = new Sender(workerData.mendwire, parentPort);
  parentPort.on("message", (message) => sender.receive(message));
  void sender.run();
}
