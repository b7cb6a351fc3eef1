// The pictures that were painted in this browser.

import * as service from "./service.js";
import * as store from "./store.js";
import { isOver, label } from "./words.js";

const LOOK_MILLISECONDS = 5000;

export class Gallery {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.list = element.querySelector("ul");
    this.drawing = Promise.resolve();
    setInterval(() => this.lookAtThoseThatAreNotOver(), LOOK_MILLISECONDS);
  }

  /** Shows what the browser remembers, one drawing after the other. */
  draw() {
    this.drawing = this.drawing.then(async () => {
      const jobs = await store.all();
      const focused = document.activeElement;
      const place = this.list.contains(focused) && [focused.closest("li").dataset.id, focused.localName];
      for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
      this.list.replaceChildren(...jobs.map((job) => this.shown(job)));
      if (place) this.list.querySelector(`[data-id="${place[0]}"] ${place[1]}`)?.focus();
      this.element.hidden = jobs.length === 0;
    });
    return this.drawing;
  }

  shown(job) {
    const item = document.createElement("li");
    item.dataset.id = job.id;
    const when = new Date(job.at).toLocaleString();
    const link = Object.assign(document.createElement("a"), { href: `#job=${job.id}` });
    const state = label(job.status);
    link.setAttribute("aria-label", `Picture of ${when}${state && `, ${state}`}`);
    const picture = job.thumbnail ?? job.before;
    if (picture) link.append(Object.assign(new Image(), { src: URL.createObjectURL(picture), alt: "" }));
    item.append(link);
    if (state) item.append(Object.assign(document.createElement("span"), { className: "state", textContent: state }));
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    remove.setAttribute("aria-label", `Delete the picture of ${when}`);
    remove.addEventListener("click", () => this.erase(job));
    item.append(remove);
    return item;
  }

  async erase(job) {
    try {
      await service.deleteJob(job.id);
    } catch (fault) {
      if (fault.status !== 404 && fault.status !== 410) return alert(fault.message);
    }
    await store.forget(job.id);
    await this.draw();
    (this.list.querySelector("a") ?? document.getElementById("paint")).focus();
  }

  async lookAtThoseThatAreNotOver() {
    const waiting = (await store.all()).filter((job) => !isOver(job.status));
    for (const { id, status } of waiting) {
      const seen = await service.getJob(id).catch((fault) => ({ status: fault.status === 404 ? "gone" : status }));
      if (seen.status === "gone") await store.forget(id);
      else if (seen.status !== status) await store.remember(id, { status: seen.status });
      if (seen.status !== status) await this.draw();
    }
  }
}
