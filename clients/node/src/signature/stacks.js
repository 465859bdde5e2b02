/**
 * Frames and exceptions out of a stack as text, for the runtimes that people run.
 *
 * Every stack and every line is cut before it is looked at, so that a hostile one costs time in
 * proportion to its size, and little.
 */

import { head, isNumber, length, partition, rpartition, rstrip, startsWithAny, strip, tail } from "../text.js";
import { BLANK, Block, digits, NAMED_BEFORE } from "./blocks.js";
import { callOf, named } from "./call_lines.js";
import { headline } from "./headlines.js";
import { CAPS, match, replaced, search } from "./patterns.js";
import { pythonBlocks, TITLE } from "./python_text.js";

/** @typedef {import("./blocks.js").Call} Call */

const MAX_BLOCKS = CAPS.causes + 1;
const SEARCHED_LINES = 50;
const CAUSES = ["Caused by: ", "[cause]: ", "Suppressed: ", "---> ", "Next "];
const OTHERS = ["goroutine ", "previously allocated by", "freed by thread", "allocated by "];
const PHP = ["PHP ", "Fatal error: ", "Parse error: ", "Warning: ", "Notice: ", "Deprecated: "];
const LOG_PREFIX = 80;
const WHAT = "what(): ";
const TERMINATE = "terminate called after throwing an instance of '";

/**
 * The exceptions of a chain, the one that ended the program first.
 *
 * @param {string} text
 */
export function blocksIn(text) {
  const lines = linesOf(text);
  if (text.includes(TITLE) && text.includes('File "')) return pythonBlocks(lines);
  return new Reading(lines.map(withoutPrefix)).blocks();
}

/**
 * At most `limit` characters: two thirds from the head, the rest from the tail.
 *
 * @param {string} text
 * @param {number} limit
 */
export function capped(text, limit) {
  if (text.length <= limit || length(text) <= limit) return text;
  const size = Math.floor((limit * 2) / 3);
  return `${head(text, size)}\n${tail(text, limit - size - 1)}`;
}

/**
 * The lines of a stack: at most 1200, each cut to 1024 characters, without colours.
 *
 * @param {string} whole
 */
function linesOf(whole) {
  let text = capped(whole, CAPS.stack);
  if (text.includes("\x1b")) text = replaced("ansi", text, "");
  const lines = text.split("\n");
  const last = Math.floor(CAPS.lines / 3);
  const kept = lines.length - 1 > CAPS.lines ? [...lines.slice(0, CAPS.lines - last), ...lines.slice(-last)] : lines;
  return kept.map((line) => head(line, CAPS.line));
}

/**
 * `[25-Nov-2026 10:00:00 UTC] PHP Fatal error: ...` without its time.
 *
 * @param {string} line
 */
function withoutPrefix(line) {
  return line.startsWith("[") && head(line, LOG_PREFIX).includes("] PHP ") ? partition(line, "] ")[2] : line;
}

/** A stack that names the innermost call first, read line by line. */
class Reading {
  isPhp = false;
  /** Whether the line before began the text or a paragraph of it. */
  isFresh = true;

  /** @param {string[]} lines */
  constructor(lines) {
    this.lines = lines;
    this.now = new Block();
    this.chain = [this.now];
  }

  blocks() {
    let before = "";
    let isNew = true;
    for (const raw of this.lines) {
      const line = strip(raw, BLANK);
      if (!line) {
        isNew = true;
        continue;
      }
      if (!this.#line(line, before, BLANK.includes(raw[0]))) break;
      this.isFresh = isNew || before.endsWith(":");
      isNew = false;
      before = line;
    }
    if (this.isPhp) this.chain.reverse();
    for (const block of this.chain) complete(block);
    if (!this.chain.some((block) => block.calls.length)) {
      this.chain[0].calls = places(this.lines);
      this.chain[0].isGuessed = true;
    }
    return this.chain;
  }

  /**
   * Take one line; false where another thread's story begins.
   *
   * @param {string} line
   * @param {string} before
   * @param {boolean} isIndented
   */
  #line(line, before, isIndented) {
    let call = callOf(line);
    if (call && call[1] === NAMED_BEFORE) call = named(call, before);
    if (call) return this.#add(call, line, before);
    if (this.now.calls.length) return this.#afterCalls(line);
    this.#beforeCalls(line, isIndented);
    return true;
  }

  /**
   * Add one call; false where a native stack begins anew for another thread.
   *
   * @param {Call} call
   * @param {string} line
   * @param {string} before
   */
  #add(call, line, before) {
    const { calls, thrown, type } = this.now;
    if (line.startsWith("#0 ") && calls.length && thrown === null) return false;
    if (line.endsWith(")") && line.includes(":in ") && !line.startsWith("from ")) this.#ruby(line);
    else if (!calls.length && !type && this.isFresh && line.startsWith("at ")) this.#untold(before);
    this.now.calls.push(call);
    return true;
  }

  /**
   * The line before the first call names the exception, whatever it is called.
   *
   * @param {string} line
   */
  #untold(line) {
    const [first, ...rest] = line.split(" ---> ").slice(0, MAX_BLOCKS);
    const found = headline(first, true);
    if (found === null) return;
    [this.now.type, this.now.message] = found;
    for (const part of rest) this.#open(part);
  }

  /** @param {string} line */
  #afterCalls(line) {
    if (startsWithAny(line, CAUSES)) this.#open(line);
    else if (line.includes(" called at ")) this.#perl(line);
    else if (line.startsWith("--- End of inner")) {
      this.now = this.chain[Math.max(0, this.chain.indexOf(this.now) - 1)];
    } else return !startsWithAny(line, OTHERS);
    return true;
  }

  /**
   * @param {string} line
   * @param {boolean} isIndented
   */
  #beforeCalls(line, isIndented) {
    const { now } = this;
    const isCause = startsWithAny(line, CAUSES);
    const isFirst = now === this.chain[0];
    if (!isFirst && !isCause) return;
    if (isCause && (now.type || !isFirst)) return this.#open(line);
    if (line.includes(" panicked at ")) return this.#rust(line);
    if (now.message === "\n") {
      now.message = line;
      return;
    }
    const found = line.includes(" line ") && line.includes(" at ") ? search("perl_at", line) : null;
    if (found) {
      now.calls.push([found[1], "", digits(found[2]), "", ""]);
      now.message ||= line.slice(0, found.index);
    } else if (!isIndented || !now.type || line.startsWith(WHAT)) this.#title(line);
  }

  /** @param {string} line */
  #title(line) {
    const [first, ...rest] = line.split(" ---> ").slice(0, MAX_BLOCKS);
    const found = headline(first);
    if (found === null) this.#plainTitle(line);
    else {
      [this.now.type, this.now.message] = found;
      for (const part of rest) this.#open(part);
    }
    if (line.includes(" in ") && startsWithAny(line, PHP)) this.#thrown(line);
  }

  /**
   * What names an error without a type before a colon: C++, the sanitizers and Lua.
   *
   * @param {string} line
   */
  #plainTitle(line) {
    const { now } = this;
    const sanitizer = line.startsWith("==") ? match("sanitizer", line) : null;
    const lua = line.startsWith("lua") ? match("lua_title", line) : null;
    if (line.startsWith(TERMINATE)) now.type = partition(line.slice(TERMINATE.length), "'")[0];
    else if (line.startsWith(WHAT)) now.message = strip(line.slice(WHAT.length), BLANK);
    else if (sanitizer) [now.type, now.message] = [sanitizer[1], strip(sanitizer[2], BLANK)];
    else if (lua) now.message = lua[1];
    else if (startsWithAny(line, PHP)) now.message = strip(partition(line, ": ")[2], BLANK);
  }

  /**
   * Begin the block of a cause, or of PHP's next exception.
   *
   * @param {string} line
   */
  #open(line) {
    if (this.chain.length >= MAX_BLOCKS) {
      this.now = new Block();
      return;
    }
    this.now = new Block(...(headline(line) ?? ["", line]));
    this.chain.push(this.now);
    if (line.startsWith("Next ")) this.#thrown(line);
  }

  /**
   * `... in /app/cart.php:12`, where PHP says that it threw.
   *
   * @param {string} line
   */
  #thrown(line) {
    const found = search("php_thrown", tail(line, 500));
    if (found === null) return;
    this.isPhp = true;
    this.now.thrown = [found[1], "", digits(found[2]), "", ""];
    this.now.message = replaced("php_end", this.now.message, "");
  }

  /** @param {string} line */
  #rust(line) {
    let where = rpartition(line, " panicked at ")[2];
    if (where.startsWith("'")) [this.now.message, , where] = rpartition(where.slice(1), "', ");
    else this.now.message = "\n";
    const [before, , column] = rpartition(rstrip(where, ":"), ":");
    const [file, , number] = rpartition(before, ":");
    this.now.thrown = [file, "", isNumber(number) ? digits(number) : "", isNumber(column) ? digits(column) : "", ""];
  }

  /**
   * `main::f(1) called at x.pl line 9` names the call before and the place after.
   *
   * @param {string} line
   */
  #perl(line) {
    const [name, , rest] = partition(line, " called at ");
    const found = search("perl_at", ` at ${rest}`);
    if (found === null) return;
    const { calls } = this.now;
    calls[calls.length - 1][1] = partition(name, "(")[0];
    calls.push([found[1], "", digits(found[2]), "", ""]);
  }

  /**
   * `x.rb:3:in 'f': message (Type)`; where calls came before, it is their cause's.
   *
   * @param {string} line
   */
  #ruby(line) {
    const [message, , kind] = rpartition(partition(line, "': ")[2], " (");
    if (!message && !kind) return;
    if (this.now.calls.length) this.#open("");
    [this.now.type, this.now.message] = [rstrip(kind, ")"), message];
  }
}

/**
 * Outermost call first, and where the exception was thrown at the end.
 *
 * @param {Block} block
 */
function complete(block) {
  if (block.thrown !== null) putThrown(block, block.thrown);
  if (block.message === "\n") block.message = "";
  block.calls.reverse();
}

/**
 * @param {Block} block
 * @param {Call} thrown
 */
function putThrown(block, thrown) {
  const { calls } = block;
  if (!calls.length) block.calls = [thrown];
  else if (!thrown[0].endsWith(".rs")) {
    // PHP names with each place the function that was called there.
    const names = [...calls.map((call) => call[1]), "{main}"];
    block.calls = [thrown, ...calls].map(([file, , line, column, module], at) => [file, names[at], line, column, module]);
  }
}

/**
 * Places like `file.ext:12` where no format of a stack was known.
 *
 * @param {string[]} lines
 */
function places(lines) {
  /** @type {Call[]} */
  const found = [];
  for (const line of lines.slice(0, SEARCHED_LINES)) {
    const place = line.includes(":") ? search("source", line) : null;
    if (place) found.push([place[1], "", place[2], "", ""]);
  }
  return found.reverse();
}
