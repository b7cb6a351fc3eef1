// The dial between the photograph and the painting.

import { percent } from "./words.js";

const LEAST = 0.05, MOST = 0.95;

/** Turns a dial to a place and shows it. If the place is beyond the dial's ends, extends the dial. */
export function turn(dial, output, place) {
  dial.min = Math.min(LEAST, Math.floor(100 * place) / 100);
  dial.max = Math.max(MOST, Math.ceil(100 * place) / 100);
  dial.value = place;
  showPlace(dial, output);
}

/** Shows the place of a dial, also to screen readers. */
export function showPlace(dial, output) {
  output.textContent = percent(dial.value);
  dial.setAttribute("aria-valuetext", `Style ${output.textContent}`);
}
