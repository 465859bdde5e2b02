/** Express and Fastify: the error on its way to the client, with the request it belongs to. */

import { reportOnce, within } from "./sdk.js";
import { spanOf } from "./trace.js";

const OURS = 500;

/** @type {typeof import("../index.d.ts").requestContext} */
export function requestContext() {
  return (request, _response, next) => serving(request, () => next());
}

/** @type {typeof import("../index.d.ts").expressErrorHandler} */
export function expressErrorHandler() {
  // Express tells a handler of errors by its four parameters.
  return (error, request, _response, next) => {
    if (statusOf(error) >= OURS) serving(request, () => reportOnce(error, "error", { mechanism: "express" }));
    next(error);
  };
}

/** @type {typeof import("../index.d.ts").fastifyPlugin} */
export const fastifyPlugin = Object.assign(
  /** @type {import("../index.d.ts").FastifyPlugin} */
  (
    (server, _options, done) => {
      server.addHook("onRequest", (request, _reply, next) => serving(request, () => next()));
      server.addHook("onError", (request, _reply, error, next) => {
        if (statusOf(error) >= OURS) serving(request, () => reportOnce(error, "error", { mechanism: "fastify" }));
        next();
      });
      done();
    }
  ),
  // Fastify's own mark for a plugin whose hooks are for the whole server.
  { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "mendwire" },
);

/**
 * @param {import("../index.d.ts").RequestLike} request
 * @param {() => void} work
 */
function serving(request, work) {
  within(requestOf(request), spanOf(request.headers?.traceparent), work);
}

/**
 * The client's mistakes (404 and the like) are answers, not errors of the program.
 *
 * @param {unknown} error
 */
function statusOf(error) {
  const { status, statusCode } = Object(error);
  const code = Number(status ?? statusCode ?? OURS);
  return code >= 400 && code < OURS ? code : OURS;
}

/**
 * Method, route and id; the path only without its query, which is the client's to fill.
 *
 * @param {import("../index.d.ts").RequestLike} request
 */
function requestOf(request) {
  const path = String(request.originalUrl ?? request.url ?? "").split("?", 1)[0];
  const route = request.route?.path ?? request.routeOptions?.url;
  const id = request.id ?? request.headers?.["x-request-id"];
  return {
    method: String(request.method ?? ""),
    path,
    ...(typeof route === "string" && { route }),
    ...(id !== undefined && { request_id: String(id) }),
  };
}
