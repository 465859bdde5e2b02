/** What the sender's thread tells without a message, so that it can be read at any moment. */

/** Places in the shared array. */
export const COUNTERS = {
  /** Reports that left the sender's memory: stored, spooled or dropped. */
  taken: 0,
  /** Characters of these. */
  characters: 1,
  /** Reports that the server has stored. */
  stored: 2,
  /** Reports that the server had already. */
  repeated: 3,
  /** Reports that found the spool full, or that no server would take. */
  dropped: 4,
  /** Problems of our own that were swallowed. */
  swallowed: 5,
  /** The latest wish that was answered. */
  answered: 6,
  /** Whether everything was delivered when it was. */
  delivered: 7,
};

export function makeCounters() {
  return new Int32Array(new SharedArrayBuffer(4 * Object.keys(COUNTERS).length));
}
