/** The exceptions of a stack as they are read: how each begins, and where its message ends. */

import { partition, rpartition, rstrip, strip, tail } from "../text.js";
import { Block, digits } from "./blocks.js";
import { headline } from "./headlines.js";
import { CAPS, replaced, search } from "./patterns.js";
import { phpTitle, rustTitle, wholeMessage } from "./titles.js";

/** @typedef {import("./titles.js").Title} Title */

export const MAX_BLOCKS = CAPS.causes + 1;
const INNER = "<---";

/** What was read so far. */
export class Chain {
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

  /** @param {Title} title */
  take([type, message, thrown]) {
    this.now.type = type;
    this.now.message = message;
    this.now.thrown = thrown ?? this.now.thrown;
    this.more = [];
  }

  /** @param {boolean} goesOn */
  endMessage(goesOn) {
    const { now } = this;
    if (this.more.length && !this.isPhp && (strip(now.message, "\n") || now.type)) {
      now.message = wholeMessage(now.message, this.more, goesOn);
    }
    this.more = [];
  }

  /**
   * Begin the block of a cause, or of PHP's next exception.
   *
   * @param {string} line
   */
  open(line) {
    this.more = [];
    this.paragraph = line ? [line] : [];
    if (this.chain.length >= MAX_BLOCKS) {
      this.now = new Block();
      return;
    }
    const [type, message] = headline(line) ?? ["", line];
    this.now = new Block(type, message.endsWith(INNER) ? message.slice(0, -INNER.length) : message);
    this.chain.push(this.now);
    if (line.startsWith("Next ")) this.thrown(line);
  }

  /** The calls of a cause ended; a block beyond the last one that is kept is in no chain. */
  close() {
    if (!this.now.calls.length) this.endMessage(true);
    this.now = this.chain[Math.max(0, this.chain.indexOf(this.now) - 1)];
  }

  /**
   * `... in /app/cart.php:12`, where PHP says that it threw.
   *
   * @param {string} line
   */
  thrown(line) {
    const found = search("php_thrown", tail(line, 500));
    if (found === null) return;
    this.isPhp = true;
    this.now.thrown = [found[1], "", digits(found[2]), "", ""];
    this.now.message = replaced("php_end", this.now.message, "");
  }

  /** The lines before PHP's calls are the title, of whatever name. */
  php() {
    const title = this.paragraph.length ? phpTitle(this.paragraph) : null;
    if (title === null) return;
    this.isPhp = true;
    this.take(title);
  }

  /**
   * Monolog writes what happened last first.
   *
   * @param {Title} title
   */
  monolog(title) {
    if (this.now.type || this.now.calls.length) this.open("");
    this.take(title);
  }

  /**
   * Another panic of Rust's follows, as of the thread that waited for the first.
   *
   * @param {string} line
   */
  again(line) {
    if (!this.now.calls.length) this.endMessage(true);
    this.open("");
    this.take(rustTitle(line));
  }

  /**
   * `main::f(1) called at x.pl line 9` names the call before and the place after.
   *
   * @param {string} line
   */
  perl(line) {
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
  ruby(line) {
    const [message, , kind] = rpartition(partition(line, "': ")[2], " (");
    if (!message && !kind) return;
    if (this.now.calls.length) this.open("");
    this.take([rstrip(kind, ")"), message, null]);
    this.isOpen = true;
  }
}
