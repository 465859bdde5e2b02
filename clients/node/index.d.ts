/** Sends the errors of a Node process to Mendwire over NATS JetStream. */

/** What is not given is read from the environment of the process. */
export interface Options {
  /** Name of the service; else `MENDWIRE_SERVICE`. */
  service?: string;
  /** `staging`, `production`, …; else `MENDWIRE_ENVIRONMENT`; without one, `{namespace}.errors`. */
  environment?: string;
  /** What runs here; else `MENDWIRE_RELEASE`, else what the platform sets. */
  release?: string;
  /** Name of the project; else `NATS_NAMESPACE`, else `PROJECT_NAME`. */
  namespace?: string;
  /** `nats://host:4222`, several allowed; else `NATS_URL`. */
  servers?: string | string[];
  user?: string;
  password?: string;
  token?: string;
  /** Path of a credentials file; else `NATS_CREDS`. */
  creds?: string;
  /** Path of a file with an nkey seed; else `NATS_NKEY`. */
  nkey?: string;
  /** Path of the authorities that may sign the server's certificate; else `NATS_CA`. */
  ca?: string;
  /** Folder for what waits while NATS is away; else `MENDWIRE_SPOOL`. */
  spool?: string;
  /** Report uncaught errors and unhandled rejections by itself; true. */
  automatic?: boolean;
  /** Of one kind of error one report leaves in so many milliseconds; 60000. */
  windowMs?: number;
  /** At most so many milliseconds are spent at exit on what is unsent; 2000. */
  shutdownTimeoutMs?: number;
}

/** What became of the reports of this process. */
export interface Statistics {
  /** Reports that the server has stored. */
  stored: number;
  /** Reports that the server had already; they are counted as repeats there. */
  repeated: number;
  /** Occurrences that found queue or spool full, or that no server would take. */
  dropped: number;
  /** Problems of our own that did not reach your program. */
  swallowed: number;
  /** Why the latest attempt failed; empty when all is well. */
  problem: string;
}

/** A report as an object, or as the JSON that is published. */
export type Report = string | Uint8Array | Readonly<Record<string, unknown>>;

/** Start reporting; false (and a warning of the process) if that cannot be. Call it again to change anything. */
export function init(options?: Options): boolean;

/**
 * Report one error; `context` is kept beside it. True when it was queued or counted. Never throws and
 * never waits for the network.
 */
export function capture(error: unknown, context?: Readonly<Record<string, unknown>>): boolean;

/** Wait until everything so far is on the server; false if it is not, or not in time. */
export function flush(timeoutMs?: number): Promise<boolean>;

/** The same, and stop; what could not be sent is on disk then. */
export function close(timeoutMs?: number): Promise<boolean>;

/** Run `work`; what is captured in it, also later in the same asynchronous chain, carries `context`. */
export function withContext<T>(context: Readonly<Record<string, unknown>>, work: () => T): T;

export function statistics(): Statistics;

/**
 * The strict key of a report, 32 hex digits: by it the server drops repeats. The report is taken as it
 * is, not scrubbed. Throws what says that it is no report, or that a name cannot be used.
 */
export function signature(report: Report, where?: { namespace?: string; environment?: string }): string;

/** The loose key, 32 hex digits: by it Mendwire knows the bug. */
export function issueKey(report: Report): string;

/** What is read of a request; Express and Fastify have it, and so has `node:http`. */
export interface RequestLike {
  method?: string;
  url?: string;
  originalUrl?: string;
  id?: unknown;
  headers?: Record<string, unknown>;
  route?: { path?: unknown };
  routeOptions?: { url?: string };
}

/** Express middleware, before the routes: what is captured while a request is served names it. */
export function requestContext(): (request: RequestLike, response: unknown, next: () => void) => void;

/** Express middleware, after the routes: reports what they throw, and passes it on. */
export function expressErrorHandler(): (
  error: unknown,
  request: RequestLike,
  response: unknown,
  next: (error?: unknown) => void,
) => void;

/** As much of a Fastify server as the plugin needs. */
export interface FastifyLike {
  addHook(name: "onRequest", hook: (request: RequestLike, reply: unknown, done: () => void) => void): unknown;
  addHook(
    name: "onError",
    hook: (request: RequestLike, reply: unknown, error: Error, done: () => void) => void,
  ): unknown;
}

/** For `server.register`: both of the above for Fastify. */
export type FastifyPlugin = (server: FastifyLike, options: unknown, done: () => void) => void;
export const fastifyPlugin: FastifyPlugin;
