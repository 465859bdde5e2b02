/** Names on the wire. Nothing becomes part of a subject before it has passed one of these patterns. */

const NAMESPACE = /^[a-z][a-z0-9_]{0,31}$/;
const ENVIRONMENT = /^[a-z][a-z0-9]{0,31}$/;
const TOKEN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const PLAIN = "errors";

/** What the operator wrote cannot be used; the message says what to do. */
export class ConfigError extends Error {
  name = "ConfigError";
}

/**
 * Fold case and check; throws ConfigError.
 *
 * @param {string} text
 */
export function namespaceOf(text) {
  const folded = text.trim().toLowerCase();
  if (NAMESPACE.test(folded)) return folded;
  throw new ConfigError(
    `The namespace ${shown(text)} cannot be used: set NATS_NAMESPACE to a letter followed by up ` +
      "to 31 letters, digits or underscores, for example ai_tutor.",
  );
}

/**
 * Fold case and check; throws ConfigError.
 *
 * @param {string} text
 */
export function environmentOf(text) {
  const folded = text.trim().toLowerCase();
  if (ENVIRONMENT.test(folded) && folded !== PLAIN) return folded;
  throw new ConfigError(
    `The environment ${shown(text)} cannot be used: take a letter followed by letters and ` +
      "digits, for example staging, but not errors, which means no environment.",
  );
}

/**
 * `ai_tutor.errors.staging`, or `ai_tutor.errors` without an environment.
 *
 * @param {string} namespace
 * @param {string} environment
 */
export function errorsSubject(namespace, environment) {
  return environment ? `${namespace}.errors.${environment}` : `${namespace}.errors`;
}

/**
 * `ai_tutor.occurrences.<issue key>`
 *
 * @param {string} namespace
 * @param {string} issue
 */
export function occurrencesSubject(namespace, issue) {
  if (!TOKEN.test(issue)) throw new ConfigError(`${shown(issue)} cannot be part of a subject.`);
  return `${namespace}.occurrences.${issue}`;
}

/**
 * The `Nats-Msg-Id` of a report: `{ns}-{env}-{signature}`.
 *
 * @param {string} namespace
 * @param {string} environment
 * @param {string} signature
 */
export function messageId(namespace, environment, signature) {
  return `${namespace}-${environment || PLAIN}-${signature}`;
}

/** @param {string} text */
function shown(text) {
  return JSON.stringify(text.slice(0, 40));
}
