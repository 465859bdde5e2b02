/** A report brought down to the record that both keys are made of. */

import { textOf } from "../report.js";
import { endsWithAny, head, isNumber, lstrip, partition, rpartition, rstrip, startsWithAny, strip } from "../text.js";
import { headline, lastName } from "./headlines.js";
import { shortened, template } from "./masking.js";
import { CAPS, fullMatch, match, replaced } from "./patterns.js";
import { place, plainName } from "./places.js";
import { blocksIn } from "./stacks.js";
import { withoutStamp } from "./titles.js";

/** @typedef {import("../report.js").Report} Report */
/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./blocks.js").Call} Call */
/** @typedef {[path: string, name: string, line: string]} Spot */
/** @typedef {{ isOwn: boolean, spot: Spot }} Placed */

const TITLES = [" panicked at ", "terminate called "];
const LONGEST_LINE = 999_999_999;
/** @type {Spot} */
const NOWHERE = ["", "", ""];

/**
 * @typedef {object} Canonical
 * @property {string} service
 * @property {string} release
 * @property {string[]} types the exception's type, then its causes'
 * @property {[path: string, name: string][]} calls outermost first, repeated cycles once
 * @property {string} crashLine
 * @property {string} code
 * @property {string} template
 * @property {[path: string, name: string, template: string][]} causes
 * @property {string[]} causeLines
 * @property {string[]} fingerprint
 */

/**
 * The record that is hashed.
 *
 * @param {Report} report
 * @returns {Canonical}
 */
export function canonical(report) {
  const text = report.stack || (report.error.includes("\n") ? report.error : "");
  const blocks = text ? blocksIn(text) : [];
  const [kind, said] = typeAndMessage(report, blocks);
  // A stack of no known form counts whole: rather a repeat than an error lost.
  const isUnread = report.stack && !report.frames.length && !blocks.some((block) => block.calls.length && !block.isGuessed);
  const message = isUnread ? `${said}\n${report.stack}` : said;
  const spots = spotsOf(report, blocks);
  const causes = blocks.slice(1, CAPS.causes + 1);
  const places = causes.map((cause) => kept(cause.calls.map(ofCall)).at(-1) ?? NOWHERE);
  const room = causes.length ? Math.floor(CAPS.cause_parts / causes.length) : 0;
  const lines = places.map((spot) => spot[2]);
  if (!kind && !message && !report.frames.length && !report.messageTemplate && blocks.length) {
    lines.push(...linesOf(blocks[0]));
  }
  return {
    service: report.service,
    release: report.release,
    types: [kind, ...causes.map((cause) => cause.type)],
    calls: collapsed(spots.map(([path, name]) => [path, name])),
    crashLine: spots.at(-1)?.[2] ?? "",
    code: report.code,
    template: shortened(report.messageTemplate) || template(message),
    causes: places.map(([path, name], at) => [path, name, template(causes[at].message, room)]),
    causeLines: lines,
    fingerprint: report.fingerprint,
  };
}

/**
 * The line of each of the project's own calls, for a stack without a word of what happened.
 *
 * @param {Block} block
 */
function linesOf({ calls }) {
  const own = kept(calls.map(ofCall)).map((spot) => [spot.join("\n"), spot[2]]);
  return [...new Map(/** @type {[string, string][]} */ (own)).values()].slice(-CAPS.frames);
}

/**
 * The exception's type, and its message without it, so that both ways of writing read alike.
 *
 * @param {Report} report
 * @param {Block[]} blocks
 * @returns {[string, string]}
 */
function typeAndMessage(report, blocks) {
  const [first] = blocks;
  const error = shortened(withoutStamp(report.error));
  const found = headline(head(partition(error, "\n")[0], CAPS.line));
  const kind = report.type || found?.[0] || first?.type || "";
  const told = first ? toldByStack(report, error, first) : null;
  if (told !== null) return [kind, told];
  if (first && !report.type && isCause(error, blocks)) return [first.type, first.message];
  const name = [kind, lastName(kind)].find((one) => one && isTitle(error, one));
  const text = name ? error.slice(name.length + 1) : withoutLead(error, found);
  const said = withoutPlace(strip(text, " \t\r\n"));
  return [kind, first ? withOwn(said, first) : said];
}

/**
 * What a log says of an error, and what the exception below says itself.
 *
 * @param {string} text
 * @param {Block} first
 */
function withOwn(text, { message }) {
  return text.includes(beginning(message)) ? text : `${text}\n${message}`;
}

/**
 * The first line of a message that is not blank.
 *
 * @param {string} message
 */
function beginning(message) {
  return partition(lstrip(message, "\n"), "\n")[0];
}

/**
 * @param {string} text
 * @param {string} name
 */
function isTitle(text, name) {
  return text === name || text.startsWith(`${name}:`);
}

/**
 * Whether the given line is that of a cause: PHP writes what happened first first.
 *
 * @param {string} error
 * @param {Block[]} blocks
 */
function isCause(error, blocks) {
  const kinds = blocks.map((block) => block.type);
  if (kinds.length === 1 || !kinds[0]) return false;
  const title = head(partition(error, "\n")[0], CAPS.line);
  const found = headline(title) ?? headline(title, true);
  return found !== null && found[0] !== kinds[0] && kinds.includes(found[0]);
}

/**
 * The message as the stack has it, where it is best read there; null where it is not. There it
 * stands without what surrounds it in a runtime's own line; or the given message is the whole text,
 * or a line that says nothing.
 *
 * @param {Report} report
 * @param {string} error
 * @param {Block} first
 */
function toldByStack(report, error, first) {
  const [title, , more] = partition(strip(error, " \t\r\n"), "\n");
  if (more && (report.stack || !first.calls.length || first.isGuessed)) return null;
  if (saysNothing(title) && (first.message || !first.isGuessed)) return first.message;
  if (!first.message) return more ? withoutPlace(rstrip(title, "\r")) : null;
  if (endsWithMessage(title, first)) return first.message;
  return more ? `${title}\n${first.message}` : null;
}

/**
 * `Unhandled Exception:`, `====`, `/app/x.js:12`, a call, and the titles of Rust and C++.
 *
 * @param {string} line
 */
function saysNothing(line) {
  const title = rstrip(line, " \r");
  if (endsWithAny(title, [":", "=", "DEADLYSIGNAL"]) || match("bare_place", title)) return true;
  return TITLES.some((mark) => head(title, 200).includes(mark));
}

/**
 * Whether the line ends with the message, or with what runtimes put after it.
 *
 * @param {string} title
 * @param {Block} first
 */
function endsWithMessage(title, first) {
  const start = beginning(first.message);
  const [, found, after] = rpartition(title, start);
  const rest = rstrip(after, " \r");
  if (!start || !found) return false;
  if (["", ` (${first.type})`, "):"].includes(rest) || startsWithAny(rest, [" ---> ", " [recovered"])) return true;
  return fullMatch("php_end", rest) !== null || fullMatch("perl_end", rest) !== null;
}

/**
 * `Uncaught TypeError: x` without what a runtime puts before it.
 *
 * @param {string} text
 * @param {[string, string] | null} found
 */
function withoutLead(text, found) {
  if (found === null || !found[1]) return text;
  const at = text.indexOf(found[1]);
  return at > 0 ? text.slice(at) : text;
}

/**
 * Without the place that Perl and PHP add to the message; the frames have it.
 *
 * @param {string} text
 */
function withoutPlace(text) {
  const short = text.includes(" line ") && text.includes(" at ") ? replaced("perl_end", text, "") : text;
  return short.includes(" in /") ? replaced("php_end", short, "") : short;
}

/**
 * @param {Report} report
 * @param {Block[]} blocks
 * @returns {Spot[]}
 */
function spotsOf(report, [first]) {
  if (report.frames.length) return kept(report.frames.map(ofFrame));
  if (first?.calls.length) return kept(first.calls.map(ofCall));
  const file = report.context.get("file");
  if (typeof file !== "string" || !file) return [];
  return [[place(file, "")[0], "", contextLine(report.context.get("line"))]];
}

/**
 * `context.line` as digits; empty where it is none.
 *
 * @param {import("../values.d.ts").Json | undefined} line
 */
function contextLine(line) {
  const text = head(textOf(line), 9);
  return isNumber(text) && strip(text, "0") ? text : "";
}

/**
 * @param {Call} call
 * @returns {Placed}
 */
function ofCall([file, name, line, column, module]) {
  const [path, isOwn] = place(file, module);
  const isBundle = column && (line === "" || line === "1" || Number(column) > CAPS.minified_column);
  return { isOwn, spot: [path, plainName(name), isBundle ? `${line}:${column}` : line] };
}

/**
 * @param {import("../report.js").Frame} frame
 * @returns {Placed}
 */
function ofFrame({ file, line, column, function: name, module, inApp }) {
  const [path, isOwn] = place(file || module, module);
  const hasLine = line > 0 && line <= LONGEST_LINE;
  const hasColumn = column > 0 && column <= LONGEST_LINE;
  const isBundle = hasLine && hasColumn && (line === 1 || column > CAPS.minified_column);
  const shown = hasLine ? `${line}${isBundle ? `:${column}` : ""}` : "";
  return { isOwn: inApp ?? isOwn, spot: [path, plainName(name), shown] };
}

/**
 * The project's own calls, or all of them where none is.
 *
 * @param {Placed[]} every
 */
function kept(every) {
  const own = every.filter(({ isOwn }) => isOwn);
  return (own.length ? own : every).map(({ spot }) => spot);
}

/**
 * Repeated cycles of up to four calls once, so that the depth of a recursion does not count.
 *
 * @param {[string, string][]} calls
 */
function collapsed(calls) {
  /** @type {[string, string][]} */
  const out = [];
  for (const call of calls) {
    out.push(call);
    for (let size = 1; size <= CAPS.cycle; size += 1) {
      if (repeats(out, size)) {
        out.splice(-size);
        break;
      }
    }
  }
  const half = Math.floor(CAPS.frames / 2);
  return out.length > CAPS.frames ? [...out.slice(0, half), ...out.slice(-half)] : out;
}

/**
 * Whether the last `size` calls are those before them once more.
 *
 * @param {[string, string][]} calls
 * @param {number} size
 */
function repeats(calls, size) {
  const from = calls.length - size;
  if (from < size) return false;
  for (let at = from; at < calls.length; at += 1) {
    const [before, call] = [calls[at - size], calls[at]];
    if (before[0] !== call[0] || before[1] !== call[1]) return false;
  }
  return true;
}
