// One job, from the queue to the picture: seen as it grows, changed on the way, compared at the end.

import { Curves } from "./curves.js";
import { reduced } from "./pictures.js";
import * as service from "./service.js";
import * as store from "./store.js";
import { watch } from "./watch.js";
import { isOver, sentence } from "./words.js";

const THUMBNAIL_PIXELS = 320;
const DIAL_REST_MILLISECONDS = 300;
const FORMATS = { png: "PNG", jpeg: "JPEG", webp: "WebP" };
const at = (id) => document.getElementById(id);

export class Easel {
  /** @param {{onChange: Function, onAgain: Function, onSweep: Function}} told what others do about it */
  constructor({ onChange, onAgain, onSweep }) {
    Object.assign(this, { onChange, onAgain, onSweep });
    this.job = null;
    this.stop = () => {};
    this.curves = new Curves(at("curves"));
    at("live-dial").addEventListener("input", () => this.turned());
    at("compare").addEventListener("input", (event) => this.compare(event.target.value));
  }

  /** Puts a job on the easel and stays with it until it is over. */
  async open(id) {
    this.close();
    at("easel").hidden = false;
    at("easel-title").focus({ preventScroll: true });
    at("easel").scrollIntoView({ block: "start" });
    try {
      this.show(await service.look(id));
      this.curves.set(await service.losses(id));
    } catch (fault) {
      this.fault(fault.message);
      if (fault.status) return;
    }
    if (this.job && isOver(this.job.status)) return this.finish();
    this.stop = watch(id, {
      told: (kind, data) => this.hear(kind, data),
      connected: (is) => (at("connection").hidden = is),
    });
  }

  close() {
    this.stop();
    this.job = null;
    this.curves.clear();
    this.compare(0);
    for (const id of ["after", "before", "compare", "progress", "live", "connection"]) at(id).hidden = true;
    at("blank").hidden = false;
    at("status").textContent = "";
    at("actions").replaceChildren();
    this.fault("");
  }

  hear(kind, data) {
    if (kind === "status" || kind === "done") {
      this.show(data);
      if (kind === "done") this.finish();
    } else if (kind === "progress" && this.job) {
      this.curves.add(data.iteration, data.losses);
      this.show({ ...this.job, ...data });
    } else if (kind === "preview") {
      this.picture(data.url);
    } else if (kind === "gone") {
      this.fault("This picture was deleted.");
    }
  }

  show(job) {
    const isNew = this.job?.status !== job.status;
    this.job = job;
    at("status").textContent = sentence(job);
    at("progress").hidden = job.status !== "running";
    at("progress").value = job.progress;
    at("live").hidden = isOver(job.status) && job.status !== "succeeded";
    if (document.activeElement !== at("live-dial")) at("live-dial").value = service.place(job.options);
    if (isNew) {
      this.actions();
      store.remember(job.id, { status: job.status }).then(this.onChange);
    }
  }

  async finish() {
    if (this.job.status !== "succeeded") return;
    await this.picture(`${this.job.links.result}?format=webp`);
    this.curves.set(await service.losses(this.job.id));
    const { before, thumbnail } = (await store.get(this.job.id)) ?? {};
    if (before) {
      at("before").src = URL.createObjectURL(before);
      at("before").hidden = at("compare").hidden = false;
    }
    if (!thumbnail) await this.keepThumbnail();
  }

  async keepThumbnail() {
    const id = this.job.id;
    const picture = await (await fetch(at("after").src)).blob();
    const thumbnail = await reduced(picture, THUMBNAIL_PIXELS);
    await store.remember(id, { thumbnail, status: "succeeded" });
    this.onChange();
  }

  /** Shows the picture at an address, once it is there. */
  async picture(path) {
    const image = new Image();
    image.src = await service.address(path);
    await image.decode().catch(() => {});
    if (!image.naturalWidth) return;
    at("after").src = image.src;
    at("after").alt = this.job?.status === "succeeded" ? "The picture" : "The picture so far";
    at("after").hidden = false;
    at("blank").hidden = true;
  }

  /** Shows so many per cent of the photograph over the picture. */
  compare(share) {
    at("compare").value = share;
    at("before").style.setProperty("--shown", `${share}%`);
  }

  /** Another place between content and style: for the job while it is painted, then for the next. */
  turned() {
    clearTimeout(this.resting);
    if (isOver(this.job.status)) return;
    this.resting = setTimeout(async () => {
      try {
        this.show(await service.reweigh(this.job.id, this.weights()));
        this.fault("");
      } catch (fault) {
        this.fault(fault.message);
      }
    }, DIAL_REST_MILLISECONDS);
  }

  weights() {
    return service.weights(Number(at("live-dial").value));
  }

  actions() {
    const job = this.job;
    const buttons = [];
    if (!isOver(job.status)) buttons.push(button("Cancel", () => service.cancel(job.id)));
    if (job.status === "succeeded") {
      buttons.push(...Object.keys(FORMATS).map((format) => download(job, format)));
      buttons.push(button("Go on from here", () => this.onAgain(job, this.weights())));
      buttons.push(button("Sweep the dial", () => this.onSweep(job)));
    } else if (isOver(job.status)) {
      buttons.push(button("Try again", async () => this.open((await service.retry(job.id)).id)));
    }
    buttons.push(button("Copy link", () => this.share()));
    for (const each of buttons) each.addEventListener("fault", (event) => this.fault(event.detail));
    at("actions").replaceChildren(...buttons);
  }

  async share() {
    const link = new URL(`#job=${this.job.id}`, location.href).href;
    await navigator.clipboard.writeText(link).catch(() => {});
    this.fault("");
    at("status").textContent = `The link: ${link}`;
  }

  fault(sentence) {
    at("easel-fault").textContent = sentence;
  }
}

/** A button that says what went wrong, where it does. */
function button(words, action) {
  const element = Object.assign(document.createElement("button"), { type: "button", textContent: words });
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await action();
    } catch (fault) {
      element.dispatchEvent(new CustomEvent("fault", { detail: fault.message }));
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

function download(job, format) {
  const link = Object.assign(document.createElement("a"), {
    className: "button",
    textContent: FORMATS[format],
    download: "",
  });
  link.setAttribute("aria-label", `Download as ${FORMATS[format]}`);
  link.href = "#";
  service.address(`${job.links.result}?format=${format}`).then((address) => (link.href = address));
  return link;
}
