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

export class Gallery {
  /** @param {HTMLElement} element @param {{onDelete: Function, onRestore: Function}} callbacks */
  constructor(element, { onDelete, onRestore }) {
    this.element = element;
    Object.assign(this, { onDelete, onRestore });
    this.list = element.querySelector("ul");
    this.undo = element.querySelector("#undo");
    this.drawing = Promise.resolve();
    this.deleting = null; // the job whose deletion can still be undone
    this.undo.querySelector("button").addEventListener("click", () => this.restore());
    addEventListener("pagehide", () => this.leave());
    this.finishDeletions();
    this.poll();
  }

  /** Shows the stored jobs, one drawing after the other. */
  draw() {
    const drawn = this.drawing.then(async () => {
      const jobs = (await store.all()).filter((job) => !job.deleted);
      const focused = document.activeElement;
      const place = this.list.contains(focused) && [focused.closest("li").dataset.id, focused.localName];
      for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
      this.list.replaceChildren(...jobs.map((job) => this.item(job)));
      if (place) this.list.querySelector(`[data-id="${place[0]}"] ${place[1]}`)?.focus();
      this.element.hidden = jobs.length === 0 && !this.deleting;
    });
    this.drawing = drawn.catch(() => {}); // the next one may succeed
    return drawn;
  }

  item(job) {
    const item = create("li");
    item.dataset.id = job.id;
    const when = new Date(job.at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    const name = title(job.names) ?? "Picture";
    const state = label(job.status);
    const link = create("a", { href: `#job=${job.id}` });
    link.setAttribute("aria-label", [name, job.note, when, state].filter(Boolean).join(", "));
    const picture = job.thumbnail ?? job.before;
    if (picture) link.append(Object.assign(new Image(), { src: URL.createObjectURL(picture), alt: "" }));
    if (state) link.append(create("span", { className: "state" }, state));
    const caption = create("p", {}, name, create("small", {}, [job.note, when].filter(Boolean).join(" · ")));
    const remove = create("button", { type: "button", className: "remove" }, "×");
    remove.setAttribute("aria-label", `Delete ${name}, ${when}`);
    remove.addEventListener("click", () => this.remove(job));
    item.append(link, caption, remove);
    return item;
  }

  /** Removes a job from the list, and deletes it unless this is undone in time. */
  async remove(job) {
    await this.deleteNow();
    this.deleting = job;
    await store.update(job.id, { deleted: Date.now() });
    this.timer = setTimeout(() => this.deleteNow(), UNDO_MILLISECONDS);
    this.showUndo(`Deleted: ${title(job.names) ?? "a picture"}.`, true);
    this.onDelete(job);
    await this.draw();
    this.undo.querySelector("button").focus();
  }

  async restore() {
    const job = this.endUndo();
    if (!job) return;
    await this.bringBack(job);
    this.list.querySelector(`[data-id="${job.id}"] a`)?.focus();
  }

  async deleteNow() {
    if (this.undo.contains(document.activeElement)) at(this.list.firstChild ? "gallery-title" : "new-title").focus();
    const job = this.endUndo();
    if (!job) return;
    try {
      await this.delete(job);
      await this.draw();
    } catch (error) {
      this.showUndo(`It could not be deleted. ${error.message}`, false);
      await this.bringBack(job);
    }
  }

  async bringBack(job) {
    await store.update(job.id, { deleted: null });
    this.onRestore(job);
    await this.draw();
  }

  /** Deletes the job that can still be restored. If the page closes too early, the next one deletes it. */
  leave() {
    const job = this.endUndo();
    if (job) this.delete(job).catch(() => {});
  }

  /** Ends the time for an undo. Returns the job that could be restored. */
  endUndo() {
    clearTimeout(this.timer);
    const job = this.deleting;
    this.deleting = null;
    this.undo.hidden = true;
    return job;
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

  showUndo(sentence, canUndo) {
    this.undo.hidden = false;
    this.undo.querySelector("span").textContent = sentence;
    this.undo.querySelector("button").hidden = !canUndo;
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
    const waiting = (await store.all()).filter(({ status, deleted }) => !deleted && !isOver(status));
    for (const known of waiting) {
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
