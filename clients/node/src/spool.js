/**
 * Reports on disk while the server is away: private, bounded, sent in order afterwards.
 *
 * One file a message, `<nanoseconds>-<pid>-<number>.waiting`: a line of JSON that says what it is, then
 * the payload. The Python SDK packs many into a file under a lock of the system that Node does not
 * have, and takes no notice of these.
 */

import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { ConfigError } from "./names.js";
import { known } from "./trace.js";

export const MAX_BYTES = 32 * 1024 * 1024;
export const MAX_FILES = 2_000;
const SUFFIX = ".waiting";
const TRIED = `.tried${SUFFIX}`;
const LOCK = "sending-node.lock";
/** A sender that has not touched its lock for so long is dead. */
const STALE_MS = 30_000;

/**
 * @typedef {object} Spooled One stored message: a scrubbed report, or a count of repeats.
 * @property {"report" | "count" | "drops"} kind drops: what is told of reports that were dropped
 * @property {string} environment empty: the plain subject
 * @property {Uint8Array} payload
 * @property {string} id of what is told: the message id under which it is told at most once
 * @property {import("./trace.js").Carried} [trace] of a report: the trace it belongs to
 * @property {boolean} [isTried] it was sent before, and no answer came: a repeat may be itself
 */

/** A folder that only this user can read, one file per message, named by time. */
export class Spool {
  #written = 0;
  /** @type {{ files: number, bytes: number, at: number }} */
  #usage = { files: 0, bytes: 0, at: -Infinity };

  /**
   * @param {string} folder
   * @param {{ maxBytes?: number, maxFiles?: number }} bounds
   */
  constructor(folder, { maxBytes = MAX_BYTES, maxFiles = MAX_FILES } = {}) {
    this.folder = folder;
    this.maxBytes = maxBytes;
    this.maxFiles = maxFiles;
  }

  /**
   * Store; false when the spool is full. Throws what the file system throws, and ConfigError.
   *
   * @param {Spooled} item
   */
  add(item) {
    makePrivate(this.folder);
    const { files, bytes } = this.#measured();
    const size = item.payload.length;
    if (files >= this.maxFiles || bytes + size > this.maxBytes) return false;
    this.#written += 1;
    this.#usage = { ...this.#usage, files: files + 1, bytes: bytes + size };
    const name = [pad(nanoseconds(), 20), pad(process.pid, 7), pad(this.#written, 7)].join("-");
    const { kind, id, trace } = item;
    const head = { kind, environment: item.environment || null, id, trace };
    const partial = path.join(this.folder, `${name}.part`);
    const file = fs.openSync(partial, "wx", 0o600);
    try {
      fs.writeSync(file, `${JSON.stringify(head)}\n`);
      fs.writeFileSync(file, item.payload);
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(partial, path.join(this.folder, name + (item.isTried ? TRIED : SUFFIX)));
    return true;
  }

  /** Whether nothing waits. */
  isEmpty() {
    return this.#names().length === 0;
  }

  /** Paths of the stored messages, oldest first. */
  waiting() {
    return this.#names().sort().map((name) => path.join(this.folder, name));
  }

  /**
   * One stored message; undefined if it is gone or damaged, and then its file is removed.
   *
   * @param {string} file
   * @returns {Spooled | undefined}
   */
  read(file) {
    try {
      const data = fs.readFileSync(file);
      const end = data.indexOf(10);
      const head = JSON.parse(data.subarray(0, end).toString());
      if (end < 0 || typeof head.id !== "string") throw new TypeError("damaged");
      return {
        kind: head.kind === "count" || head.kind === "drops" ? head.kind : "report",
        environment: head.environment ?? "",
        payload: data.subarray(end + 1),
        id: head.id,
        trace: known(head.trace),
        isTried: file.endsWith(TRIED),
      };
    } catch {
      this.remove(file);
      return undefined;
    }
  }

  /**
   * Forget a message that was sent.
   *
   * @param {string} file
   */
  remove(file) {
    fs.rmSync(file, { force: true });
  }

  /**
   * Note that a message was sent and no answer came.
   *
   * @param {string} file
   */
  noteTried(file) {
    if (!file.endsWith(TRIED)) fs.renameSync(file, file.slice(0, -SUFFIX.length) + TRIED);
  }

  /**
   * Whether this process may send what is stored; false while another one does.
   *
   * Two that send at once, after one was taken for dead, cost nothing but a repeat that the server
   * drops: the message ids are the same.
   */
  claim() {
    const lock = path.join(this.folder, LOCK);
    const own = `${os.hostname()} ${process.pid}\n`;
    for (const flag of ["wx", "w"]) {
      try {
        fs.writeFileSync(lock, own, { flag, mode: 0o600 });
        return true;
      } catch {
        if (!isStale(lock, own)) return false;
      }
    }
    return false;
  }

  /** Say that this process still sends. */
  touch() {
    const now = new Date();
    fs.utimesSync(path.join(this.folder, LOCK), now, now);
  }

  /** Let another process send. */
  release() {
    fs.rmSync(path.join(this.folder, LOCK), { force: true });
  }

  /** Files and bytes that wait, by anybody; looked up once a second, in between counted. */
  #measured() {
    const now = performance.now();
    if (now - this.#usage.at > 1000) {
      const sizes = this.#names().map((name) => sizeOf(path.join(this.folder, name)));
      this.#usage = { files: sizes.length, bytes: sizes.reduce((a, b) => a + b, 0), at: now };
    }
    return this.#usage;
  }

  #names() {
    try {
      return fs.readdirSync(this.folder).filter((name) => name.endsWith(SUFFIX));
    } catch {
      return [];
    }
  }
}

/**
 * Where reports wait: the user's state folder, else one of our own beside temporary files.
 *
 * @param {Readonly<Record<string, string | undefined>>} variables
 * @param {string} namespace
 */
export function defaultFolder(variables, namespace) {
  const home = variables.HOME || os.homedir();
  const state = variables.XDG_STATE_HOME || path.join(home, ".local", "state");
  if (isUsable(state)) return path.join(state, "mendwire", "spool", namespace, "node");
  const user = process.getuid?.() ?? os.userInfo().username;
  return path.join(os.tmpdir(), `mendwire-${user}`, "spool", namespace, "node");
}

/** @param {string} folder */
function isUsable(folder) {
  let existing = path.resolve(folder);
  while (!fs.existsSync(existing) && path.dirname(existing) !== existing) {
    existing = path.dirname(existing);
  }
  try {
    fs.accessSync(existing, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Make the folder for this user alone; throws ConfigError when it is somebody else's.
 *
 * @param {string} folder
 */
export function makePrivate(folder) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const user = process.getuid?.();
  if (user === undefined) return;
  const shared = path.resolve(os.tmpdir());
  for (let one = path.resolve(folder); ; one = path.dirname(one)) {
    const found = fs.lstatSync(one);
    if (!found.isDirectory() || found.uid !== user) {
      throw new ConfigError(`${folder} belongs to somebody else; set MENDWIRE_SPOOL to your own.`);
    }
    // Above the folder only what lies in the shared one for temporary files is in question.
    if (!path.dirname(one).startsWith(shared + path.sep)) break;
  }
  if (fs.statSync(folder).mode & 0o077) fs.chmodSync(folder, 0o700);
}

/** @param {string} file */
function sizeOf(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Whether the lock is our own, or that of a sender that is dead.
 *
 * @param {string} lock
 * @param {string} own
 */
function isStale(lock, own) {
  try {
    const holder = fs.readFileSync(lock, "utf8");
    if (holder === own || Date.now() - fs.statSync(lock).mtimeMs > STALE_MS) return true;
    const [host, pid] = holder.split(" ");
    return host === os.hostname() && !isAlive(Number(pid));
  } catch {
    return false;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (problem) {
    return /** @type {NodeJS.ErrnoException} */ (problem).code === "EPERM";
  }
}

function nanoseconds() {
  return BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);
}

/**
 * @param {number | bigint} value
 * @param {number} width
 */
function pad(value, width) {
  return String(value).padStart(width, "0");
}
