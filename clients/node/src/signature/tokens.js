/** Names that carry digits: which of them are one occurrence's own, and which have a meaning. */

import { count, endsWithAny, isAlpha, isDigit, isLower, isUpper, length, partition } from "../text.js";
import { fullMatch, matches, replaced, search, split, words } from "./patterns.js";

/** @typedef {import("./where.js").Where} Where */
/** @typedef {{ isQuoted: boolean, isHost: boolean }} Kind */

const HEX_LENGTH = 7;
const STATUS_HEX = 8;
const TOKEN_LENGTH = 16;
const OPAQUE_LENGTH = 20;
const UUID_LENGTH = 36;
const RUNS = 3;
const LONG = 6;
const LETTERED = 5;
const QUOTED_LETTERED = 3;
const HOST_LETTERED = 2;
const FRACTION = 4;
const HOST_LABELS = 3;
const GLOG = 5;
const STATUS = 3;
const ERLANG = ["#PID<", "#Reference<", "#Port<"];
const TEMPORARY = 9;

/**
 * A token with what is proven masked; `text` is a word that is not a number.
 *
 * @param {string} text
 * @param {Where} where
 */
export function maskedToken(text, where) {
  if (!search("digits", text)) return text;
  if (where.isValueOf(words("identity"))) return "<id>";
  if (where.before.endsWith("@") && fullMatch("hash_code", text)) return "<hex>";
  if (endsWithAny(where.before, ERLANG)) return "<n>";
  if (fullMatch("measured", text)) return replaced("number", text, "<n>");
  if ("0123456789".includes(text[0]) && fullMatch("decimal", text)) return decimal(text, where);
  if (text.length === GLOG && where.at === 0 && !where.before && isGlog(text, where)) return "<time>";
  const word = where.word();
  if (words("class").has(word) && text.length <= TOKEN_LENGTH) return text;
  if (fullMatch("ranged", text) && (words("id").has(word) || where.isAfterTime())) return "<n>";
  return segment(text, { isQuoted: where.isQuoted() || words("holder").has(word) });
}

/**
 * @param {string} text
 * @param {Where} where
 */
function decimal(text, where) {
  const [whole, , fraction] = partition(text, ".");
  const word = where.word();
  if (fraction.length >= FRACTION || whole.length >= LONG || where.after.startsWith("%")) return "<n>";
  if (where.unit() === "%") return "<n>";
  const isMeasure = words("unit").has(where.unit()) || words("id").has(word);
  return isMeasure && !words("class").has(word) ? "<n>" : text;
}

/**
 * `E1125 15:04:05.123456`: a level with a month and a day.
 *
 * @param {string} text
 * @param {Where} where
 */
function isGlog(text, where) {
  return "IWEF".includes(text[0]) && isDigit(text.slice(1)) && count(where.chunks[1] ?? "", ":") === 2;
}

/**
 * A name of a path, a host or a message with its ids masked.
 *
 * @param {string} name
 * @param {{ isQuoted?: boolean, isPath?: boolean }} how
 */
export function segment(name, { isQuoted = false, isPath = false } = {}) {
  if (!search("digits", name)) return name;
  const isLong = length(name) >= UUID_LENGTH && name.includes("-");
  let text = isLong ? replaced("uuid", name, "<uuid>") : name;
  if (text.startsWith("ip-")) text = replaced("host_ip", text, "<ip>");
  if (text.startsWith("tmp") && length(text) >= TEMPORARY) return "<tmp>";
  const pod = fullMatch("pod", text);
  if (pod) return `${pod[1]}-<pod>`;
  if (!text.includes(".")) return masked(text, { isQuoted, isHost: false });
  const labels = text.split(".");
  if (isPath && isDigit(labels[0]) && length(labels[0]) > STATUS) labels[0] = "<n>";
  const isHost = labels.length >= HOST_LABELS && isAlpha(labels[labels.length - 1]);
  return labels.map((label) => masked(label, { isQuoted, isHost })).join(".");
}

/**
 * A name without dots: as a whole, else piece by piece between its hyphens and underscores.
 *
 * @param {string} text
 * @param {Kind} kind
 */
function masked(text, kind) {
  if (isOpaque(text)) return "<token>";
  const pieces = split("pieces", text);
  let before = "";
  for (let at = 0; at < pieces.length; at += 2) {
    const found = pieces[at];
    if (search("digits", found)) pieces[at] = piece(found, before, at ? pieces[at - 1] : "", kind);
    else if (found) before = found;
  }
  return pieces.join("");
}

/**
 * @param {string} text
 * @param {string} before
 * @param {string} joint
 * @param {Kind} kind
 */
function piece(text, before, joint, { isQuoted, isHost }) {
  if (isDigit(text)) return isInstance(text, before, joint, isQuoted || isHost) ? "<n>" : text;
  if (isHex(text)) return "<hex>";
  if (isOpaque(text)) return "<token>";
  const found = fullMatch("lettered", text);
  if (found === null || isUpper(found[1])) return text;
  const [, name, number] = found;
  const least = isQuoted ? QUOTED_LETTERED : isHost ? HOST_LETTERED : LETTERED;
  const folded = name.toLowerCase();
  const isClass = words("class").has(folded) || words("versioned").has(folded);
  return isClass || number.length < least ? text : `${name}<n>`;
}

/**
 * Whether the number behind `before_` or `before-` numbers one of many.
 *
 * @param {string} text
 * @param {string} before
 * @param {string} joint
 * @param {boolean} isQuoted
 */
function isInstance(text, before, joint, isQuoted) {
  const word = before.toLowerCase();
  const size = length(text);
  if (words("class").has(word) || words("versioned").has(word)) return false;
  if (!before) return size >= LONG;
  if (isUpper(before)) return size > LONG;
  if (joint === "_" || words("instance").has(word)) return true;
  return size >= LONG || (isQuoted && isLower(before));
}

/**
 * At least seven hex digits, letters among them; eight capital ones may be a status.
 *
 * @param {string} text
 */
function isHex(text) {
  if (text.length < HEX_LENGTH || !fullMatch("hex", text) || isDigit(text)) return false;
  return text.length !== STATUS_HEX || !isUpper(text);
}

/**
 * Random by its looks: long, with digits in at least three places, and no words between.
 *
 * @param {string} text
 */
function isOpaque(text) {
  const size = length(text);
  if (size < TOKEN_LENGTH) return false;
  const runs = [...matches("digits", text)].length;
  if (runs < RUNS) return false;
  const isMixed = !(isLower(text) || isUpper(text));
  const isSolid = !text.includes("-") && !text.includes("_");
  return (isMixed && (isSolid || runs > RUNS)) || (isSolid && size >= OPAQUE_LENGTH);
}
