// A job, from the queue to the picture: preview, progress, result, and the weights while it is painted.

import { actionsFor } from "./actions.js";
import { Canvas } from "./canvas.js";
import { Curves } from "./curves.js";
import { showPlace, turn } from "./dial.js";
import { at, create } from "./dom.js";
import * as service from "./service.js";
import { describeSettings } from "./settings.js";
import * as store from "./store.js";
import { fetchThumbnail } from "./thumbnail.js";
import { watch } from "./watch.js";
import { describe, isOver, percent, summary, title } from "./words.js";

const DIAL_PAUSE_MILLISECONDS = 300;
const RETRY_MILLISECONDS = 2000;

export class JobView {
  /** @param {Object<string, Function>} callbacks onChange, onSubmit, onSweep, onRetry, onUseSettings, onUseAsContent, onKey */
  constructor(callbacks) {
    Object.assign(this, callbacks);
    this.session = null;
    this.canvas = new Canvas();
    this.curves = new Curves(at("curves"));
    at("live-dial").addEventListener("input", () => this.onDial());
  }

  /**
   * Shows a job and follows it until it is over.
   * @param {object} [known] its stored data, if they are not stored yet
   */
  async open(id, known) {
    this.close();
    const session = { id, job: null, names: undefined, submitted: undefined, dial: null, stop() {} };
    this.session = session;
    at("job").hidden = false;
    at("intro").hidden = true;
    this.reveal();
    const stored = known ?? (await store.get(id));
    if (this.session !== session) return;
    session.names = stored?.names;
    session.submitted = stored?.submitted;
    at("job-title").textContent = title(stored?.names) ?? "Your picture";
    this.canvas.setPhotograph(stored?.before);
    await this.load(session);
  }

  /** Scrolls to the job. */
  reveal() {
    at("job-title").focus({ preventScroll: true });
    const isBesideForm = matchMedia("(min-width: 60rem)").matches;
    at("job").scrollIntoView({ block: isBesideForm ? "nearest" : "start" });
  }

  async load(session) {
    try {
      const job = await service.getJob(session.id);
      const losses = await service.getLosses(session.id).catch(() => null);
      if (this.session !== session) return;
      this.show(job);
      if (losses) this.curves.set(losses);
    } catch (error) {
      if (this.session !== session) return;
      if (service.isFinal(error)) return this.end(error);
      this.onConnection(false);
    }
    if (this.job && isOver(this.job.status)) return this.finish();
    session.stop = watch(session.id, {
      onEvent: (kind, data) => this.session === session && this.handleEvent(kind, data),
      onConnection: (isConnected) => this.session === session && this.onConnection(isConnected),
    });
  }

  /** The job that is shown, once it is loaded. */
  get job() {
    return this.session?.job ?? null;
  }

  /** The names of its pictures, if this browser submitted it. */
  get names() {
    return this.session?.names;
  }

  /** Shows no job. Responses about it that arrive later are ignored. */
  close() {
    this.session?.stop();
    this.session = null;
    clearTimeout(this.retry);
    clearTimeout(this.dialPause);
    this.canvas.clear();
    this.curves.clear();
    for (const id of ["progress", "live", "details"]) at(id).hidden = true;
    for (const id of ["status", "announcement", "iterations", "notice", "job-error"]) at(id).textContent = "";
    for (const id of ["actions", "settings", "warnings"]) at(id).replaceChildren();
    at("canvas").hidden = false;
    at("job").hidden = true;
    at("intro").hidden = false;
    this.onConnection(true);
  }

  handleEvent(kind, data) {
    if (kind === "status" || kind === "done") {
      this.show(data);
      if (kind === "done") this.finish();
    } else if (kind === "refused") {
      this.end(data);
    } else if (kind === "progress" && this.job) {
      this.curves.add(data.iteration, data.losses);
      this.show({ ...this.job, ...data });
    } else if (kind === "preview") {
      this.canvas.show(data.url, "The picture so far").catch(() => {}); // the next one comes soon
    } else if (kind === "gone") {
      this.end({ code: "job_expired" });
    }
  }

  show(job) {
    const isNew = this.job?.status !== job.status;
    const isAnnounced = isNew || this.job?.queue_position !== job.queue_position;
    this.session.job = job;
    at("status").textContent = describe(job);
    if (isAnnounced) at("announcement").textContent = describe(job); // not each iteration
    at("progress").hidden = job.status !== "running";
    at("progress").value = job.progress;
    at("iterations").textContent = job.scale ? `Scale ${job.scale}, iteration ${job.iteration} of ${job.iterations}` : "";
    at("details").hidden = false;
    at("live").hidden = isOver(job.status);
    if (isOver(job.status)) this.dropDial();
    at("canvas").classList.toggle("without-result", isOver(job.status) && job.status !== "succeeded");
    if (this.session.dial === null) this.showDial(service.place(job.options));
    this.showSettings(job.options).catch(() => {}); // the next event tries again
    this.showWarnings(job.warnings);
    if (isNew) {
      this.showActions(actionsFor(job, this));
      store.update(job.id, { status: job.status, note: summary(job.options) }).then(this.onChange);
    }
  }

  /** Shows the result. Tries again until it can be loaded. */
  async finish() {
    const { session, job } = this;
    if (job.status !== "succeeded") return;
    try {
      const isShown = await this.canvas.show(`${job.links.result}?format=webp`, "The picture");
      if (isShown === undefined || this.session !== session) return;
      if (!isShown) {
        await service.checkResult(`${job.links.result}?format=webp`); // throws the reason
        throw new service.ServiceError("The picture could not be loaded. Trying again…");
      }
      const losses = await service.getLosses(job.id);
      const stored = await store.get(job.id);
      if (this.session !== session) return;
      this.curves.set(losses);
      this.showError("");
      this.canvas.allowComparison();
      if (stored && !stored.thumbnail) this.storeThumbnail(job).catch(() => {}); // tried again next time
    } catch (error) {
      if (this.session !== session) return;
      if (service.isFinal(error)) return this.end(error);
      this.showError(error.message);
      this.retry = setTimeout(() => this.finish(), RETRY_MILLISECONDS);
    }
  }

  async storeThumbnail(job) {
    await store.update(job.id, { thumbnail: await fetchThumbnail(job), status: "succeeded" });
    this.onChange();
  }

  /** The dial was moved. Its place is kept until the service responds, even if events arrive before. */
  onDial() {
    const { session } = this;
    if (!this.job || isOver(this.job.status)) return;
    const place = Number(at("live-dial").value);
    session.dial = place;
    showPlace(at("live-dial"), at("live-value"));
    clearTimeout(this.dialPause);
    this.dialPause = setTimeout(() => this.sendDial(session, place), DIAL_PAUSE_MILLISECONDS);
  }

  async sendDial(session, place) {
    const [job, error] = await service.updateWeights(session.id, service.weights(place)).then(
      (job) => [job, null],
      (error) => [null, error],
    );
    if (this.session !== session || session.dial !== place) return; // moved again meanwhile, or too late
    session.dial = null;
    if (error?.code === "job_over") return; // the last event will show it
    this.showError(error?.message ?? "");
    if (!job) return this.showDial(service.place(this.job.options));
    this.show(job);
    this.curves.mark();
    this.showNotice(`The weights were changed: style ${percent(place)}.`);
  }

  /** Ignores the place of the dial from now on. */
  dropDial() {
    clearTimeout(this.dialPause);
    this.session.dial = null;
  }

  showDial(place) {
    turn(at("live-dial"), at("live-value"), place);
  }

  /** Replaces the buttons. The focus stays on the same button, or else on the group. */
  showActions(buttons) {
    const group = at("actions");
    const focused = group.contains(document.activeElement) && document.activeElement.textContent;
    group.replaceChildren(...buttons);
    if (focused === false) return;
    const same = [...group.querySelectorAll("button, summary")].find(({ textContent }) => textContent === focused);
    (same ?? group).focus({ preventScroll: true });
  }

  async showSettings(options) {
    const { session } = this;
    const settings = await describeSettings(options, session.submitted);
    if (this.session !== session) return;
    const rows = settings.map(([title, value]) => create("div", {}, create("dt", {}, title), create("dd", {}, value)));
    at("settings").replaceChildren(...rows);
  }

  /** Lists the options and pictures that have no effect, or an unexpected one. */
  showWarnings(warnings) {
    at("warnings").replaceChildren(...warnings.map(({ detail }) => create("li", {}, service.plain(detail))));
  }

  showNotice(sentence) {
    at("notice").textContent = sentence;
  }

  showError(sentence) {
    at("job-error").textContent = sentence;
  }

  /** Stops showing this job because of a final error. */
  end(error) {
    this.session?.stop();
    if (service.isMissing(error)) {
      this.canvas.clear();
      for (const id of ["canvas", "progress", "live", "details"]) at(id).hidden = true;
      this.showActions([]);
      at("status").textContent = "";
      return this.showError("This picture no longer exists.");
    }
    this.showError(error.message);
    if (service.needsKey(error)) this.onKey();
  }
}
