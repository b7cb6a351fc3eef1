// The pictures that were painted in this browser.

import { at, create } from "./dom.js";
import * as service from "./service.js";
import * as store from "./store.js";
import { fetchThumbnail } from "./thumbnail.js";
import { isOver, label, summary, title } from "./words.js";

const POLL_MILLISECONDS = 5000;
const LONGEST_PAUSE_MILLISECONDS = 80_000;
const TOO_MANY_REQUESTS = 429;
const UNDO_MILLISECONDS = 6000;

const name = ({ names }) => title(names) ?? "Picture";

export class Gallery {
  /** @param {HTMLElement} element @param {{onDelete: Function, onRestore: Function}} callbacks */
  constructor(element, { onDelete, onRestore }) {
    this.element = element;
    Object.assign(this, { onDelete, onRestore });
    this.list = element.querySelector("ul");
    this.undo = element.querySelector("#undo");
    this.drawing = Promise.resolve();
    this.waiting = []; // the jobs that were not over when they were drawn: reading all of them takes long
    this.deleting = new Map(); // the jobs whose deletion can still be undone, with its timers, by id
    this.failure = "";
    this.undo.querySelector("button").addEventListener("click", () => this.restore());
    addEventListener("pagehide", () => this.leave());
    this.finishDeletions();
    this.poll();
  }

  /** Shows the stored jobs, one drawing after the other. */
  draw() {
    const drawn = this.drawing.then(async () => {
      const jobs = (await store.all()).filter((job) => !job.deleted);
      this.waiting = jobs.filter(({ status }) => !isOver(status));
      const focused = document.activeElement;
      const place = this.list.contains(focused) && [focused.closest("li").dataset.id, focused.localName];
      for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
      this.list.replaceChildren(...jobs.map((job) => this.item(job)));
      if (place) this.list.querySelector(`[data-id="${place[0]}"] ${place[1]}`)?.focus();
      this.element.hidden = jobs.length === 0 && !this.deleting.size;
    });
    this.drawing = drawn.catch(() => {}); // the next one may succeed
    return drawn;
  }

  item(job) {
    const item = create("li");
    item.dataset.id = job.id;
    const when = new Date(job.at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    const state = label(job.status);
    const link = create("a", { href: `#job=${job.id}` });
    link.setAttribute("aria-label", [name(job), job.note, when, state].filter(Boolean).join(", "));
    const picture = job.thumbnail ?? job.before;
    if (picture) link.append(Object.assign(new Image(), { src: URL.createObjectURL(picture), alt: "" }));
    if (state) link.append(create("span", { className: "state" }, state));
    const caption = create("p", {}, name(job), create("small", {}, [job.note, when].filter(Boolean).join(" · ")));
    const remove = create("button", { type: "button", className: "remove" }, "×");
    remove.setAttribute("aria-label", `Delete ${name(job)}, ${when}`);
    // The second click of a double click may be on the next picture, which has moved up.
    remove.addEventListener("click", ({ detail }) => detail > 1 || this.remove(job));
    item.append(link, caption, remove);
    return item;
  }

  /** Removes a job from the list, and deletes it unless this is undone in time. */
  async remove(job) {
    if (this.deleting.has(job.id)) return;
    const timer = setTimeout(() => this.deleteNow(job), UNDO_MILLISECONDS);
    this.deleting.set(job.id, { ...job, timer }); // at once, so that it is deleted if the page is closed
    await store.update(job.id, { deleted: Date.now() });
    this.failure = "";
    this.showUndo();
    this.onDelete(job);
    await this.draw();
    this.undo.querySelector("button").focus();
  }

  async restore() {
    const jobs = this.endUndo();
    for (const job of jobs) await this.bringBack(job);
    await this.draw();
    this.list.querySelector(`[data-id="${jobs[0]?.id}"] a`)?.focus();
  }

  async deleteNow(job) {
    this.deleting.delete(job.id);
    const isFocused = this.undo.contains(document.activeElement);
    if (isFocused && !this.deleting.size) at(this.list.firstChild ? "gallery-title" : "new-title").focus();
    this.showUndo();
    try {
      await this.delete(job);
    } catch (error) {
      this.failure = `${name(job)} could not be deleted. ${error.message} `;
      this.showUndo();
      await this.bringBack(job);
    }
    await this.draw();
  }

  async bringBack(job) {
    await store.update(job.id, { deleted: null });
    this.onRestore(job);
  }

  /** Deletes the jobs that can still be restored. If the page closes too early, the next one deletes them. */
  leave() {
    for (const job of this.endUndo()) this.delete(job).catch(() => {});
  }

  /** Ends the time for an undo. Returns the jobs that could be restored. */
  endUndo() {
    const jobs = [...this.deleting.values()];
    for (const { timer } of jobs) clearTimeout(timer);
    this.deleting.clear();
    this.failure = "";
    this.showUndo();
    return jobs;
  }

  /** Deletes a job at the service and in this browser. */
  async delete({ id }) {
    await service.deleteJob(id).catch((error) => {
      if (!service.isMissing(error)) throw error;
    });
    await store.remove(id);
  }

  /** Deletes jobs removed in closed pages. Newer ones can still be restored in another page. */
  async finishDeletions() {
    const jobs = (await store.all()).filter(({ deleted }) => deleted && Date.now() - deleted > UNDO_MILLISECONDS);
    for (const job of jobs) await this.delete(job).catch(() => {}); // the next page tries again
  }

  /** Shows which jobs can be restored, and which could not be deleted. */
  showUndo() {
    const [job, ...others] = this.deleting.values();
    const deleted = others.length ? `${1 + others.length} pictures` : job && name(job);
    this.undo.querySelector("span").textContent = this.failure + (job ? `Deleted: ${deleted}.` : "");
    this.undo.querySelector("button").hidden = !job;
    this.undo.hidden = !job && !this.failure;
  }

  /** Updates the jobs that are not over, again and again; less often if the service gets too many requests. */
  async poll() {
    for (let pause = POLL_MILLISECONDS; ; ) {
      await new Promise((resume) => setTimeout(resume, pause));
      if (document.hidden) continue;
      const isTooOften = await this.updateAll();
      pause = isTooOften ? Math.min(2 * pause, LONGEST_PAUSE_MILLISECONDS) : POLL_MILLISECONDS;
    }
  }

  /** Returns whether the service got too many requests. */
  async updateAll() {
    for (const known of this.waiting) {
      const error = await this.update(known).catch((error) => error);
      if (error?.status === TOO_MANY_REQUESTS) return true;
    }
    return false;
  }

  async update({ id, status }) {
    const job = await service.getJob(id).catch((error) => {
      if (!service.isMissing(error)) throw error;
    });
    if (job?.status === status) return;
    const thumbnail = job?.status === "succeeded" ? await fetchThumbnail(job).catch(() => null) : null;
    if (job) await store.update(id, { status: job.status, note: summary(job.options), ...(thumbnail && { thumbnail }) });
    else await store.remove(id);
    await this.draw();
  }
}
