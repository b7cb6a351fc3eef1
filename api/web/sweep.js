// The dial from end to end: one picture for each place, side by side.

import { address, asksForKey, getSweep } from "./service.js";

const LOOK_MILLISECONDS = 2500;
const NEVER = [401, 403, 404, 410];
const at = (id) => document.getElementById(id);

let shown = null; // the sweep that is on the page

/** Shows a sweep until all its pictures are there, or another is shown. */
export async function showSweep(id, onKey) {
  const mine = { id, done: 0 };
  shown = mine;
  at("sweep").hidden = false;
  at("sheet").hidden = true;
  at("sweep-status").textContent = "";
  at("sweep-title").focus({ preventScroll: true });
  at("sweep").scrollIntoView({ block: "start" });
  while (shown === mine) {
    try {
      const sweep = await getSweep(id);
      await show(mine, sweep);
      if (sweep.is_over) return;
    } catch (fault) {
      if (shown !== mine) return;
      at("sweep-status").textContent = fault.message;
      if (asksForKey(fault)) onKey();
      if (NEVER.includes(fault.status)) return;
    }
    await new Promise((resume) => setTimeout(resume, LOOK_MILLISECONDS));
  }
}

async function show(mine, sweep) {
  const done = sweep.jobs.filter(({ job }) => job?.status === "succeeded").length;
  const sheet = done > mine.done ? await address(`sweeps/${mine.id}/sheet?format=jpeg&done=${done}`) : null;
  if (shown !== mine) return;
  const all = done === sweep.jobs.length;
  at("sweep-status").textContent = all ? "Done." : `${done} of ${sweep.jobs.length} are painted.`;
  if (!sheet) return;
  mine.done = done;
  at("sheet").src = at("sheet-link").href = sheet;
  at("sheet").hidden = false;
}
