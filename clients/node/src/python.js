/**
 * What Python's texts and patterns mean, said in JavaScript's.
 *
 * The tables of patterns are shared with the Python side and written in its dialect, of which only
 * what RE2 knows too is used (and look-around in scrubbing). What differs is translated: the classes
 * `\w \s \d` and `\b`, which know all of Unicode there, `.`, `$` and `\Z`.
 */

const WORD = "\\p{L}\\p{N}_";
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const ASCII_SPACE = "\\t-\\r\\x20";
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/;

/**
 * @typedef {object} PythonPattern
 * @property {string} pattern
 * @property {boolean} [ascii] re.ASCII
 * @property {boolean} [ignore_case] re.IGNORECASE
 * @property {boolean} [multiline] re.MULTILINE
 */

/**
 * The same pattern for JavaScript, by code points.
 *
 * @param {PythonPattern} python
 * @param {string} [flags] of JavaScript: `g`, `y`
 */
export function fromPython({ pattern, ascii = false, ignore_case = false, multiline = false }, flags = "") {
  const inline = /^\(\?([aims]+)\)/.exec(pattern);
  const given = inline ? inline[1] : "";
  const translated = new Translation(pattern.slice(inline ? inline[0].length : 0), {
    ascii: ascii || given.includes("a"),
    multiline: multiline || given.includes("m"),
    all: given.includes("s"),
  }).whole();
  return new RegExp(translated, `u${flags}${ignore_case || given.includes("i") ? "i" : ""}`);
}

class Translation {
  #at = 0;
  #out = "";
  #inClass = false;

  /**
   * @param {string} source
   * @param {{ ascii: boolean, multiline: boolean, all: boolean }} mode
   */
  constructor(source, mode) {
    this.source = source;
    this.mode = mode;
    this.word = mode.ascii ? "A-Za-z0-9_" : WORD;
    this.space = mode.ascii ? ASCII_SPACE : SPACE;
    this.digit = mode.ascii ? "0-9" : "\\p{Nd}";
  }

  whole() {
    while (this.#at < this.source.length) {
      const char = String.fromCodePoint(/** @type {number} */ (this.source.codePointAt(this.#at)));
      this.#at += char.length;
      this.#out += char === "\\" ? this.#escape() : this.#plain(char);
    }
    return this.#out;
  }

  /** @param {string} char */
  #plain(char) {
    if (this.#inClass) {
      if (char === "]") this.#inClass = false;
      return char === "[" ? "\\[" : char;
    }
    if (char === "[") return this.#opened();
    if (char === ".") return this.mode.all ? "[^]" : "[^\\n]";
    if (char === "$") return this.mode.multiline ? "(?=\\n|(?![^]))" : "(?=\\n?(?![^]))";
    if (char === "^") return this.mode.multiline ? "(?<=\\n|(?<![^]))" : "(?<![^])";
    if (char === "(" && this.source.startsWith("?P<", this.#at)) {
      this.#at += 2;
      return "(?";
    }
    return char === "}" || char === "]" ? this.#closing(char) : char;
  }

  /** A bracket at the beginning of a class stands for itself. */
  #opened() {
    this.#inClass = true;
    let out = "[";
    if (this.source[this.#at] === "^") {
      this.#at += 1;
      out += "^";
    }
    if (this.source[this.#at] === "]") {
      this.#at += 1;
      out += "\\]";
    }
    return out;
  }

  /** @param {string} char */
  #closing(char) {
    const isQuantifier = char === "}" && /\{[0-9]*,?[0-9]*$/.test(this.#out);
    return isQuantifier ? char : `\\${char}`;
  }

  #escape() {
    const char = this.source[this.#at];
    this.#at += 1;
    if (char === "w") return this.#inClass ? this.word : `[${this.word}]`;
    if (char === "s") return this.#inClass ? this.space : `[${this.space}]`;
    if (char === "d") return this.#inClass ? this.digit : `[${this.digit}]`;
    if (char === "W") return `[^${this.word}]`;
    if (char === "S") return `[^${this.space}]`;
    if (char === "D") return `[^${this.digit}]`;
    if (char === "Z") return "(?![^])";
    if (char === "A") return "(?<![^])";
    if (char === "b" && !this.#inClass) {
      const [before, after] = [`(?<=[${this.word}])`, `(?=[${this.word}])`];
      return `(?:${before}(?![${this.word}])|(?<![${this.word}])${after})`;
    }
    if (char === "U") {
      const code = this.source.slice(this.#at, this.#at + 8);
      this.#at += 8;
      return `\\u{${code.replace(/^0+/, "")}}`;
    }
    if (char === "a") return "\\x07";
    if (/[A-Za-z0-9]/.test(char) || SYNTAX.test(char) || (char === "-" && this.#inClass)) return `\\${char}`;
    return char;
  }
}

/**
 * The text cut to its first `count` code points.
 *
 * @param {string} text
 * @param {number} count
 */
export function head(text, count) {
  return text.length <= count ? text : text.slice(0, offset(text, count));
}

/**
 * The number of UTF-16 units of the first `count` code points.
 *
 * @param {string} text
 * @param {number} count
 */
function offset(text, count) {
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left -= 1) {
    at += /** @type {number} */ (text.codePointAt(at)) > 0xffff ? 2 : 1;
  }
  return at;
}

/**
 * How many code points a text has.
 *
 * @param {string} text
 */
export function length(text) {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      count -= 1;
      at += 1;
    }
  }
  return count;
}
