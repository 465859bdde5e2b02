/** How often: in a storm the first of a kind goes out and the rest are counted. */

export const MAX_KINDS = 2_000;

/**
 * Windows per kind on the host's thread, where a kind is what is cheap to compare: same types,
 * messages and stacks. The reverse does not hold; the signature is computed by the sender.
 */
export class Admission {
  /** @type {Map<string, { id: number, since: number, repeats: number }>} */
  #kinds = new Map();
  #ids = 0;

  /**
   * @param {number} windowMs
   * @param {() => number} clock monotonic milliseconds
   */
  constructor(windowMs, clock = () => performance.now()) {
    this.windowMs = windowMs;
    this.clock = clock;
    /** @type {Map<number, number>} repeats of kinds that are no longer kept, by id */
    this.left = new Map();
  }

  /**
   * The id of a kind whose first occurrence in its window this is; 0 for a repeat, which is counted.
   *
   * @param {string} key
   */
  admit(key) {
    const now = this.clock();
    const found = this.#kinds.get(key);
    if (found && now - found.since < this.windowMs) {
      found.repeats += 1;
      return 0;
    }
    if (found) this.#remove(key, found);
    this.#ids += 1;
    this.#kinds.set(key, { id: this.#ids, since: now, repeats: 0 });
    if (this.#kinds.size > MAX_KINDS) {
      const [oldest, kind] = /** @type {[string, any]} */ (this.#kinds.entries().next().value);
      this.#remove(oldest, kind);
    }
    return this.#ids;
  }

  /**
   * The report behind `key` was dropped; how many occurrences are lost with it.
   *
   * @param {string} key
   */
  forget(key) {
    const found = this.#kinds.get(key);
    this.#kinds.delete(key);
    return 1 + (found?.repeats ?? 0);
  }

  /** Repeats by kind since the last time, as [id, repeats]; counted from zero again. */
  take() {
    /** @type {[number, number][]} */
    const told = [...this.left];
    this.left.clear();
    for (const kind of this.#kinds.values()) {
      if (kind.repeats) told.push([kind.id, kind.repeats]);
      kind.repeats = 0;
    }
    return told;
  }

  /**
   * @param {string} key
   * @param {{ id: number, repeats: number }} kind
   */
  #remove(key, kind) {
    if (kind.repeats) this.left.set(kind.id, kind.repeats);
    this.#kinds.delete(key);
  }
}

/**
 * @typedef {object} Count Repeats of one signature that were not stored as messages of their own.
 * @property {string} signature
 * @property {string} issue
 * @property {number} repeats
 */

/** Windows per signature, on the sender's thread. */
export class Tally {
  /** @type {Map<string, { issue: string, since: number, repeats: number }>} */
  #kinds = new Map();
  /** @type {Map<number, string>} the host's ids of kinds, newest last */
  #signatures = new Map();

  /**
   * @param {number} windowMs
   * @param {() => number} clock
   */
  constructor(windowMs, clock = () => performance.now()) {
    this.windowMs = windowMs;
    this.clock = clock;
  }

  /**
   * Learn the signature of a kind; false if it went out already in this window, and then counted.
   *
   * @param {number} id
   * @param {string} signature
   * @param {string} issue
   */
  bind(id, signature, issue) {
    this.#signatures.set(id, signature);
    if (this.#signatures.size > 2 * MAX_KINDS) {
      this.#signatures.delete(/** @type {number} */ (this.#signatures.keys().next().value));
    }
    const now = this.clock();
    const kind = this.#kinds.get(signature);
    if (kind && now - kind.since < this.windowMs) {
      kind.repeats += 1;
      return false;
    }
    this.#kinds.delete(signature);
    this.#kinds.set(signature, { issue, since: now, repeats: kind?.repeats ?? 0 });
    return true;
  }

  /**
   * Count repeats of a known signature: the server answered duplicate, or telling failed.
   *
   * @param {string} signature
   * @param {string} issue
   * @param {number} repeats
   */
  add(signature, issue, repeats) {
    const kind = this.#kinds.get(signature);
    if (kind) kind.repeats += repeats;
    else this.#kinds.set(signature, { issue, since: this.clock(), repeats });
  }

  /**
   * Count repeats of one of the host's kinds; false when its signature is not known (any more).
   *
   * @param {number} id
   * @param {number} repeats
   */
  repeated(id, repeats) {
    const signature = this.#signatures.get(id);
    const kind = signature === undefined ? undefined : this.#kinds.get(signature);
    if (!kind) return false;
    kind.repeats += repeats;
    return true;
  }

  /**
   * What is to be told; counted from zero again.
   *
   * @returns {Count[]}
   */
  take() {
    /** @type {Count[]} */
    const told = [];
    for (const [signature, kind] of this.#kinds) {
      if (kind.repeats) told.push({ signature, issue: kind.issue, repeats: kind.repeats });
      kind.repeats = 0;
    }
    while (this.#kinds.size > MAX_KINDS) {
      this.#kinds.delete(/** @type {string} */ (this.#kinds.keys().next().value));
    }
    return told;
  }
}
