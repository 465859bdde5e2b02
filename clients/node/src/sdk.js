/**
 * `init`, `capture`, `flush` and `close`: what a program calls.
 *
 * Bounds: 2000 reports or 32 MB in memory, 32 MB or 2000 files on disk, one report and one count per
 * kind of error and minute, two seconds at exit. Nothing here throws, waits for the network or keeps
 * the process alive.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import os from "node:os";
import { isMainThread, threadId, workerData } from "node:worker_threads";

import { installHooks } from "./hooks.js";
import { ConfigError, environmentOf, namespaceOf } from "./names.js";
import { linksOf, roughKey, stackText } from "./occurrence.js";
import { shown } from "./plain.js";
import { Post } from "./post.js";
import { releaseOf } from "./release.js";
import { findServer } from "./settings.js";
import { defaultFolder, Spool } from "./spool.js";
import { currentSpan } from "./trace.js";

const WINDOW_MS = 60_000;
const SHUTDOWN_MS = 2_000;
const FLUSH_MS = 5_000;
const FRAMES = 50;
const DEFAULT_FRAMES = 10;
const EMBEDDED_NAMESPACE = "default";

/** @typedef {import("../index.d.ts").Options} Options */
/** @typedef {import("../index.d.ts").Statistics} Statistics */

/**
 * @typedef {object} Installed What `init` set up.
 * @property {Post} post
 * @property {Record<string, string>} fixed fields that are the same for every report
 * @property {number} shutdownMs
 */

/** @type {Installed | undefined} */
let installed;
let swallowed = 0;
/** Errors that were captured already, so that the same one is not taken again on its way up. */
let seen = new WeakSet();
/** @type {AsyncLocalStorage<{ context: Record<string, unknown>, span?: import("./trace.js").Within }>} */
const surroundings = new AsyncLocalStorage();

/** @type {typeof import("../index.d.ts").init} */
export function init(options = {}) {
  if (!isMainThread && workerData?.mendwire) return false;
  try {
    install(options);
    return true;
  } catch (problem) {
    swallowed += 1;
    const why = problem instanceof ConfigError ? problem.message : String(Object(problem).name);
    process.emitWarning(`Mendwire reports nothing from here: ${why}`, "MendwireWarning");
    return false;
  }
}

/** @type {typeof import("../index.d.ts").capture} */
export function capture(error, context = {}) {
  return report(error, "error", context);
}

/** @type {typeof import("../index.d.ts").flush} */
export async function flush(timeoutMs = FLUSH_MS) {
  return installed ? installed.post.flush(timeoutMs) : true;
}

/** @type {typeof import("../index.d.ts").close} */
export async function close(timeoutMs = SHUTDOWN_MS) {
  const { post } = installed ?? {};
  installed = undefined;
  return post ? post.flush(timeoutMs, { closes: true }) : true;
}

/** @type {typeof import("../index.d.ts").withContext} */
export function withContext(context, work) {
  return within(context, undefined, work);
}

/** @type {typeof import("../index.d.ts").statistics} */
export function statistics() {
  const found = installed?.post.statistics() ?? { stored: 0, repeated: 0, dropped: 0, swallowed: 0, problem: "" };
  return { ...found, swallowed: found.swallowed + swallowed };
}

/**
 * The same as `withContext`, for what came with the span of a trace.
 *
 * @template T
 * @param {Readonly<Record<string, unknown>>} context
 * @param {import("./trace.js").Within | undefined} span
 * @param {() => T} work
 */
export function within(context, span, work) {
  const outer = surroundings.getStore();
  return surroundings.run({ context: { ...outer?.context, ...context }, span: span ?? outer?.span }, work);
}

/**
 * The same as `capture`, but for an error that was captured already on its way up.
 *
 * @param {unknown} error
 * @param {string} level
 * @param {Record<string, unknown>} context
 */
export function reportOnce(error, level, context) {
  const isKnown = typeof error === "object" && error !== null && seen.has(error);
  return isKnown || report(error, level, context);
}

/** @param {Options} options */
function install(options) {
  const variables = withOptions(options);
  const directory = process.cwd();
  const { address, isEmbedded } = findServer(variables, directory);
  const namespace = namespaceFrom(variables, isEmbedded);
  const named = options.environment ?? variables.MENDWIRE_ENVIRONMENT ?? "";
  const environment = named ? environmentOf(named) : "";
  const spool = options.spool ?? variables.MENDWIRE_SPOOL ?? defaultFolder(variables, namespace);
  const windowMs = options.windowMs ?? WINDOW_MS;
  void installed?.post.flush(SHUTDOWN_MS, { closes: true });
  const post = new Post({ address, variables, namespace, environment, spool, directory, windowMs });
  installed = {
    post,
    fixed: fixedFields(options, variables, environment),
    shutdownMs: options.shutdownTimeoutMs ?? SHUTDOWN_MS,
  };
  if (options.automatic ?? true) {
    if (Error.stackTraceLimit === DEFAULT_FRAMES) Error.stackTraceLimit = FRAMES;
    installHooks(reportOnce, atExit);
  } else {
    process.off("exit", atExit).on("exit", atExit);
  }
  if (!new Spool(spool).isEmpty()) post.start();
}

/**
 * The variables with what was given over them; a login that was given replaces the whole one there.
 *
 * @param {Options} options
 */
function withOptions(options) {
  const { servers, user, password, token, creds, nkey, ca, namespace } = options;
  /** @type {Record<string, string | undefined>} */
  const variables = { ...process.env };
  if (servers?.length || user || token || creds || nkey) {
    for (const name of ["USER", "PASSWORD", "TOKEN", "CREDS", "NKEY", "JWT", "SEED", "CONTEXT"]) {
      delete variables[`NATS_${name}`];
    }
  }
  const given = {
    NATS_URL: Array.isArray(servers) ? servers.join(",") : servers,
    NATS_USER: user,
    NATS_PASSWORD: password,
    NATS_TOKEN: token,
    NATS_CREDS: creds,
    NATS_NKEY: nkey,
    NATS_CA: ca,
    NATS_NAMESPACE: namespace,
  };
  for (const [name, value] of Object.entries(given)) if (value) variables[name] = value;
  return /** @type {Record<string, string>} */ (variables);
}

/**
 * @param {Record<string, string>} variables
 * @param {boolean} isEmbedded
 */
function namespaceFrom(variables, isEmbedded) {
  const named = variables.NATS_NAMESPACE || variables.PROJECT_NAME;
  if (named) return namespaceOf(named);
  if (isEmbedded) return EMBEDDED_NAMESPACE;
  throw new ConfigError(
    "This server may be shared, so Mendwire needs a name for the project: set NATS_NAMESPACE (or " +
      "PROJECT_NAME), for example NATS_NAMESPACE=ai_tutor.",
  );
}

/**
 * @param {Options} options
 * @param {Record<string, string>} variables
 * @param {string} environment
 */
function fixedFields(options, variables, environment) {
  const given = {
    service: options.service ?? variables.MENDWIRE_SERVICE ?? "",
    environment,
    release: options.release ?? releaseOf(variables),
  };
  return Object.fromEntries(Object.entries(given).filter(([, text]) => text));
}

/**
 * @param {unknown} error
 * @param {string} level
 * @param {Readonly<Record<string, unknown>>} context
 */
function report(error, level, context) {
  if (!installed) return false;
  try {
    return queue(installed, error, level, context);
  } catch {
    swallowed += 1;
    return false;
  }
}

/**
 * @param {Installed} at
 * @param {unknown} error
 * @param {string} level
 * @param {Readonly<Record<string, unknown>>} context
 */
function queue({ post, fixed }, error, level, context) {
  if (typeof error === "object" && error !== null) seen.add(error);
  const links = linksOf(error);
  const key = roughKey(links);
  const id = post.admission.admit(key);
  if (id === 0) {
    post.repeated();
    return true;
  }
  const [{ type, message, stack, code }] = links;
  const around = surroundings.getStore();
  const described = contextOf({ ...around?.context, ...context });
  const { traceId = "", spanId = "" } = activeSpan() ?? around?.span ?? {};
  const at = Date.now();
  const body = {
    error: type && message ? `${type}: ${message}` : type || message,
    stack: stackText(links),
    timestamp: new Date(at).toISOString(),
    context: described,
    type,
    code,
    language: "javascript",
    ...fixed,
    level,
    ...(traceId && { trace_id: traceId }),
  };
  const characters = body.error.length + body.stack.length + stack.length + JSON.stringify(described).length;
  return post.report(key, { id, body, at, within: { traceId, spanId }, trace: stack, message, characters });
}

/** The host's own tracing may fail; the error is reported then, too. */
function activeSpan() {
  try {
    return currentSpan();
  } catch {
    swallowed += 1;
    return undefined;
  }
}

/** @param {Record<string, unknown>} given */
function contextOf(given) {
  const thread = isMainThread ? {} : { thread: String(threadId) };
  const host = { host: os.hostname(), pid: process.pid, ...thread, runtime: `node ${process.versions.node}` };
  return { ...host, .../** @type {object} */ (shown({ ...given })) };
}

function atExit() {
  try {
    installed?.post.lastWords(installed.shutdownMs);
  } catch {
    swallowed += 1;
  }
}
