/**
 * JSON as Mendwire's other half (Python) reads and writes it.
 *
 * Both must find the same texts in the same bytes, or their signatures differ. So numbers keep the
 * text that Python prints for them (12345678901234567890 and 1.0 stay what they are), objects keep
 * the order of their keys whatever these are called, and NaN and Infinity are read as Python does.
 */

/** @typedef {import("./values.d.ts").Json} Json */
/** @typedef {import("./values.d.ts").JsonMap} JsonMap */

export const MAX_DEPTH = 64;
const MAX_DIGITS = 4300;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const HEX = /[0-9a-fA-F]{4}/y;
/** @type {Record<string, string>} */
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** The message is no JSON object that could be a report. */
export class Undecodable extends Error {
  name = "Undecodable";
}

/** A number, as the text that Python's `str` gives it. */
export class Numeral {
  /**
   * @param {string} text
   * @param {boolean} isInteger
   */
  constructor(text, isInteger) {
    this.text = text;
    this.isInteger = isInteger;
  }
}

/**
 * One JSON object from UTF-8 bytes or text; throws Undecodable.
 *
 * @param {Uint8Array | string} payload
 * @returns {JsonMap}
 */
export function loadObject(payload) {
  const value = new Reader(typeof payload === "string" ? payload : decoded(payload)).whole();
  if (!(value instanceof Map)) {
    throw new Undecodable("The message is JSON, but not an object.");
  }
  return value;
}

/** @param {Uint8Array} bytes */
function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Undecodable("The message is not UTF-8 text; publish a JSON object.");
  }
}

/** Text of JSON to values, at most 64 levels deep. */
class Reader {
  #at = 0;

  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  whole() {
    this.#skip();
    const value = this.#value(1);
    this.#skip();
    if (this.#at < this.text.length) throw this.#wrong();
    return value;
  }

  #wrong() {
    return new Undecodable(`The message is not JSON (character ${this.#at}); publish a JSON object.`);
  }

  #skip() {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.text);
    this.#at = SPACE.lastIndex;
  }

  /**
   * @param {number} depth
   * @returns {Json}
   */
  #value(depth) {
    if (depth > MAX_DEPTH) {
      throw new Undecodable("The message is nested too deeply to be a report.");
    }
    const char = this.text[this.#at];
    if (char === '"') return this.#string();
    if (char === "{") return this.#object(depth);
    if (char === "[") return this.#array(depth);
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #number() {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.text);
    if (found === null) throw this.#wrong();
    this.#at = NUMBER.lastIndex;
    const isInteger = found[1] === undefined && found[2] === undefined;
    if (!isInteger) return new Numeral(floatText(Number(found[0])), false);
    if (found[0].length - (found[0][0] === "-" ? 1 : 0) > MAX_DIGITS) throw this.#wrong();
    return new Numeral(found[0] === "-0" ? "0" : found[0], true);
  }

  #string() {
    this.#at += 1;
    let out = "";
    for (;;) {
      PLAIN.lastIndex = this.#at;
      out += /** @type {RegExpExecArray} */ (PLAIN.exec(this.text))[0];
      this.#at = PLAIN.lastIndex;
      const char = this.text[this.#at];
      if (char === '"') {
        this.#at += 1;
        return out;
      }
      if (char !== "\\") throw this.#wrong();
      out += this.#escape();
    }
  }

  #escape() {
    const char = this.text[this.#at + 1] ?? "";
    if (char === "u") {
      HEX.lastIndex = this.#at + 2;
      const found = HEX.exec(this.text);
      if (found === null) throw this.#wrong();
      this.#at += 6;
      return String.fromCharCode(parseInt(found[0], 16));
    }
    if (!Object.hasOwn(ESCAPES, char)) throw this.#wrong();
    this.#at += 2;
    return ESCAPES[char];
  }

  /** @param {number} depth */
  #array(depth) {
    /** @type {Json[]} */
    const out = [];
    this.#at += 1;
    this.#skip();
    if (this.text[this.#at] === "]") {
      this.#at += 1;
      return out;
    }
    do {
      this.#skip();
      out.push(this.#value(depth + 1));
    } while (this.#goesOn("]"));
    return out;
  }

  /** @param {number} depth */
  #object(depth) {
    /** @type {JsonMap} */
    const out = new Map();
    this.#at += 1;
    this.#skip();
    if (this.text[this.#at] === "}") {
      this.#at += 1;
      return out;
    }
    do {
      this.#skip();
      if (this.text[this.#at] !== '"') throw this.#wrong();
      const key = this.#string();
      this.#skip();
      if (this.text[this.#at] !== ":") throw this.#wrong();
      this.#at += 1;
      this.#skip();
      out.set(key, this.#value(depth + 1));
    } while (this.#goesOn("}"));
    return out;
  }

  /** @param {string} end */
  #goesOn(end) {
    this.#skip();
    const char = this.text[this.#at];
    if (char !== "," && char !== end) throw this.#wrong();
    this.#at += 1;
    return char === ",";
  }
}

/** @type {ReadonlyArray<readonly [string, Json]>} */
const WORDS = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", new Numeral("nan", false)],
  ["Infinity", new Numeral("inf", false)],
  ["-Infinity", new Numeral("-inf", false)],
];
/** @type {Record<string, string>} */
const SPECIAL = { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" };

/**
 * A double as Python prints it: with a point, and with an exponent from 1e16 on and below 1e-4.
 *
 * @param {number} value
 */
export function floatText(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [mantissa, power] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const shown = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${shown}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/**
 * Values to text with Python's separators; a lone surrogate becomes a question mark, as there.
 *
 * @param {Json} value
 * @returns {string}
 */
export function dump(value) {
  if (typeof value === "string") return quoted(value);
  if (value instanceof Numeral) return SPECIAL[value.text] ?? value.text;
  if (Array.isArray(value)) return `[${value.map(dump).join(", ")}]`;
  if (value instanceof Map) {
    return `{${Array.from(value, ([key, item]) => `${quoted(key)}: ${dump(item)}`).join(", ")}}`;
  }
  return String(value);
}

/** @param {string} text */
function quoted(text) {
  return JSON.stringify(wellFormed(text));
}

/**
 * A text that UTF-8 can carry: each lone surrogate becomes a question mark.
 *
 * @param {string} text
 */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "?");
}
