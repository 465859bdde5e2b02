/**
 * Secrets taken out of a report before it leaves the process: the rules of the Python side, with its
 * tables. What is replaced: values under keys whose names say so, and texts that have the form of a
 * known credential. `[scrubbed:<kind>]` stands in their place; twice is the same as once.
 */

import fs from "node:fs";

import { MAX_DEPTH, Numeral } from "./json.js";
import { fromPython } from "./python.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {import("./json.js").JsonMap} JsonMap */

const SECRETS = JSON.parse(fs.readFileSync(new URL("./secrets.json", import.meta.url), "utf8"));

/** @type {{ kind: string, hints: string[], pattern: RegExp }[]} */
const FORMS = SECRETS.forms.map((/** @type {any} */ form) => ({
  kind: form.kind,
  hints: form.hints,
  pattern: fromPython(form, "g"),
}));
/** @type {[string, string[]][]} kind, and what the folded name of a telling key ends with */
const ENDINGS = SECRETS.endings;
/** @type {[string, string[]][]} kind, and what is somewhere in it */
const INSIDE = SECRETS.inside;
/** @type {string[]} what a name ends with that is no secret, whatever else it says */
const NO_SECRETS = SECRETS.harmless;
/** @type {string[]} what a name ends with that tells something about a secret: `password_length` */
const ABOUT = SECRETS.about;
/** @type {Map<string, string>} whole names that tell only of a single text or number, and their kind */
const WHOLE = new Map(Object.entries(SECRETS.whole));

const AUTH = /(?<![A-Za-z0-9])(bearer|basic|token|negotiate|ntlm)( {1,3})([A-Za-z0-9._~+/=-]{8,})/gi;
const USERINFO =
  /(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9+.-]{1,30}:\/\/)([^\s/?#"'<>@]{1,256}|[^\s:/?#"'<>@]{0,128}:(?![0-9]{1,5}[/?#])[^\s"'<>]{1,256})@(?=[\w[.%-])/g;
const SIGNED =
  /((?:[?&;]|&amp;)(?:sig|signature|key|x-amz-signature|x-goog-signature|x-amz-security-token)=)([^&\s"'<>#\\]{6,})/gi;
const CARD =
  /(?<![\w.])(?<![0-9][-/])[2-6](?:[0-9]{12,18}|[0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w-])/g;
const EMAIL =
  /(?<![A-Za-z0-9._%+-])([A-Za-z0-9._%+-]{1,64})@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24})(?![A-Za-z0-9-])/g;
const IMAGE = /^[1-9]x\.(?:png|jpe?g|gif|webp|svg|avif)$/;
const ASSIGNED =
  /(?<![\p{L}\p{N}_.-])([\p{L}\p{N}_.-]{2,64})(\\{0,2}["']?\]?\s{0,3}(?:=>|:=|:|=)\s{0,3}(?:[bur]?(?=\\{0,2}["'])\\{0,2}["'])?)/gu;
const FLAG = /(?<![\p{L}\p{N}_-])--([\p{L}\p{N}_-]{2,40})( {1,3})(?=[^\s-])/gu;
const QUOTED = /[^"'\n\\]{1,8192}/uy;
const UNQUOTED = /[^\s"'&<>\\]{1,8192}/uy;
const REST_OF_LINE = QUOTED;
const TYPE = /^[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*$/;
const HARMLESS = new Set(["none", "null", "true", "false", "undefined", "nil", "required", "missing", "invalid"]);
const WHOLE_LINE = new Set(["authorization", "cookie"]);
const STRUCTURAL = new Set(["file", "function", "module"]);
const TEXTS = new Set(["error", "stack", "type", "code", "message_template"]);
/** Characters; a credential known by its form is longer, but for the login in an address. */
const SHORTEST_FORM = 12;
const MIN_BEARER = 20;
/** Characters; of a longer name only the end is looked at. */
const LONGEST_NAME = 64;

const MARK = "[scrubbed:";
const DIGIT = /[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]/u;
const NOT_ALNUM = /[^\p{L}\p{N}]/gu;

/**
 * The text with every secret replaced.
 *
 * @param {string} text
 */
export function scrubText(text) {
  return personal(assigned(forms(text)));
}

/**
 * A JSON value with secrets replaced, by the names of keys and by the form of texts.
 *
 * @param {Json} item
 */
export function scrubValue(item) {
  return value(item, 0);
}

/**
 * One report, scrubbed: unknown fields and the order of keys stay.
 *
 * File, function and module of frames are only searched for credentials, since the signature is made
 * of them.
 *
 * @param {JsonMap} body
 * @returns {JsonMap}
 */
export function scrubReport(body) {
  /** @type {JsonMap} */
  const out = new Map();
  for (const [key, item] of body) {
    out.set(scrubText(key), TEXTS.has(key) ? value(item, 1) : under(key, item, 0));
  }
  const frames = body.get("frames");
  if (Array.isArray(frames)) out.set("frames", frames.map(frame));
  return out;
}

/**
 * What kind of secret a key of this name holds, or an empty text.
 *
 * @param {string} name
 */
export function secretKind(name) {
  const plain = name.slice(-LONGEST_NAME).toLowerCase().replace(NOT_ALNUM, "");
  if (NO_SECRETS.some((word) => plain.endsWith(word))) return "";
  const found = ENDINGS.find(([, words]) => words.some((word) => plain.endsWith(word)));
  if (found) return found[0];
  if (ABOUT.some((word) => plain.endsWith(word))) return "";
  return INSIDE.find(([, words]) => words.some((word) => plain.includes(word)))?.[0] ?? "";
}

/** @param {string} text */
function forms(text) {
  let out = text;
  if (out.length >= SHORTEST_FORM) {
    for (const { kind, hints, pattern } of FORMS) {
      if (hints.some((hint) => out.includes(hint))) out = out.replace(pattern, mark(kind));
    }
    out = out.replace(AUTH, auth);
  }
  if (out.includes("://") && out.includes("@")) out = out.replace(USERINFO, userinfo);
  return out.includes("=") ? out.replace(SIGNED, (_, before) => before + mark("signature")) : out;
}

/**
 * Without cards and addresses of people.
 *
 * @param {string} text
 */
function personal(text) {
  const out = text.length >= SHORTEST_FORM ? text.replace(CARD, card) : text;
  return out.includes("@") ? out.replace(EMAIL, email) : out;
}

/**
 * No login of git's, no image for fine screens.
 *
 * @param {string} whole
 * @param {string} name
 * @param {string} host
 */
function email(whole, name, host) {
  return name === "git" || IMAGE.test(host) ? whole : mark("email");
}

/**
 * `key=value`, `key: value`, `"key": "value"`, `--key value` and query parameters.
 *
 * @param {string} text
 */
function assigned(text) {
  const out = text.includes("=") || text.includes(":") ? eachAssignment(text, ASSIGNED) : text;
  return out.includes("--") ? eachAssignment(out, FLAG) : out;
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function eachAssignment(text, pattern) {
  let kept = "";
  let position = 0;
  let done = 0;
  for (;;) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) return kept + text.slice(done);
    const starts = pattern.lastIndex;
    position = starts;
    const kind = assignedKind(text, match, starts);
    if (kind === "") continue;
    const end = valueEnd(text, match, starts, kind);
    const found = text.slice(starts, end);
    if (found && !found.startsWith(MARK) && !HARMLESS.has(found.toLowerCase())) {
      kept += text.slice(done, starts) + mark(kind);
      done = end;
    }
    position = Math.max(position, end);
  }
}

/**
 * The kind of secret that is assigned; a type before its message and a file are none.
 *
 * @param {string} text
 * @param {RegExpExecArray} match
 * @param {number} starts where the value does
 */
function assignedKind(text, match, starts) {
  const name = match[1].slice(match[1].lastIndexOf(".") + 1);
  const kind = secretKind(name);
  if (kind && !WHOLE_LINE.has(kind) && match[2] === ": " && TYPE.test(name)) {
    return DIGIT.test(matched(UNQUOTED, text, starts)) ? kind : "";
  }
  return kind;
}

/**
 * @param {string} text
 * @param {RegExpExecArray} match
 * @param {number} starts
 * @param {string} kind
 */
function valueEnd(text, match, starts, kind) {
  if (`"'`.includes(text[starts - 1])) return starts + matched(QUOTED, text, starts).length;
  if (WHOLE_LINE.has(kind) && match[2].includes(":")) {
    return starts + matched(REST_OF_LINE, text, starts).length;
  }
  const found = matched(UNQUOTED, text, starts);
  return starts + (found.startsWith(MARK) ? found : found.replace(/[,;)}\].]+$/, "")).length;
}

/**
 * What a sticky pattern finds there, or an empty text.
 *
 * @param {RegExp} pattern
 * @param {string} text
 * @param {number} at
 */
function matched(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

/**
 * @param {string} whole
 * @param {string} scheme
 * @param {string} space
 * @param {string} secret
 */
function auth(whole, scheme, space, secret) {
  const isSecret =
    scheme.toLowerCase() === "basic" ? isBasic(secret) : secret.length >= MIN_BEARER || DIGIT.test(secret);
  return isSecret ? `${scheme}${space}${mark("authorization")}` : whole;
}

/** @param {string} text */
function isBasic(text) {
  const padded = text + "=".repeat((4 - (text.length % 4)) % 4);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(padded)) return false;
  return Buffer.from(padded, "base64").includes(58);
}

/**
 * @param {string} whole
 * @param {string} scheme
 * @param {string} info
 */
function userinfo(whole, scheme, info) {
  return info === "git" ? whole : `${scheme}${mark("userinfo")}@`;
}

/** @param {string} whole */
function card(whole) {
  const digits = Array.from(whole.replace(/[ -]/g, ""), Number);
  return passesLuhn(digits) ? mark("card") : whole;
}

/** @param {number[]} digits */
function passesLuhn(digits) {
  const total = digits.reverse().reduce((sum, digit, place) => {
    const doubled = digit * (1 + (place % 2));
    return sum + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return total % 10 === 0 && new Set(digits).size > 1;
}

/** @param {string} kind */
function mark(kind) {
  return `${MARK}${kind}]`;
}

/**
 * @param {Json} item
 * @param {number} depth
 * @returns {Json}
 */
function value(item, depth) {
  if (depth > MAX_DEPTH) return mark("depth");
  if (typeof item === "string") return scrubText(item);
  if (item instanceof Map) return object(item, depth);
  if (Array.isArray(item)) return list(item, depth);
  const isCard = item instanceof Numeral && item.isInteger && personal(item.text) !== item.text;
  return isCard ? mark("card") : item;
}

/**
 * Also `{"name": "Authorization", "value": …}`, as headers are often written.
 *
 * @param {JsonMap} item
 * @param {number} depth
 */
function object(item, depth) {
  /** @type {JsonMap} */
  const out = new Map();
  for (const [key, child] of item) out.set(scrubText(key), under(key, child, depth));
  const name = item.has("name") ? item.get("name") : item.get("key");
  const given = item.get("value");
  if (typeof name === "string" && given !== undefined) out.set("value", under(name, given, depth));
  return out;
}

/**
 * Also `["authorization", …]`, as lists of headers are written.
 *
 * @param {Json[]} items
 * @param {number} depth
 */
function list(items, depth) {
  const [name, given] = items;
  if (items.length === 2 && typeof name === "string" && typeof given === "string") {
    return [scrubText(name), under(name, given, depth)];
  }
  return items.map((item) => value(item, depth + 1));
}

/**
 * @param {string} key
 * @param {Json} item
 * @param {number} depth
 */
function under(key, item, depth) {
  let kind = secretKind(key);
  const isScalar = !(item instanceof Map) && !Array.isArray(item);
  if (!kind && isScalar) kind = WHOLE.get(key.toLowerCase()) ?? (/(?:[^a-zA-Z]|^)pass$|[a-z]Pass$/.test(key) ? "password" : "");
  if (!kind) return value(item, depth + 1);
  if (item === null || typeof item === "boolean" || item === "" || isEmpty(item)) return item;
  return typeof item === "string" && item.startsWith(MARK) ? item : mark(kind);
}

/** @param {Json} item */
function isEmpty(item) {
  return (item instanceof Map && item.size === 0) || (Array.isArray(item) && item.length === 0);
}

/**
 * @param {Json} item
 * @returns {Json}
 */
function frame(item) {
  if (!(item instanceof Map)) return scrubValue(item);
  /** @type {JsonMap} */
  const out = new Map();
  for (const [key, child] of item) {
    const isName = STRUCTURAL.has(key) && typeof child === "string";
    out.set(scrubText(key), isName ? forms(/** @type {string} */ (child)) : under(key, child, 1));
  }
  return out;
}
