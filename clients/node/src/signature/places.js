/** Where a frame's code comes from: the project or a library, and under which deployment root. */

import { endsWithAny, head, isAlnum, lstrip, partition, startsWithAny, tail, withoutStart } from "../text.js";
import { CAPS, match, replaced, search, words } from "./patterns.js";

/**
 * The file below its root, and whether it looks like the project's own.
 *
 * @param {string} file
 * @param {string} module
 * @returns {[string, boolean]}
 */
export function place(file, module) {
  const end = tail(file, CAPS.path);
  return [belowRoot(end), isInApp(end, module)];
}

/**
 * Whether a frame looks like the project's own code rather than a library's or a runtime's.
 *
 * @param {string} file
 * @param {string} module
 */
export function isInApp(file, module = "") {
  const path = file.replaceAll("\\", "/");
  if (match("library_start", path)) return false;
  const folders = words("library_folder");
  if (path.split("/").slice(0, -1).some((name) => folders.has(name))) return false;
  if (search("library_path", path.startsWith("/") ? path : `/${path}`)) return false;
  if (endsWithAny(path, [".go", ".rs", ".s"]) && words("library_package").has(module)) return false;
  if (endsWithAny(path, [".ex", ".exs", ".erl"])) return !words("library_app").has(module);
  return !(module && match("library_module", `${module}.`));
}

/**
 * The path without origin, query and the usual deployment roots, with forward slashes.
 *
 * @param {string} file
 */
export function belowRoot(file) {
  let path = partition(file.replaceAll("\\", "/"), "?")[0];
  const origin = match("origin", path);
  if (origin) {
    path = partition(path.slice(origin[0].length), "#")[0];
    if (file.startsWith("file:")) path = `/${path}`;
  }
  const [first = "", ...rest] = head(path, 3);
  if (rest.join("") === ":/") path = path.slice(first.length + 1);
  path = replaced("root", path, "", { once: true });
  while (startsWithAny(path, ["./", "../", "/"])) {
    path = withoutStart(withoutStart(lstrip(path, "/"), "../"), "./");
  }
  return path;
}

/**
 * The last two names of a path: what a file is known by wherever it was deployed. Of a bundle's
 * name without the hash that bundlers put into it.
 *
 * @param {string} path
 */
export function pathEnd(path) {
  const end = path.split("/").slice(-2).join("/");
  return endsWithAny(end, ["js", "css"]) ? replaced("bundle_hash", end, ".js") : end;
}

/**
 * A function's name without what a runtime makes up anew each time.
 *
 * @param {string} name
 */
export function plainName(name) {
  const start = head(name, CAPS.name);
  return isAlnum(start) ? start : replaced("generated", withoutStart(withoutStart(start, "async "), "new "), "");
}
