/** The tables ready for use. Both languages read these patterns alike, with the flag `u` here. */

import fs from "node:fs";

/** @type {{ version: string, caps: Record<string, number>, words: Record<string, string>, patterns: Record<string, string>, data_phrases: string[] }} */
const TABLES = JSON.parse(fs.readFileSync(new URL("./tables.json", import.meta.url), "utf8"));

export const VERSION = TABLES.version;
export const CAPS = TABLES.caps;
export const DATA_PHRASES = TABLES.data_phrases;

/** @type {Map<string, RegExp>} */
const made = new Map();
/** @type {Map<string, Set<string>>} */
const sets = new Map();

/**
 * @param {string} name
 * @param {string} source
 * @param {string} flags
 */
function compiled(name, source, flags) {
  const key = `${flags} ${source === TABLES.patterns[name] ? "" : "whole"} ${name}`;
  let found = made.get(key);
  if (!found) made.set(key, (found = new RegExp(source, flags)));
  return found;
}

/**
 * The first match anywhere.
 *
 * @param {string} name
 * @param {string} text
 */
export function search(name, text) {
  return compiled(name, TABLES.patterns[name], "u").exec(text);
}

/**
 * The match at the beginning.
 *
 * @param {string} name
 * @param {string} text
 */
export function match(name, text) {
  const pattern = compiled(name, TABLES.patterns[name], "uy");
  pattern.lastIndex = 0;
  return pattern.exec(text);
}

/**
 * The match of the whole text.
 *
 * @param {string} name
 * @param {string} text
 */
export function fullMatch(name, text) {
  return compiled(name, `^(?:${TABLES.patterns[name]})$`, "u").exec(text);
}

/**
 * Every match.
 *
 * @param {string} name
 * @param {string} text
 */
export function matches(name, text) {
  return text.matchAll(compiled(name, TABLES.patterns[name], "gu"));
}

/**
 * The text with every match replaced, or the first alone.
 *
 * @param {string} name
 * @param {string} text
 * @param {string} by
 * @param {{ once?: boolean }} how
 */
export function replaced(name, text, by, { once = false } = {}) {
  return text.replace(compiled(name, TABLES.patterns[name], once ? "u" : "gu"), () => by);
}

/**
 * The text split at every match; the groups of the pattern stand between the pieces.
 *
 * @param {string} name
 * @param {string} text
 */
export function split(name, text) {
  return text.split(compiled(name, TABLES.patterns[name], "u"));
}

/** @param {string} name */
export function words(name) {
  let found = sets.get(name);
  if (!found) sets.set(name, (found = new Set(TABLES.words[name].split(" "))));
  return found;
}
