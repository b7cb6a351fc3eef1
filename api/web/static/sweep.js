// A sweep: the same pair of pictures with several weights, side by side.

import { runOnClick } from "./busy.js";
import { at, create } from "./dom.js";
import { fetchFile, save } from "./download.js";
import { address, getSweep, isFinal, isMissing, needsKey } from "./service.js";
import { balance, label } from "./words.js";

const POLL_MILLISECONDS = 2500;

export class SweepView {
  /** @param {{onKey: Function}} callbacks */
  constructor({ onKey }) {
    this.onKey = onKey;
    this.session = null;
    this.deleted = new Set(); // ids of jobs
    runOnClick(at("sheet"), () => this.saveSheet(), (sentence) => (at("sweep-error").textContent = sentence));
  }

  /** Shows a sweep, and updates it until all its jobs are over or another is shown. */
  async open(id) {
    if (this.session?.id === id) return this.reveal();
    const session = { id };
    this.session = session;
    at("sheet").hidden = true;
    at("sweep-status").textContent = at("sweep-error").textContent = "";
    at("sweep-pictures").replaceChildren();
    this.reveal();
    while (this.session === session) {
      try {
        const sweep = await getSweep(id);
        if (this.session !== session) return;
        await this.draw(sweep);
        if (sweep.is_over) return;
      } catch (error) {
        if (this.session !== session) return;
        at("sweep-status").textContent = isMissing(error) ? "This comparison no longer exists." : error.message;
        if (needsKey(error)) this.onKey();
        if (isFinal(error)) return void (this.session = null);
      }
      await new Promise((resume) => setTimeout(resume, POLL_MILLISECONDS));
    }
  }

  reveal() {
    at("sweep").hidden = false;
    at("sweep-title").focus({ preventScroll: true });
    at("sweep").scrollIntoView({ block: "start" });
  }

  close() {
    this.session = null;
    at("sweep").hidden = true;
  }

  async draw(sweep) {
    const done = sweep.jobs.filter(({ job }) => job?.status === "succeeded").length;
    at("sweep-status").textContent = sweep.is_over ? "Done" : `${done} of ${sweep.jobs.length} are painted`;
    for (const member of sweep.jobs) await this.drawMember(member);
    at("sheet").hidden = !done;
    this.sheet = sweep.links.sheet;
  }

  async saveSheet() {
    save(await fetchFile(await address(`${this.sheet}?format=jpeg`), "comparison.jpg"));
  }

  /** Hides the picture of a deleted job, or shows it again if that was undone. */
  setDeleted(id, isDeleted) {
    this.deleted[isDeleted ? "add" : "delete"](id);
    const item = findItem(id);
    if (item) item.hidden = isDeleted;
  }

  /** Adds, updates or removes the picture of a job. */
  async drawMember({ id, job }) {
    if (!job) return findItem(id)?.remove();
    const item = findItem(id) ?? at("sweep-pictures").appendChild(newItem(id));
    item.hidden = this.deleted.has(id);
    const { status } = job;
    const words = balance(job.options);
    item.querySelector("span").textContent = [words, label(status)].filter(Boolean).join(" · ");
    if (status === "succeeded" && item.dataset.status !== status) {
      const picture = Object.assign(new Image(), { src: await address(`${job.links.result}?format=webp`), alt: words });
      item.querySelector("a").prepend(picture);
    }
    item.dataset.status = status;
  }
}

const findItem = (id) => at("sweep-pictures").querySelector(`[data-id="${id}"]`);

function newItem(id) {
  const item = create("li", {}, create("a", { href: `#job=${id}` }, create("span")));
  item.dataset.id = id;
  return item;
}
