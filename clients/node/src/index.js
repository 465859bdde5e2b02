/** The errors of this process, on their way to Mendwire. See index.d.ts for what each name does. */

export { capture, close, flush, init, statistics, withContext } from "./sdk.js";
export { expressErrorHandler, fastifyPlugin, requestContext } from "./frameworks.js";
export { issueKey, signature } from "./keys.js";
