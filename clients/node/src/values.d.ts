import type { Numeral } from "./json.js";

/** A value of JSON as it was read: see json.js. */
export type Json = null | boolean | string | Numeral | Json[] | JsonMap;
export type JsonMap = Map<string, Json>;

/** A value that JSON can carry. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
