/**
 * The message with what is provably an identifier or a measure replaced, and nothing else. What each
 * rule is for is said beside it in Python, in mendwire/model/signature/v1/masking.py.
 */

import {
  endsWithAny,
  head,
  isAlnum,
  isAlpha,
  isNumber,
  length,
  lstrip,
  partition,
  rpartition,
  rstrip,
  strip,
  tail,
} from "../text.js";
import { maskedNumber } from "./numbers.js";
import { CAPS, DATA_PHRASES, fullMatch, match, matches, replaced, search, words } from "./patterns.js";
import { belowRoot } from "./places.js";
import { maskedToken, segment } from "./tokens.js";
import { Where } from "./where.js";

const TAIL = Math.floor(CAPS.message / 4);
const [URL_KIND, EMAIL, RICH] = [1, 2, 3];
const [UUID, MAC, TIME, IPV6, IPV4, HEX] = [4, 5, 6, 7, 8, 9];
const BARE_TIME = 9;
const DATE_WORDS = 5;
const DATE = "2026-11-25".length;
const LONGEST_STATUS = 10;
const LONGEST_OFFSET = 6;
const TIME_ENDS = ["<time>", "<time>]", "<time>,", "<time>:"];
const BRACKETS = "[](),";

/**
 * The message's template; at most `parts` parts with digits are looked at.
 *
 * @param {string} message
 * @param {number} parts
 */
export function template(message, parts = CAPS.parts) {
  let text = withoutData(shortened(message));
  if (!search("special", text)) return text;
  text = text.replace(/[\t\r\n]/g, " ");
  if (text.startsWith("[ ")) text = `[${lstrip(text.slice(1), " ")}`;
  const chunks = text.split(" ");
  /** @type {string[]} */
  const out = [];
  let left = parts;
  for (const [at, chunk] of chunks.entries()) {
    if (out.at(-1)?.endsWith("<time>") && isBesideTime(out, chunks, at)) continue;
    if (left <= 0 || isAlpha(chunk) || !search("special", chunk)) out.push(chunk);
    else left -= take(out, chunks, at, left);
  }
  return out.join(" ");
}

/**
 * Without the quoted value of a message that says that a value could not be read.
 *
 * @param {string} text
 */
function withoutData(text) {
  const json = text.endsWith('" is not valid JSON') ? text.indexOf(', "') : -1;
  if (json >= 0) return `${text.slice(0, json)}, "<value>" is not valid JSON`;
  const phrase = DATA_PHRASES.find((one) => text.includes(one));
  if (phrase === undefined) return text;
  const start = text.indexOf(phrase) + phrase.length;
  const end = text.indexOf(phrase.slice(-1), start);
  return end < 0 ? text : `${text.slice(0, start)}<value>${text.slice(end)}`;
}

/**
 * The first 1500 and the last 500 characters of a longer message.
 *
 * @param {string} message
 */
export function shortened(message) {
  if (message.length <= CAPS.message || length(message) <= CAPS.message) return message;
  return head(message, CAPS.message - TAIL) + tail(message, TAIL);
}

/**
 * Mask one chunk and say how many parts it had; a time joins the date, and in a line of
 * syslog the host, that stand beside it.
 *
 * @param {string[]} out
 * @param {string[]} chunks
 * @param {number} at
 * @param {number} parts
 */
function take(out, chunks, at, parts) {
  const chunk = chunks[at];
  if (chunk.startsWith("[") && at && chunks[at - 1].toLowerCase() === "range") {
    out.push(replaced("digits", chunk, "<n>"));
    return 1;
  }
  if (isNumber(chunk)) {
    out.push(maskedNumber(chunk, new Where(chunks, out, at, 0, chunk.length)));
    return 1;
  }
  const [text, taken] = masked(out, chunks, at, parts);
  if (endsWithAny(text, TIME_ENDS) && length(text) <= BARE_TIME) {
    swallowDate(out);
    const last = out.at(-1);
    if (last !== undefined && strip(last, BRACKETS) === "<time>") {
      out[out.length - 1] = rstrip(last, "]") + strip(text.replaceAll("<time>", ""), "[");
      return taken;
    }
  }
  out.push(text);
  return taken;
}

/**
 * Take a zone into the time before it, and the host that syslog puts after one.
 *
 * @param {string[]} out
 * @param {string[]} chunks
 * @param {number} at
 */
function isBesideTime(out, chunks, at) {
  const chunk = chunks[at];
  if (words("zone").has(chunk.toLowerCase()) || search("offset", chunk)) return true;
  const following = chunks[at + 1] ?? "";
  if (out.length > 1 || !search("program", following) || !search("host", chunk)) return false;
  if (!following.endsWith("]:") && match("digits", chunks[0])) return false;
  out.push("<host>");
  return true;
}

/**
 * Drop the words of a date in front of a time: `Tue, 24 Nov 2026` and `Nov 24`.
 *
 * @param {string[]} out
 */
function swallowDate(out) {
  let first = out.length;
  let hasMonth = false;
  while (first > 0 && out.length - first < DATE_WORDS) {
    const bare = strip(rpartition(out[first - 1], ">")[2], BRACKETS).toLowerCase();
    const isMonth = words("month").has(bare);
    if (!isMonth && !words("weekday").has(bare) && !fullMatch("day", bare)) break;
    hasMonth ||= isMonth;
    first -= 1;
  }
  if (hasMonth) out.splice(first);
}

/**
 * One chunk with each part of it masked that is proven, and how many parts were looked at.
 *
 * @param {string[]} out
 * @param {string[]} chunks
 * @param {number} at
 * @param {number} parts
 * @returns {[string, number]}
 */
function masked(out, chunks, at, parts) {
  const chunk = chunks[at];
  const skip = /[/@\\]/.test(chunk) ? 0 : RICH;
  let done = "";
  let end = 0;
  let taken = 0;
  for (const found of matches(skip ? "plain" : "rich", chunk)) {
    const start = found.index;
    const kind = alternative(found) + skip;
    done += chunk.slice(end, start);
    end = start + found[0].length;
    if (kind <= RICH) done += rich(kind, found[0], chunk.slice(0, start));
    else done += plain(kind, found[0], new Where(chunks, out, at, start, end));
    taken += 1;
    if (taken >= parts) break;
  }
  return [done + chunk.slice(end), taken];
}

/**
 * Which alternative matched, by its empty group.
 *
 * @param {RegExpExecArray} found
 */
function alternative(found) {
  const at = found.findLastIndex((group) => group !== undefined);
  return Math.max(at, 0);
}

/**
 * @param {number} kind
 * @param {string} text
 * @param {Where} where
 */
function plain(kind, text, where) {
  if (kind > HEX) return isNumber(text) ? maskedNumber(text, where) : maskedToken(text, where);
  if (kind === UUID) return "<uuid>";
  if (kind === MAC) return "<mac>";
  if (kind === TIME) return time(text, where);
  if (kind === IPV6) return ipv6(text, where);
  return kind === IPV4 ? ipv4(text, where) : hex(text, where);
}

/**
 * @param {string} text
 * @param {Where} where
 */
function time(text, where) {
  if (where.isInside()) return text;
  const isDate = text.length === DATE && !text.includes(":");
  if (isDate && ["version", "api", "v", "ver"].includes(rpartition(where.word(), "-")[2])) return text;
  return "<time>";
}

/**
 * @param {string} text
 * @param {Where} where
 */
function ipv6(text, where) {
  return where.isInside() || !search("digits", text) ? text : "<ip>";
}

/**
 * An address; four numbers after a word for versions or inside something longer are none.
 *
 * @param {string} text
 * @param {Where} where
 */
function ipv4(text, where) {
  const before = tail(where.before, 1);
  const after = where.after.slice(0, 1);
  const isPart = where.isInside() || [".", "/", "-"].includes(before) || after === "-" || after === ".";
  if (isPart && !where.before.endsWith("//")) {
    return strip(head(where.after, 2), ".") || before ? text : "<ip>";
  }
  if (words("fixed_address").has(text) || text.split(".").some((part) => Number(part) > 255)) return text;
  const versions = ["version", "ver", "v", "release", "assembly", "file_version"];
  return versions.includes(where.word()) ? text : "<ip>";
}

/**
 * `0x` numbers: addresses and long ones; up to eight digits may be a status.
 *
 * @param {string} text
 * @param {Where} where
 */
function hex(text, where) {
  if (text.length > LONGEST_STATUS) return "<hex>";
  return text.length > LONGEST_OFFSET && words("pointer").has(where.word()) ? "<hex>" : text;
}

/**
 * @param {number} kind
 * @param {string} text
 * @param {string} before
 */
function rich(kind, text, before) {
  if (kind === EMAIL) return "<email>";
  return kind === URL_KIND ? url(text) : path(text, before);
}

/**
 * Scheme, host and the words of path and query stay; what carries digits is masked.
 *
 * @param {string} text
 */
function url(text) {
  const [scheme, , whole] = partition(text, "://");
  const rest = rstrip(whole, ".:;?!");
  const punctuation = whole.slice(rest.length);
  const cut = /[/?#]/.exec(rest)?.index ?? rest.length;
  const host = rpartition(rest.slice(0, cut), "@")[2];
  const [name, colon, given] = partition(host, ":");
  const port = isNumber(given) && Number(given.slice(0, 6)) >= CAPS.port ? "<port>" : given;
  const isAddress = replaced("digits", name, "") === "..." && !words("fixed_address").has(name);
  const shown = isAddress ? "<ip>" : name.split(".").map((label) => segment(label)).join(".");
  return `${scheme}://${shown}${colon}${port}${segments(rest.slice(cut))}${punctuation}`;
}

/**
 * Path, query and fragment, each piece masked by itself.
 *
 * @param {string} text
 */
function segments(text) {
  /** @type {string[]} */
  const out = [];
  for (const part of text.split(/([/?&=#\\])/)) {
    out.push(out.length % 2 ? part : piece(part, out));
  }
  return out.join("");
}

/**
 * A number after `status/` or `code=` classifies; another one is an id.
 *
 * @param {string} text
 * @param {string[]} before
 */
function piece(text, before) {
  if (!isNumber(text)) return segment(text, { isPath: true });
  const word = before.length > 1 ? before[before.length - 2].toLowerCase() : "";
  return words("class").has(word) && "/=".includes(before[before.length - 1]) ? text : "<n>";
}

/**
 * A path below its root, each name masked by itself.
 *
 * @param {string} text
 * @param {string} before
 */
function path(text, before) {
  const last = tail(before, 1);
  if (last && (isAlnum(last) || "_.-<>".includes(last))) return segments(text);
  if (text.split(/[/\\]/).length === 2) return text[0] + segment(text.slice(1));
  return `<path>/${segments(belowRoot(text))}`;
}
