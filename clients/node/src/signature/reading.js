/** A stack that names the innermost call first, read line by line. */

import { partition, rstrip, startsWithAny, strip, withoutStart } from "../text.js";
import { arrange } from "./arranging.js";
import { BLANK, digits, NAMED_BEFORE } from "./blocks.js";
import { callOf, named } from "./call_lines.js";
import { Chain, MAX_BLOCKS } from "./chain.js";
import { PANIC } from "./go_text.js";
import { headline } from "./headlines.js";
import { match, search } from "./patterns.js";
import { luaTitle, monologTitle, nativeTitle, PHP, railsTitle, rustTitle, WHAT, withoutStamp } from "./titles.js";

/** @typedef {import("./blocks.js").Call} Call */

const CAUSES = ["Caused by: ", "[cause]: ", "Suppressed: ", "---> ", "Next "];
const OTHERS = ["goroutine ", "previously allocated by", "freed by thread", "allocated by "];
const TAB = "\t";
/** How the stacks of C++ and Dart begin; what stands above them is the message. */
const UNTOLD = ["0# ", "#0    "];
const HEADINGS = ["Stack trace:", "stack traceback:", "[stacktrace]"];
const OBJECT = "[object] (";
const PANICKED = " panicked at ";
const ERRORS = "[errors]: [";
const PERL = 4;
const PARAGRAPH = 20;

/** Each line as it is met. */
export class Reading extends Chain {
  blocks() {
    let before = "";
    for (const whole of this.lines) {
      const raw = withoutStamp(whole);
      const line = strip(raw, BLANK);
      if (!line) this.#blank(raw);
      else if (this.#line(line, raw, before)) before = line;
      else break;
    }
    if (!this.now.calls.length) this.endMessage(this.now.thrown !== null);
    if (this.isPhp) this.chain.reverse();
    return arrange(this.chain, this.lines, this.panics);
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
    if (line.startsWith("--- End of inner")) this.close();
    else if (title) this.monolog(title);
    else if (line.includes(PANICKED) && this.now.thrown !== null) this.again(line);
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
    if (line.endsWith(")") && line.includes(":in ") && !line.startsWith("from ")) this.ruby(line);
    else if (!calls.length) {
      if (isNumbered && !this.isPhp && line.includes("): ") && this.paragraph.length) this.php();
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
      else if (startsWithAny(line, UNTOLD)) this.take(["", this.paragraph.join("\n"), null]);
    }
    this.endMessage(isAt || now.thrown !== null);
    this.paragraph = [];
  }

  /** @param {string} line */
  #afterCalls(line) {
    if (startsWithAny(line, CAUSES) || line.includes(OBJECT)) this.open(line);
    else if (line.includes(" called at ")) this.perl(line);
    else if (this.isOpen && this.now.calls.length === 1) this.now.message += `\n${line}`;
    else if (line === ERRORS) this.isGroup = true;
    else if (this.isGroup && /^[A-Z]/.test(line) && headline(line, true)) this.open(`---> ${line}`);
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
      this.endMessage(true);
      this.open(line);
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
    if (heading === "Stack trace:") this.php();
    else if (heading === "stack traceback:") {
      if (!now.type) this.take(luaTitle(this.paragraph));
    } else if (now.thrown === null) {
      const text = this.paragraph.join("\n");
      const title = monologTitle(text.slice(Math.max(0, text.lastIndexOf(OBJECT))));
      if (title) this.monolog(title);
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
    } else if (line.includes(PANICKED)) this.take(rustTitle(line));
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
      this.take([...found, null]);
      for (const part of rest) this.open(`---> ${part}`);
    } else if (!this.#plainTitle(line)) this.more.push(raw);
    if (line.includes(" in ") && startsWithAny(line, PHP)) this.thrown(line);
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
    if (native) this.take(native);
    else if (line.startsWith(WHAT)) {
      this.now.message = strip(line.slice(WHAT.length), BLANK);
      this.more = [];
    } else if (line.startsWith("lua") && line.includes(": ") && !this.now.message) this.take(luaTitle([line]));
    else if (startsWithAny(line, PHP)) this.take(["", strip(partition(line, ": ")[2], BLANK), null]);
    else if (rails) this.take(rails);
    else return false;
    return true;
  }

  /** The paragraph before the first call names the exception, whatever it is called. */
  #untold() {
    const [first, ...rest] = this.paragraph;
    const [title, ...causes] = first.split(" ---> ").slice(0, MAX_BLOCKS);
    const found = headline(title, true);
    if (found === null) return;
    this.take([...found, null]);
    this.more.push(...rest);
    for (const part of causes) this.open(`---> ${part}`);
  }

}
