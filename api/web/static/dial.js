// A dial between the photograph and the painting.

import { percent } from "./words.js";

const LEAST = 0.05, MOST = 0.95;

/** Turns a dial to a place and says it; the dial reaches beyond its ends where the place is. */
export function turn(dial, output, place) {
  dial.min = Math.min(LEAST, Math.floor(100 * place) / 100);
  dial.max = Math.max(MOST, Math.ceil(100 * place) / 100);
  dial.value = place;
  showPlace(dial, output);
}

/** Shows where a dial stands, and says it to screen readers. */
export function showPlace(dial, output) {
  output.textContent = percent(dial.value);
  dial.setAttribute("aria-valuetext", `Style ${output.textContent}`);
}
