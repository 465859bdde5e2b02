/** `Type: message` out of the line that names an exception. */

import { head, lstrip, rpartition, startsWithAny, strip } from "../text.js";
import { BLANK } from "./blocks.js";
import { match, search } from "./patterns.js";

const LONGEST = 300;
/** After other leads a name is always that of an exception. */
const VAGUE_LEADS = ["PHP ", "Fatal", "Parse", "Warning", "[ERROR]", "lua"];

/**
 * Split `Type: message`; null without a type. `isCertain` trusts any name.
 *
 * @param {string} line
 * @returns {[string, string] | null}
 */
export function headline(line, isCertain = false) {
  let text = strip(line, BLANK);
  let isName = isCertain;
  for (let round = 0; !isCertain && round < 2; round += 1) {
    const lead = match("lead", text);
    if (lead === null) break;
    isName ||= !startsWithAny(lead[0], VAGUE_LEADS);
    text = lstrip(text.slice(lead[0].length), " ");
  }
  const found = match("type", head(text, LONGEST));
  if (found === null) return null;
  const name = found[0];
  const rest = text.slice(name.length);
  if (rest && !startsWithAny(rest, [":", ") ", " ["])) return null;
  return isName || tells(name) ? [name, strip(lstrip(rest, ":) "), BLANK)] : null;
}

/**
 * `OutOfStock` of `shop.errors.OutOfStock` and `Shop::Errors::OutOfStock`.
 *
 * @param {string} name
 */
export function lastName(name) {
  return [".", "::", "$", "\\", "/"].reduce((rest, mark) => rpartition(rest, mark)[2], name);
}

/**
 * Whether a name is that of an exception, by its end or by its qualified form.
 *
 * @param {string} name
 */
function tells(name) {
  const last = lastName(name);
  if (search("telling", last)) return true;
  return last !== name && /^[A-Z]/.test(last) && !name.includes("/");
}
