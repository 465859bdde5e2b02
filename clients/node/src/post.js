/** The host's side of the sender's thread: what is handed over, and what is known to have become of it. */

import { Worker } from "node:worker_threads";

import { COUNTERS, makeCounters } from "./counters.js";
import { Admission } from "./tally.js";

/** @typedef {import("./sender.js").Target} Target */

const MAX_QUEUED = 2_000;
const MAX_CHARACTERS = 32 * 1024 * 1024;
const TELL_EVERY_MS = 1_000;
/** What the thread gets beyond the host's bound to put the rest on disk. */
const GRACE_MS = 1_000;
const MEMORY_MB = 256;

export class Post {
  /** @type {Worker | undefined} */
  #worker;
  #counters = makeCounters();
  #posted = 0;
  #characters = 0;
  #tickets = 0;
  #lost = 0;
  #untold = 0;
  #before = { stored: 0, repeated: 0, dropped: 0, swallowed: 0 };
  #isClosed = false;
  /** @type {NodeJS.Timeout | undefined} */
  #telling;
  /** @type {Map<number, (isDelivered: boolean) => void>} */
  #waiting = new Map();
  problem = "";

  /** @param {Omit<Target, "counters">} target */
  constructor(target) {
    this.target = target;
    this.admission = new Admission(target.windowMs);
  }

  /** Make sure that the thread runs. Throws where there can be no threads. */
  start() {
    if (this.#worker || this.#isClosed) return;
    this.#counters = makeCounters();
    this.#posted = this.#characters = 0;
    // What the host preloads (`--import`, NODE_OPTIONS) is for its own threads.
    const worker = new Worker(new URL("./thread.js", import.meta.url), {
      name: "mendwire",
      workerData: { mendwire: { ...this.target, counters: this.#counters } },
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: "" },
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    worker.on("message", (message) => this.#heard(message));
    worker.on("error", (problem) => (this.problem = `The sender's thread ended: ${problem.name}.`));
    worker.on("exit", () => this.#ended(worker));
    worker.unref();
    this.#worker = worker;
  }

  /**
   * Hand one report over; false (and counted) when too much waits already.
   *
   * @param {string} key
   * @param {Omit<import("./sender.js").Captured, "kind">} captured
   */
  report(key, captured) {
    this.start();
    if (!this.#worker || !this.#hasRoom(captured.characters)) {
      const lost = this.admission.forget(key);
      this.#lost += lost;
      this.#untold += lost;
      this.repeated();
      return false;
    }
    this.#posted += 1;
    this.#characters = (this.#characters + captured.characters) | 0;
    this.#worker.postMessage({ kind: "report", ...captured });
    return true;
  }

  /** Something was counted: it is told soon. */
  repeated() {
    this.#telling ??= setTimeout(() => this.#tell(), TELL_EVERY_MS).unref();
  }

  /**
   * Wait until everything so far is on the server; false if it is not, or not in time.
   *
   * @param {number} timeoutMs
   * @param {{ closes?: boolean }} how
   * @returns {Promise<boolean>}
   */
  async flush(timeoutMs, { closes = false } = {}) {
    if (closes) this.#isClosed = true;
    const worker = this.#worker;
    if (!worker) return true;
    const ticket = this.#wish(worker, closes ? timeoutMs : 0);
    worker.ref();
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const isDelivered = await new Promise((resolve) => {
      this.#waiting.set(ticket, resolve);
      timer = setTimeout(() => resolve(false), timeoutMs + (closes ? GRACE_MS : 0));
    });
    clearTimeout(timer);
    this.#waiting.delete(ticket);
    if (closes) await worker.terminate();
    else if (!this.#waiting.size) worker.unref();
    return isDelivered;
  }

  /**
   * The same while the process ends: this thread stands still, the sender's does not.
   *
   * @param {number} timeoutMs
   */
  lastWords(timeoutMs) {
    const worker = this.#worker;
    if (!worker) return true;
    this.#isClosed = true;
    const ticket = this.#wish(worker, timeoutMs);
    const until = performance.now() + timeoutMs + GRACE_MS;
    for (;;) {
      const answered = Atomics.load(this.#counters, COUNTERS.answered);
      if (answered >= ticket) return Atomics.load(this.#counters, COUNTERS.delivered) === 1;
      const left = until - performance.now();
      if (left <= 0) return false;
      Atomics.wait(this.#counters, COUNTERS.answered, answered, left);
    }
  }

  statistics() {
    const now = this.#counted();
    return { ...now, dropped: now.dropped + this.#lost, problem: this.problem };
  }

  /**
   * @param {Worker} worker
   * @param {number} closesWithinMs
   */
  #wish(worker, closesWithinMs) {
    this.#tell();
    this.#tickets += 1;
    worker.postMessage({ kind: "flush", ticket: this.#tickets, closesWithinMs });
    return this.#tickets;
  }

  #tell() {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    const told = this.admission.take();
    if (told.length === 0 && this.#untold === 0) return;
    if (this.#worker) {
      this.#worker.postMessage({ kind: "repeats", told, lost: this.#untold });
      this.#untold = 0;
    } else this.#lost += told.reduce((sum, [, repeats]) => sum + repeats, 0);
  }

  /** @param {number} characters */
  #hasRoom(characters) {
    const waiting = this.#posted - Atomics.load(this.#counters, COUNTERS.taken);
    const size = (this.#characters - Atomics.load(this.#counters, COUNTERS.characters)) | 0;
    return waiting < MAX_QUEUED && size + characters <= MAX_CHARACTERS;
  }

  /** @param {{ problem?: string, ticket?: number, isDelivered?: boolean }} message */
  #heard({ problem, ticket, isDelivered = false }) {
    if (problem !== undefined) this.problem = problem;
    if (ticket !== undefined) this.#waiting.get(ticket)?.(isDelivered);
  }

  /** @param {Worker} worker */
  #ended(worker) {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#lost += this.#posted - Atomics.load(this.#counters, COUNTERS.taken);
    this.#before = this.#counted();
    this.#counters = makeCounters();
    this.#posted = this.#characters = 0;
    for (const answer of this.#waiting.values()) answer(false);
  }

  #counted() {
    const counters = this.#counters;
    const { stored, repeated, dropped, swallowed } = this.#before;
    return {
      stored: stored + Atomics.load(counters, COUNTERS.stored),
      repeated: repeated + Atomics.load(counters, COUNTERS.repeated),
      dropped: dropped + Atomics.load(counters, COUNTERS.dropped),
      swallowed: swallowed + Atomics.load(counters, COUNTERS.swallowed),
    };
  }
}
