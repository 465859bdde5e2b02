/**
 * Where Node tells that an error was not handled, with what Node does then unchanged.
 *
 * A listener for `unhandledRejection` would keep the process alive, so `process.emit` is wrapped: it
 * sees the event on its way to the host's listeners, and whether there were any.
 */

/** @typedef {(error: unknown, level: string, context: Record<string, unknown>) => boolean} Report */

let isInstalled = false;

/**
 * Install once; the hooks stay, and call what `init` set up last.
 *
 * @param {Report} report never throws
 * @param {() => void} atExit
 */
export function installHooks(report, atExit) {
  if (isInstalled) return;
  isInstalled = true;
  process.on("uncaughtExceptionMonitor", (error, origin) => {
    report(error, "fatal", { mechanism: origin });
  });
  process.on("exit", atExit);
  watchRejections(report);
}

/** @param {Report} report */
function watchRejections(report) {
  const before = process.emit;
  /**
   * @this {NodeJS.Process}
   * @param {string} event
   * @param {unknown[]} details
   */
  function emit(event, ...details) {
    const isHandled = Reflect.apply(before, this, [event, ...details]);
    if (event === "unhandledRejection") {
      const tell = () => report(details[0], "error", { mechanism: "unhandledRejection" });
      // Unhandled, Node throws it at once, unless it was told only to warn: then it is told here.
      if (isHandled) tell();
      else setImmediate(tell).unref();
    }
    return isHandled;
  }
  process.emit = /** @type {typeof process.emit} */ (emit);
}
