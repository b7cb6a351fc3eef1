// The dial from end to end: one picture for each place, side by side.

import { address, lookAtSweep } from "./service.js";

const LOOK_MILLISECONDS = 2500;
const at = (id) => document.getElementById(id);

/** Shows a sweep until all its pictures are there. */
export async function showSweep(id) {
  at("sweep").hidden = false;
  at("sheet").hidden = true;
  at("sweep-title").focus({ preventScroll: true });
  at("sweep").scrollIntoView({ block: "start" });
  for (;;) {
    const sweep = await lookAtSweep(id).catch((fault) => ({ fault }));
    if (sweep.fault?.status) {
      at("sweep-status").textContent = sweep.fault.message;
      return;
    }
    if (sweep.jobs) await shown(id, sweep);
    if (sweep.is_over) return;
    await new Promise((resume) => setTimeout(resume, LOOK_MILLISECONDS));
  }
}

async function shown(id, sweep) {
  const done = sweep.jobs.filter(({ job }) => job?.status === "succeeded").length;
  at("sweep-status").textContent = sweep.is_over ? "Done." : `${done} of ${sweep.jobs.length} are painted.`;
  if (!done || Number(at("sheet").dataset.done) === done) return;
  at("sheet").dataset.done = done;
  at("sheet").src = at("sheet-link").href = await address(`sweeps/${id}/sheet?format=jpeg&done=${done}`);
  at("sheet").hidden = false;
}
