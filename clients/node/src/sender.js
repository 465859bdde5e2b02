/**
 * The one thread behind capture: it makes reports ready and sees to it that they reach the server.
 *
 * While the server is away, or refuses, everything goes to the spool. The thread starts when there is
 * something to send, and a host that has no errors never loads a NATS client.
 */

import { COUNTERS } from "./counters.js";
import { Courier, isFinal, sentence } from "./courier.js";
import { framesOf, Sources } from "./frames.js";
import { outgoing } from "./outgoing.js";
import { Spool } from "./spool.js";
import { Tally } from "./tally.js";
import { taking } from "./trace.js";

/** @typedef {import("./spool.js").Spooled} Spooled */

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 15_000;
const COUNT_EVERY_MS = 5_000;
const TOGETHER = 64;

/**
 * @typedef {object} Target What the thread is given.
 * @property {import("./settings.js").Address} address
 * @property {Record<string, string>} variables
 * @property {string} namespace
 * @property {string} environment empty: the plain subject
 * @property {string} spool
 * @property {string} directory where the program was started
 * @property {number} windowMs
 * @property {Int32Array} counters
 */

/**
 * @typedef {object} Captured One report as the host's thread hands it over.
 * @property {"report"} kind
 * @property {number} id of its kind
 * @property {Record<string, unknown>} body
 * @property {number} at when it was taken, ms since the epoch
 * @property {Partial<import("./trace.js").Within>} within the span that it happened in
 * @property {string} trace of the error itself, without its causes
 * @property {string} message
 * @property {number} characters
 */

/** @typedef {{ kind: "repeats", told: [number, number][], lost: number }} Repeats also what found no room */
/** @typedef {{ kind: "flush", ticket: number, closesWithinMs: number }} Flush */

export class Sender {
  /** @type {{ item: Spooled, characters: number }[]} */
  #ready = [];
  /** @type {Flush[]} */
  #wishes = [];
  /** @type {Map<string, number>} what was dropped and not yet told, by reason */
  #untold = new Map();
  /** @type {Set<Spooled>} what was sent and not yet answered */
  #flying = new Set();
  #closing = false;
  #wake = new Signal();
  #closed = new Signal();
  #sources = new Sources();

  /**
   * @param {Target} target
   * @param {import("node:worker_threads").MessagePort} port
   */
  constructor(target, port) {
    this.target = target;
    this.port = port;
    this.spool = new Spool(target.spool);
    this.tally = new Tally(target.windowMs);
  }

  /** @param {Captured | Repeats | Flush} message */
  receive(message) {
    if (message.kind === "report") this.#digest(message);
    else if (message.kind === "repeats") this.#count(message);
    else this.#wished(message);
    this.#wake.give();
  }

  /** Deliver until the host closes; what could not be sent is in the spool then. */
  async run() {
    let wait = FIRST_WAIT_MS;
    while (!this.#closing) {
      const started = performance.now();
      await Promise.race([this.#deliver().catch((problem) => this.#failed(problem)), this.#closed.wait()]);
      if (this.#closing) break;
      const lasted = performance.now() - started > LONGEST_WAIT_MS;
      wait = lasted ? FIRST_WAIT_MS : Math.min(wait * 2, LONGEST_WAIT_MS);
      await this.#pause(wait);
    }
    this.#guard(() => this.#store({ counts: true }));
    this.#answer(this.#wishes, this.spool.isEmpty());
    this.port.close();
  }

  /** @param {Captured} captured */
  #digest({ id, body, at, within, trace, message, characters }) {
    const made = this.#guard(() => {
      const { directory, namespace, environment } = this.target;
      const frames = framesOf(trace, message, directory, this.#sources);
      const crash = frames.findLast((frame) => frame.in_app) ?? frames.at(-1);
      const context = { ...(crash && { file: crash.file, line: crash.line }), ...Object(body.context) };
      return outgoing(JSON.stringify({ ...body, context, frames }), { namespace, environment });
    });
    if (made && this.tally.bind(id, made.signature, made.issue)) {
      const { environment } = this.target;
      /** @type {Spooled} */
      const item = { kind: "report", environment, payload: made.payload, id: "", trace: taking(within, at) };
      this.#ready.push({ item, characters });
      return;
    }
    if (!made) this.#drop("not readable");
    this.#taken(characters);
  }

  /** @param {Repeats} message */
  #count({ told, lost }) {
    if (lost) this.#toTell("queue full", lost);
    for (const [id, repeats] of told) {
      if (!this.tally.repeated(id, repeats)) this.#drop("report dropped", repeats);
    }
  }

  /** @param {Flush} wish */
  #wished(wish) {
    this.#wishes.push(wish);
    if (wish.closesWithinMs > 0) setTimeout(() => this.#close(), wish.closesWithinMs);
  }

  #close() {
    this.#closing = true;
    this.#closed.give();
    this.#wake.give();
  }

  async #deliver() {
    const courier = await Courier.connected(this.target, () => this.#wake.give());
    try {
      await this.#serve(courier);
    } finally {
      await courier.leave();
    }
  }

  /** @param {Courier} courier */
  async #serve(courier) {
    let told = performance.now();
    while (!this.#closing) {
      this.#wake.clear();
      const wished = [...this.#wishes];
      await this.#sendSpooled(courier);
      await this.#sendReady(courier);
      if (wished.length || performance.now() - told > COUNT_EVERY_MS) {
        await this.#sendCounts(courier);
        told = performance.now();
      }
      courier.check();
      this.port.postMessage({ problem: "" });
      this.#answer(wished, true);
      if (wished.some((wish) => wish.closesWithinMs > 0)) return this.#close();
      await this.#wake.wait(COUNT_EVERY_MS);
    }
  }

  /** @param {Courier} courier */
  async #sendSpooled(courier) {
    if (this.spool.isEmpty() || !this.spool.claim()) return;
    try {
      const files = this.spool.waiting();
      for (let at = 0; at < files.length && !this.#closing; at += TOGETHER) {
        await Promise.all(files.slice(at, at + TOGETHER).map((file) => this.#sendFile(courier, file)));
        this.spool.touch();
      }
    } finally {
      this.spool.release();
    }
  }

  /**
   * @param {Courier} courier
   * @param {string} file
   */
  async #sendFile(courier, file) {
    const item = this.spool.read(file);
    if (!item) return;
    try {
      await this.#send(courier, item);
    } catch (problem) {
      this.spool.noteTried(file);
      throw problem;
    }
    this.spool.remove(file);
  }

  /**
   * What waited when this was called, several at once and in order; what fails stays.
   *
   * @param {Courier} courier
   */
  async #sendReady(courier) {
    for (let left = this.#ready.length; left > 0; left -= TOGETHER) {
      const together = this.#ready.slice(0, Math.min(left, TOGETHER));
      this.#flying = new Set(together.map(({ item }) => item));
      const done = await Promise.allSettled(together.map(({ item }) => this.#send(courier, item)));
      for (const [n, { item }] of together.entries()) item.isTried ||= done[n].status === "rejected";
      if (this.#closing) return;
      this.#flying.clear();
      this.#ready.splice(0, together.length, ...together.filter((_, n) => done[n].status === "rejected"));
      for (const [n, { status }] of done.entries()) {
        if (status === "fulfilled" && together[n].item.kind === "report") this.#taken(together[n].characters);
      }
      const failed = done.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
    }
  }

  /**
   * Publish one message; throws what another try may mend, drops what none will.
   *
   * @param {Courier} courier
   * @param {Spooled} item
   */
  async #send(courier, item) {
    try {
      if (item.kind !== "report") return await courier.tell(item);
      const sent = await courier.report(item);
      const isRepeat = sent.isRepeat && !item.isTried;
      this.#add(isRepeat ? "repeated" : "stored", 1);
      if (isRepeat) this.tally.add(sent.signature, sent.issue, 1);
    } catch (problem) {
      if (!isFinal(problem)) throw problem;
      this.#drop("report refused");
      this.port.postMessage({ problem: sentence(problem, this.target.address) });
    }
  }

  /** @param {Courier} courier */
  async #sendCounts(courier) {
    this.#takeCounts();
    await this.#sendReady(courier);
  }

  #takeCounts() {
    const { environment } = this.target;
    const told = this.tally.take().map((count) => Courier.counted(count, environment));
    if (this.#untold.size) told.push(Courier.dropped(this.#untold, environment));
    this.#untold.clear();
    this.#ready.push(...told.map((item) => ({ item, characters: 0 })));
  }

  /** @param {unknown} problem */
  #failed(problem) {
    this.port.postMessage({ problem: sentence(problem, this.target.address) });
    const wished = [...this.#wishes];
    const closes = wished.some((wish) => wish.closesWithinMs > 0);
    this.#guard(() => this.#store({ counts: closes }));
    this.#answer(wished, false);
    if (closes) this.#close();
  }

  /**
   * Wait before the next attempt; reports that come meanwhile go to the spool at once.
   *
   * @param {number} ms
   */
  async #pause(ms) {
    const until = performance.now() + ms;
    while (!this.#closing && !this.#wishes.length && performance.now() < until) {
      this.#wake.clear();
      this.#guard(() => this.#store({ counts: false }));
      await this.#wake.wait(until - performance.now());
    }
  }

  /**
   * Move everything that waits in memory to the spool, with `counts` these too.
   *
   * @param {{ counts: boolean }} which
   */
  #store({ counts }) {
    if (counts) this.#takeCounts();
    for (const { item, characters } of this.#ready.splice(0)) {
      item.isTried ||= this.#flying.has(item);
      const isKept = this.#guard(() => this.spool.add(item)) ?? false;
      if (item.kind !== "report") continue;
      if (!isKept) this.#drop("spool full or not writable");
      this.#taken(characters);
    }
  }

  /**
   * @param {Flush[]} wished
   * @param {boolean} isDelivered
   */
  #answer(wished, isDelivered) {
    this.#wishes = this.#wishes.filter((wish) => !wished.includes(wish));
    for (const { ticket } of wished) {
      const { counters } = this.target;
      Atomics.store(counters, COUNTERS.delivered, isDelivered ? 1 : 0);
      Atomics.store(counters, COUNTERS.answered, ticket);
      Atomics.notify(counters, COUNTERS.answered);
      this.port.postMessage({ ticket, isDelivered });
    }
  }

  /** @param {string} reason */
  #drop(reason, count = 1) {
    this.#add("dropped", count);
    this.#toTell(reason, count);
  }

  /**
   * @param {string} reason
   * @param {number} count
   */
  #toTell(reason, count) {
    this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + count);
  }

  /** @param {number} characters */
  #taken(characters) {
    this.#add("taken", 1);
    this.#add("characters", characters);
  }

  /**
   * @param {keyof typeof COUNTERS} name
   * @param {number} count
   */
  #add(name, count) {
    Atomics.add(this.target.counters, COUNTERS[name], count);
  }

  /**
   * @template T
   * @param {() => T} work
   * @returns {T | undefined}
   */
  #guard(work) {
    try {
      return work();
    } catch (problem) {
      this.#add("swallowed", 1);
      this.port.postMessage({ problem: sentence(problem, this.target.address) });
      return undefined;
    }
  }
}

/** Something that one side gives and the other waits for. */
class Signal {
  #isGiven = false;
  /** @type {Set<() => void>} */
  #waiting = new Set();

  give() {
    this.#isGiven = true;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  clear() {
    this.#isGiven = false;
  }

  /**
   * @param {number} [ms] at most so long
   * @returns {Promise<void>}
   */
  wait(ms) {
    if (this.#isGiven) return Promise.resolve();
    return new Promise((resolve) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      if (ms !== undefined) timer = setTimeout(go, Math.max(0, ms));
      this.#waiting.add(go);
    });
  }
}
