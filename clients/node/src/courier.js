/** One connection, and what is published over it. */

import { randomBytes } from "node:crypto";

import { JetStreamApiError, jetstream } from "@nats-io/jetstream";
import * as nats from "@nats-io/transport-node";

import { ConfigError, messageId, occurrencesSubject } from "./names.js";
import { MAX_PAYLOAD, outgoing } from "./outgoing.js";
import { connectOptions } from "./settings.js";

/** @typedef {import("./spool.js").Spooled} Spooled */
/** @typedef {import("./sender.js").Target} Target */

/** Value of `Mendwire-Publisher`: whoever sends it counts its own repeats. */
export const PUBLISHER = "mendwire-node";
const ANSWER_MS = 5_000;
const CLOSE_MS = 1_000;
const TOO_LARGE = 10054;

/** No server, or none that takes this now: another try may mend it. */
export class Unreachable extends Error {
  name = "Unreachable";
}

export class Courier {
  /**
   * @param {Target} target
   * @param {nats.NatsConnection} link
   */
  constructor(target, link) {
    this.target = target;
    this.link = link;
    this.stream = jetstream(link, { timeout: ANSWER_MS });
    /** @type {unknown} what the server said of its own accord */
    this.refusal = undefined;
  }

  /**
   * Connect; `lost` is called when the connection ends.
   *
   * @param {Target} target
   * @param {() => void} lost
   */
  static async connected(target, lost) {
    const options = connectOptions(target.address, target.variables, nats);
    const link = await nats.connect({ ...options, name: PUBLISHER, pingInterval: 20_000 });
    const courier = new Courier(target, link);
    void link.closed().then(lost);
    void courier.#listen();
    return courier;
  }

  async #listen() {
    for await (const status of this.link.status()) {
      if (status.type === "error") this.refusal = status.error;
    }
  }

  /** Throws when the connection is lost. */
  check() {
    if (this.link.isClosed()) throw new Unreachable("The connection to the NATS server is lost.");
  }

  async leave() {
    await Promise.race([
      this.link.close().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, CLOSE_MS)),
    ]);
  }

  /**
   * Publish one report; says whether the server had it already.
   *
   * @param {Spooled} item
   */
  async report(item) {
    this.check();
    const { namespace } = this.target;
    const maxPayload = this.link.info?.max_payload ?? MAX_PAYLOAD;
    const ready = outgoing(item.payload, { namespace, environment: item.environment, maxPayload });
    const headers = nats.headers();
    headers.set("Mendwire-Publisher", PUBLISHER);
    headers.set("Mendwire-Issue", ready.issue);
    for (const [name, value] of Object.entries(item.trace ?? {})) headers.set(name, value);
    const ack = await this.#publish(ready.subject, ready.payload, ready.messageId, headers);
    return { isRepeat: ack.duplicate, signature: ready.signature, issue: ready.issue };
  }

  /**
   * Tell a count, or what was dropped; where nobody keeps that it is lost, since reports must not wait
   * behind it.
   *
   * @param {Spooled} item
   */
  async tell(item) {
    this.check();
    const { issue = "dropped" } = JSON.parse(Buffer.from(item.payload).toString());
    const { namespace } = this.target;
    const subject = occurrencesSubject(namespace, String(issue));
    try {
      await this.#publish(subject, item.payload, `${namespace}-${item.kind}-${item.id}`);
    } catch (problem) {
      if (this.link.isClosed()) throw problem;
    }
  }

  /**
   * @param {string} subject
   * @param {Uint8Array} payload
   * @param {string} msgID
   * @param {nats.MsgHdrs} [headers]
   */
  async #publish(subject, payload, msgID, headers) {
    try {
      return await this.stream.publish(subject, payload, { msgID, headers });
    } catch (problem) {
      throw this.refusal ?? (isNobody(problem) ? new Unreachable(noStream(subject)) : problem);
    }
  }

  /**
   * The message that tells a count of repeats.
   *
   * @param {import("./tally.js").Count} count
   * @param {string} environment
   * @returns {Spooled}
   */
  static counted({ issue, signature, repeats }, environment) {
    return told("count", environment, { issue, signature, count: repeats });
  }

  /**
   * The message that tells what was dropped, by reason.
   *
   * @param {ReadonlyMap<string, number>} reasons
   * @param {string} environment
   */
  static dropped(reasons, environment) {
    return told("drops", environment, { dropped: Object.fromEntries(reasons) });
  }
}

/**
 * @param {"count" | "drops"} kind
 * @param {string} environment
 * @param {object} what
 * @returns {Spooled}
 */
function told(kind, environment, what) {
  const payload = Buffer.from(JSON.stringify({ ...what, environment, source: "sdk" }));
  return { kind, environment, payload, id: randomBytes(8).toString("hex") };
}

/**
 * Whether no other try will mend it.
 *
 * @param {unknown} problem
 */
export function isFinal(problem) {
  if (problem instanceof JetStreamApiError) return problem.code === TOO_LARGE;
  return problem instanceof Error && ["Undecodable", "InvalidArgumentError"].includes(problem.name);
}

/**
 * One sentence on what went wrong, without a secret.
 *
 * @param {unknown} problem
 * @param {import("./settings.js").Address} address
 */
export function sentence(problem, address) {
  const where = address.urls.join(", ");
  if (problem instanceof ConfigError || problem instanceof Unreachable) return problem.message;
  if (!(problem instanceof Error)) return "unknown";
  if (/authorization|authentication/i.test(`${problem.name} ${problem.message}`)) {
    return `The NATS server at ${where} refuses this login: check NATS_USER and NATS_PASSWORD, NATS_TOKEN or NATS_CREDS.`;
  }
  if (problem.name === "PermissionViolationError") return `The NATS server forbids it: ${problem.message}.`;
  if (problem.name === "ConnectionError" || problem.name === "TimeoutError" || "syscall" in problem) {
    return `No NATS server answers at ${where} (${problem.message.slice(0, 120)}): start it, or check NATS_URL.`;
  }
  return `${problem.name}: ${problem.message.slice(0, 200)}`;
}

/** @param {string} subject */
function noStream(subject) {
  return `No stream takes ${subject}: mend the environment's name, or add it to worker.environments in mendwire.toml and run 'mendwire streams apply'.`;
}

/** @param {unknown} problem */
function isNobody(problem) {
  return problem instanceof Error && ["JetStreamNotEnabled", "NoRespondersError"].includes(problem.name);
}
