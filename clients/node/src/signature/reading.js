/** A stack that names the innermost call first, read line by line. */

import { endsWithAny, partition, rpartition, rstrip, startsWithAny, strip, tail, withoutStart } from "../text.js";
import { BLANK, Block, digits, NAMED_BEFORE, place } from "./blocks.js";
import { callOf, named } from "./call_lines.js";
import { goBlocks, isPanic, PANIC } from "./go_text.js";
import { headline } from "./headlines.js";
import { CAPS, match, replaced, search } from "./patterns.js";
import { isInApp } from "./places.js";
import {
  luaTitle,
  monologTitle,
  nativeTitle,
  PHP,
  phpTitle,
  railsTitle,
  rustTitle,
  WHAT,
  wholeMessage,
  withoutStamp,
} from "./titles.js";

/** @typedef {import("./blocks.js").Call} Call */
/** @typedef {import("./titles.js").Title} Title */

const MAX_BLOCKS = CAPS.causes + 1;
const SEARCHED_LINES = 50;
const CAUSES = ["Caused by: ", "[cause]: ", "Suppressed: ", "---> ", "Next "];
const OTHERS = ["goroutine ", "previously allocated by", "freed by thread", "allocated by "];
const INNER = "<---";
const TAB = "\t";
/** How the stacks of C++ and Dart begin; what stands above them is the message. */
const UNTOLD = ["0# ", "#0    "];
const HEADINGS = ["Stack trace:", "stack traceback:", "[stacktrace]"];
const OBJECT = "[object] (";
const PANICKED = " panicked at ";
const ERRORS = "[errors]: [";
const NODE = ["node:", "internal/"];
const GO = [".go", ".s"];
const RUST_HERE = "./rustc/";
const PERL = 4;
const PARAGRAPH = 20;

/** What was read so far. */
export class Reading {
  /** Whether the text names what happened first first. */
  isPhp = false;
  /** Whether these are the calls of Go's runtime and not those of the program. */
  isAside = false;
  /** Whether the next line may still be the message, of Ruby's title or Go's. */
  isOpen = false;
  /** @type {string[]} the lines since the last blank one, before any call */
  paragraph = [];
  /** @type {string[]} what followed the line with the message */
  more = [];
  /** @type {string[]} */
  panics = [];
  /** Whether the members of Node's group of errors follow. */
  isGroup = false;

  /** @param {string[]} lines */
  constructor(lines) {
    this.lines = lines;
    this.now = new Block();
    this.chain = [this.now];
  }

  blocks() {
    let before = "";
    for (const whole of this.lines) {
      const raw = withoutStamp(whole);
      const line = strip(raw, BLANK);
      if (!line) this.#blank(raw);
      else if (this.#line(line, raw, before)) before = line;
      else break;
    }
    return this.#finished();
  }

  #finished() {
    if (!this.now.calls.length) this.#endMessage(this.now.thrown !== null);
    if (this.isPhp) this.chain.reverse();
    for (const block of this.chain) putThrown(block);
    const [first] = this.chain;
    const innermost = first.calls[0]?.[0] ?? "";
    if (/[0-9]$/.test(this.lines[0]) && startsWithAny(innermost, NODE)) this.#putExcerpt(first);
    if (innermost.startsWith(RUST_HERE)) {
      for (const block of this.chain) block.calls = block.calls.map(([file, ...rest]) => [absolute(file), ...rest]);
    }
    if (this.panics.length || (endsWithAny(innermost, GO) && first.calls.some(isPanic))) {
      this.chain = [...goBlocks(first, this.panics), ...this.chain.slice(1)].slice(0, MAX_BLOCKS);
    }
    for (const block of this.chain) {
      if (block.message === "\n") block.message = "";
      block.calls.reverse();
    }
    if (!this.chain.some((block) => block.calls.length)) {
      first.calls = places(this.lines);
      first.isGuessed = true;
    }
    return this.chain;
  }

  /**
   * Node writes the place of a syntax error above its line; the calls are Node's own.
   *
   * @param {Block} block
   */
  #putExcerpt(block) {
    const [file, line, column] = place(this.lines[0]);
    if (line && !block.calls.some((call) => isInApp(call[0], call[4]))) block.calls.unshift([file, "", line, column, ""]);
  }

  /** @param {string} raw */
  #blank(raw) {
    if (this.panics.length && this.isOpen && raw.startsWith(TAB)) {
      this.panics[this.panics.length - 1] += "\n";
      return;
    }
    this.isOpen = false;
    if (!this.now.calls.length) {
      this.paragraph = [];
      this.more.push("");
    }
  }

  /**
   * Take one line; false where another thread's story begins.
   *
   * @param {string} line
   * @param {string} raw
   * @param {string} before
   */
  #line(line, raw, before) {
    if (this.isAside) {
      this.isAside = !line.startsWith("goroutine ");
      return true;
    }
    let call = callOf(line);
    if (call && call[1] === NAMED_BEFORE) call = named(call, before);
    if (call) return this.#add(call, line);
    const title = line.includes(OBJECT) ? monologTitle(line) : null;
    if (line.startsWith("--- End of inner")) this.#close();
    else if (title) this.#monolog(title);
    else if (line.includes(PANICKED) && this.now.thrown !== null) this.#again(line);
    else if (this.now.calls.length) return this.#afterCalls(line);
    else this.#beforeCalls(line, raw);
    return true;
  }

  /**
   * Add one call; false where a native stack begins anew for another thread.
   *
   * @param {Call} call
   * @param {string} line
   */
  #add(call, line) {
    const { calls, thrown } = this.now;
    const isNumbered = line.startsWith("#0 ");
    if (isNumbered && calls.length && thrown === null) return false;
    if (line.endsWith(")") && line.includes(":in ") && !line.startsWith("from ")) this.#ruby(line);
    else if (!calls.length) {
      if (isNumbered && !this.isPhp && line.includes("): ") && this.paragraph.length) this.#php();
      this.#beginCalls(line);
    }
    this.now.calls.push(call);
    return true;
  }

  /**
   * At the first call: what stood before it is the title.
   *
   * @param {string} line
   */
  #beginCalls(line) {
    const { now } = this;
    const isAt = line.startsWith("at ");
    if (this.paragraph.length && !now.type && !now.message && now.thrown === null) {
      if (isAt && now === this.chain[0]) this.#untold();
      else if (startsWithAny(line, UNTOLD)) this.#take(["", this.paragraph.join("\n"), null]);
    }
    this.#endMessage(isAt || now.thrown !== null);
    this.paragraph = [];
  }

  /** @param {boolean} goesOn */
  #endMessage(goesOn) {
    const { now } = this;
    if (this.more.length && !this.isPhp && (strip(now.message, "\n") || now.type)) {
      now.message = wholeMessage(now.message, this.more, goesOn);
    }
    this.more = [];
  }

  /** @param {string} line */
  #afterCalls(line) {
    if (startsWithAny(line, CAUSES) || line.includes(OBJECT)) this.#open(line);
    else if (line.includes(" called at ")) this.#perl(line);
    else if (this.isOpen && this.now.calls.length === 1) this.now.message += `\n${line}`;
    else if (line === ERRORS) this.isGroup = true;
    else if (this.isGroup && /^[A-Z]/.test(line) && headline(line, true)) this.#open(`---> ${line}`);
    else if (match("node_code", line)) this.now.message += `\n${rstrip(line, ",")}`;
    else return !startsWithAny(line, OTHERS);
    return true;
  }

  /**
   * @param {string} line
   * @param {string} raw
   */
  #beforeCalls(line, raw) {
    const { now } = this;
    const isOther = now !== this.chain[0];
    if (startsWithAny(line, CAUSES) && (now.type || isOther)) {
      this.#endMessage(true);
      this.#open(line);
      return;
    }
    if (!this.#isMark(line, raw)) {
      const isIndented = BLANK.includes(raw[0]);
      if (isOther || (isIndented && now.type && !line.startsWith(WHAT))) this.more.push(raw);
      else this.#title(line, raw);
    }
    this.#note(line, raw);
  }

  /**
   * Keep the line for a title that is only known by what follows it.
   *
   * @param {string} line
   * @param {string} raw
   */
  #note(line, raw) {
    if (this.paragraph.length === 1 && this.paragraph[0].endsWith(":")) this.paragraph = [];
    if (this.paragraph.length < PARAGRAPH) {
      this.paragraph.push(this.paragraph.length ? rstrip(raw, BLANK) : line);
    }
  }

  /**
   * Whether it is a line that one runtime alone writes; it is taken then.
   *
   * @param {string} line
   * @param {string} raw
   */
  #isMark(line, raw) {
    if (this.now.message === "\n") this.now.message = line;
    else if (line === "runtime stack:") this.isAside = true;
    else if (!HEADINGS.includes(line)) return this.now === this.chain[0] && this.#isPanic(line, raw);
    else if (this.paragraph.length) {
      this.#headed(line);
      this.paragraph = [];
    }
    return true;
  }

  /**
   * Take the paragraph above the heading of a stack for the title.
   *
   * @param {string} heading
   */
  #headed(heading) {
    const { now } = this;
    if (heading === "Stack trace:") this.#php();
    else if (heading === "stack traceback:") {
      if (!now.type) this.#take(luaTitle(this.paragraph));
    } else if (now.thrown === null) {
      const text = this.paragraph.join("\n");
      const title = monologTitle(text.slice(Math.max(0, text.lastIndexOf(OBJECT))));
      if (title) this.#monolog(title);
    }
  }

  /**
   * Whether it is a line of a panic's text, of Go or of Rust.
   *
   * @param {string} line
   * @param {string} raw
   */
  #isPanic(line, raw) {
    const { panics } = this;
    if (line.startsWith(PANIC) && (this.isOpen || !panics.length)) {
      panics.push(line);
      this.isOpen = true;
    } else if (panics.length) {
      this.isOpen &&= !startsWithAny(line, ["[signal ", "goroutine "]);
      if (this.isOpen) panics[panics.length - 1] += `\n${rstrip(withoutStart(raw, TAB), BLANK)}`;
    } else if (line.includes(PANICKED)) this.#take(rustTitle(line));
    else return false;
    return true;
  }

  /**
   * @param {string} line
   * @param {string} raw
   */
  #title(line, raw) {
    if (line.includes(" line ") && line.includes("at ") && this.#perlTitle(` ${line}`)) return;
    const [first, ...rest] = line.split(" ---> ").slice(0, MAX_BLOCKS);
    const found = headline(first);
    if (found) {
      this.#take([...found, null]);
      for (const part of rest) this.#open(`---> ${part}`);
    } else if (!this.#plainTitle(line)) this.more.push(raw);
    if (line.includes(" in ") && startsWithAny(line, PHP)) this.#thrown(line);
  }

  /**
   * `message at x.pl line 9.`, of which the place may stand on a line of its own.
   *
   * @param {string} line
   */
  #perlTitle(line) {
    const found = search("perl_at", line);
    if (found === null) return false;
    const { now } = this;
    now.calls.push([found[1], "", digits(found[2]), "", ""]);
    const before = this.paragraph.length <= PERL ? this.paragraph : [];
    now.message ||= rstrip([...before, line.slice(1, Math.max(1, found.index))].join("\n"), "\n");
    return true;
  }

  /**
   * What names an error without a type before a colon; false where the line does not.
   *
   * @param {string} line
   */
  #plainTitle(line) {
    const native = nativeTitle(line);
    const rails = line.endsWith("):") ? railsTitle(line) : null;
    if (native) this.#take(native);
    else if (line.startsWith(WHAT)) {
      this.now.message = strip(line.slice(WHAT.length), BLANK);
      this.more = [];
    } else if (line.startsWith("lua") && line.includes(": ") && !this.now.message) this.#take(luaTitle([line]));
    else if (startsWithAny(line, PHP)) this.#take(["", strip(partition(line, ": ")[2], BLANK), null]);
    else if (rails) this.#take(rails);
    else return false;
    return true;
  }

  /** @param {Title} title */
  #take([type, message, thrown]) {
    this.now.type = type;
    this.now.message = message;
    this.now.thrown = thrown ?? this.now.thrown;
    this.more = [];
  }

  /** The paragraph before the first call names the exception, whatever it is called. */
  #untold() {
    const [first, ...rest] = this.paragraph;
    const [title, ...causes] = first.split(" ---> ").slice(0, MAX_BLOCKS);
    const found = headline(title, true);
    if (found === null) return;
    this.#take([...found, null]);
    this.more.push(...rest);
    for (const part of causes) this.#open(`---> ${part}`);
  }

  /**
   * Begin the block of a cause, or of PHP's next exception.
   *
   * @param {string} line
   */
  #open(line) {
    this.more = [];
    this.paragraph = line ? [line] : [];
    if (this.chain.length >= MAX_BLOCKS) {
      this.now = new Block();
      return;
    }
    const [type, message] = headline(line) ?? ["", line];
    this.now = new Block(type, message.endsWith(INNER) ? message.slice(0, -INNER.length) : message);
    this.chain.push(this.now);
    if (line.startsWith("Next ")) this.#thrown(line);
  }

  /** The calls of a cause ended; a block beyond the last one that is kept is in no chain. */
  #close() {
    if (!this.now.calls.length) this.#endMessage(true);
    this.now = this.chain[Math.max(0, this.chain.indexOf(this.now) - 1)];
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

  /** The lines before PHP's calls are the title, of whatever name. */
  #php() {
    const title = this.paragraph.length ? phpTitle(this.paragraph) : null;
    if (title === null) return;
    this.isPhp = true;
    this.#take(title);
  }

  /**
   * Monolog writes what happened last first.
   *
   * @param {Title} title
   */
  #monolog(title) {
    if (this.now.type || this.now.calls.length) this.#open("");
    this.#take(title);
  }

  /**
   * Another panic of Rust's follows, as of the thread that waited for the first.
   *
   * @param {string} line
   */
  #again(line) {
    if (!this.now.calls.length) this.#endMessage(true);
    this.#open("");
    this.#take(rustTitle(line));
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
    this.#take([rstrip(kind, ")"), message, null]);
    this.isOpen = true;
  }
}

/**
 * Where Rust's own sources, which are below /rustc, are below ./rustc, the program ran in /.
 *
 * @param {string} file
 */
function absolute(file) {
  return file.startsWith("./") ? file.slice(1) : file;
}

/**
 * Where the text says it was thrown, as the innermost call.
 *
 * @param {Block} block
 */
function putThrown(block) {
  const { thrown, calls } = block;
  if (thrown === null) return;
  if (!calls.length) block.calls = [thrown];
  else if (thrown[0].endsWith(".lua")) {
    // What handled it may have asked for the calls.
    const first = calls.find((call) => call[2]) ?? thrown;
    if (first[0] !== thrown[0] || first[2] !== thrown[2]) calls.unshift(thrown);
  }
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
