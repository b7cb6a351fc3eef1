// One job, from the queue to the picture: seen as it grows, changed on the way, compared at the end.

import { Curves } from "./curves.js";
import { reduced } from "./pictures.js";
import * as service from "./service.js";
import * as store from "./store.js";
import { watch } from "./watch.js";
import { isOver, sentence } from "./words.js";

const THUMBNAIL_PIXELS = 320;
const DIAL_REST_MILLISECONDS = 300;
const AGAIN_MILLISECONDS = 2000;
const NEVER = [401, 403, 404, 410, 422];
const FORMATS = { png: "PNG", jpeg: "JPEG", webp: "WebP" };
const at = (id) => document.getElementById(id);

export class Easel {
  /** @param {{onChange: Function, onAgain: Function, onSweep: Function, onKey: Function}} callbacks */
  constructor({ onChange, onAgain, onSweep, onKey }) {
    Object.assign(this, { onChange, onAgain, onSweep, onKey });
    this.session = null;
    this.curves = new Curves(at("curves"));
    at("live-dial").addEventListener("input", () => this.onDial());
    at("compare").addEventListener("input", (event) => this.compare(event.target.value));
  }

  /** Puts a job on the easel and stays with it until it is over. */
  async open(id) {
    this.close();
    const session = { id, job: null, pictures: 0, stop() {} };
    this.session = session;
    at("easel").hidden = false;
    at("easel-title").focus({ preventScroll: true });
    at("easel").scrollIntoView({ block: "start" });
    try {
      const job = await service.getJob(id);
      const losses = await service.getLosses(id).catch(() => null);
      if (this.session !== session) return;
      this.show(job);
      if (losses) this.curves.set(losses);
    } catch (fault) {
      if (this.session !== session) return;
      if (NEVER.includes(fault.status)) return this.refused(fault);
      at("connection").hidden = false;
    }
    if (this.job && isOver(this.job.status)) return this.finish();
    session.stop = watch(id, {
      onEvent: (kind, data) => this.session === session && this.handleEvent(kind, data),
      onConnection: (is) => this.session === session && (at("connection").hidden = is),
    });
  }

  /** The job that is shown, once it was loaded. */
  get job() {
    return this.session?.job ?? null;
  }

  /** Takes the job off. Answers about it that arrive later change nothing. */
  close() {
    this.session?.stop();
    this.session = null;
    clearTimeout(this.resting);
    this.curves.clear();
    this.compare(0);
    for (const id of ["after", "before", "compare", "progress", "live", "link", "connection"]) at(id).hidden = true;
    URL.revokeObjectURL(at("before").src);
    for (const id of ["after", "before"]) at(id).removeAttribute("src");
    for (const id of ["status", "spoken"]) at(id).textContent = "";
    at("blank").hidden = false;
    at("actions").replaceChildren();
    this.warn([]);
    this.fault("");
  }

  handleEvent(kind, data) {
    if (kind === "status" || kind === "done") {
      this.show(data);
      if (kind === "done") this.finish();
    } else if (kind === "refused") {
      this.refused(data);
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
    const isNews = isNew || this.job?.queue_position !== job.queue_position;
    this.session.job = job;
    at("status").textContent = sentence(job);
    if (isNews) at("spoken").textContent = sentence(job); // an iteration is not worth announcing
    at("progress").hidden = job.status !== "running";
    at("progress").value = job.progress;
    this.warn(job.warnings);
    at("live").hidden = isOver(job.status) && job.status !== "succeeded";
    if (document.activeElement !== at("live-dial")) at("live-dial").value = service.place(job.options);
    if (isNew) {
      this.actions();
      store.remember(job.id, { status: job.status }).then(this.onChange);
    }
  }

  /** Shows the result, and what it can be compared with; again and again until it is there. */
  async finish() {
    const { session, job } = this;
    if (job.status !== "succeeded") return;
    try {
      const shown = await this.picture(`${job.links.result}?format=webp`);
      const losses = await service.getLosses(job.id);
      const { before, thumbnail } = (await store.get(job.id)) ?? {};
      if (this.session !== session) return;
      this.curves.set(losses);
      if (!shown) throw new service.Fault("The picture could not be loaded. Trying again…");
      this.fault("");
      this.comparable(before);
      if (!thumbnail) this.keepThumbnail(job.id, shown).catch(() => {}); // next time, then
    } catch (fault) {
      if (this.session !== session) return;
      if (NEVER.includes(fault.status)) return this.refused(fault);
      this.fault(fault.message);
      this.resting = setTimeout(() => this.finish(), AGAIN_MILLISECONDS);
    }
  }

  comparable(before) {
    if (!before) return;
    at("before").src = URL.createObjectURL(before);
    at("before").hidden = at("compare").hidden = false;
  }

  async keepThumbnail(id, address) {
    const picture = await (await fetch(address)).blob();
    const thumbnail = await reduced(picture, THUMBNAIL_PIXELS);
    await store.remember(id, { thumbnail, status: "succeeded" });
    this.onChange();
  }

  /** Shows the picture at an address once it is there, unless a later one was requested; returns
   * the address it was loaded from, or an empty string. */
  async picture(path) {
    const { session } = this;
    const turn = ++session.pictures;
    const image = new Image();
    image.src = await service.address(path);
    await image.decode().catch(() => {});
    if (this.session !== session || session.pictures !== turn || !image.naturalWidth) return "";
    at("after").src = image.src;
    at("after").alt = this.job?.status === "succeeded" ? "The picture" : "The picture so far";
    at("after").hidden = false;
    at("blank").hidden = true;
    return image.src;
  }

  /** Shows so many per cent of the photograph over the picture. */
  compare(share) {
    at("compare").value = share;
    at("before").style.setProperty("--shown", `${share}%`);
  }

  /** Another place between content and style: for the job while it is painted, then for the next. */
  onDial() {
    const { session } = this;
    if (isOver(this.job.status)) return;
    clearTimeout(this.resting);
    this.resting = setTimeout(async () => {
      const [job, fault] = await service.updateWeights(session.id, this.weights()).then(
        (job) => [job, null],
        (fault) => [null, fault],
      );
      if (this.session !== session) return;
      if (job) this.show(job);
      this.fault(fault?.message ?? "");
    }, DIAL_REST_MILLISECONDS);
  }

  weights() {
    return service.weights(Number(at("live-dial").value));
  }

  actions() {
    const job = this.job;
    const buttons = [];
    if (!isOver(job.status)) buttons.push(button("Cancel", () => service.cancelJob(job.id)));
    if (job.status === "succeeded") {
      buttons.push(...Object.keys(FORMATS).map((format) => download(job, format)));
      buttons.push(button("Go on from here", () => this.onAgain(job, this.weights())));
      buttons.push(button("Sweep the dial", () => this.onSweep(job)));
    } else if (isOver(job.status)) {
      buttons.push(button("Try again", async () => (location.hash = `job=${(await service.retryJob(job.id)).id}`)));
    }
    buttons.push(button("Copy link", () => this.share()));
    for (const each of buttons) each.addEventListener("fault", (event) => this.fault(event.detail));
    at("actions").replaceChildren(...buttons);
  }

  async share() {
    const link = new URL(`#job=${this.job.id}`, location.href).href;
    await navigator.clipboard?.writeText(link).catch(() => {});
    at("link").textContent = `The link: ${link}`;
    at("link").hidden = false;
  }

  /** Nothing more will come of this session. */
  refused(fault) {
    this.session?.stop();
    this.fault(fault.message);
    if (service.asksForKey(fault)) this.onKey();
  }

  /** Lists what of the options and pictures does not do what it seems to ask for. */
  warn(warnings) {
    const lines = warnings.map(({ detail }) => Object.assign(document.createElement("li"), { textContent: detail }));
    at("warnings").replaceChildren(...lines);
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
  const path = `${job.links.result}?format=${format}`;
  link.href = path.replace(/^\//, "");
  link.addEventListener("click", (event) => {
    if (!service.key.get() || !event.isTrusted) return;
    event.preventDefault(); // a token is good for minutes: the address is made on demand
    service.address(path).then(
      (href) => Object.assign(document.createElement("a"), { href, download: "" }).click(),
      (fault) => link.dispatchEvent(new CustomEvent("fault", { detail: fault.message })),
    );
  });
  return link;
}
