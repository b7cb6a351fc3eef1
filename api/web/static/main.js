// The page: the form, the job that is shown, a sweep, and the gallery.

import { at } from "./dom.js";
import { NewPicture } from "./form.js";
import { Gallery } from "./gallery.js";
import { JobView } from "./job.js";
import * as service from "./service.js";
import * as store from "./store.js";
import { SweepView } from "./sweep.js";
import { shrink } from "./thumbnail.js";
import { summary } from "./words.js";
import { WorkersView } from "./workers.js";

const PHOTOGRAPH_PIXELS = 1024;
const SWEEP_PLACES = [0.1, 0.3, 0.5, 0.7, 0.9];
const SWEEP_CONTENT_WEIGHT = 0.5;

const form = new NewPicture({
  onSubmit: async (data, { photograph, ...known }) => submit(data, { ...known, before: await shrink(photograph, PHOTOGRAPH_PIXELS) }),
  onKey: askForKey,
});
const gallery = new Gallery(at("gallery"), {
  onDelete: ({ id }) => {
    sweep.setDeleted(id, true);
    if (view.session?.id === id) closeAll();
  },
  onRestore: ({ id }) => sweep.setDeleted(id, false),
});
const sweep = new SweepView({ onKey: askForKey });
const view = new JobView({
  onChange: () => {
    gallery.draw();
    form.loadPresets();
    workers.load();
  },
  onSubmit: async (job, changes) => submit(formFor(job, changes), await describeSource(job)),
  onSweep: submitSweep,
  onRetry: async (retry, job) => show(retry, await describeStored(job)),
  onUseSettings: (options) => form.enter(options),
  onUseAsContent: (file) => form.useAsContent(file),
  onConnection: showConnection,
  onKey: askForKey,
});
const workers = new WorkersView(at("workers"), () => view.job?.status === "queued");

at("key-button").addEventListener("click", askForKey);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the URL's fragment names the job
  at("new-title").focus();
});
at("key").addEventListener("close", () => {
  if (at("key").returnValue !== "keep") return;
  service.key.set(at("key-field").value);
  form.loadPresets();
  workers.load();
  openLinked({ reload: true });
});
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => isTextForField(event) || event.preventDefault());
for (const kind of ["offline", "online"]) addEventListener(kind, () => showConnection(true));
addEventListener("hashchange", () => openLinked());
addEventListener("click", ({ target }) => {
  const { hash } = target.closest("a") ?? {};
  if (hash && hash === location.hash) openLinked(); // it does not change
});
gallery.draw();
openLinked();
if (service.key.get()) at("key-button").hidden = false;

function openLinked({ reload = false } = {}) {
  const [, kind, id] = location.hash.match(/^#(job|sweep)=(\w+)$/) ?? [];
  if (kind === "job" && view.session?.id === id && !reload) view.reveal();
  else if (kind === "job") view.open(id);
  if (kind === "sweep") sweep.open(id);
  if (!location.hash) closeAll();
}

/** Whether text is dragged to a field. A file anywhere else, or a link, would replace the page. */
function isTextForField({ target, dataTransfer }) {
  return target instanceof HTMLInputElement && !dataTransfer.types.includes("Files");
}

function closeAll() {
  if (location.hash) history.pushState(null, "", location.pathname + location.search);
  view.close();
  sweep.close();
}

/** A form for a job's pictures and options, with some of them changed. */
function formFor(job, changes) {
  return service.formWith({ ...service.texts(job.options), ...changes });
}

/** The stored data of a job, except for its state. */
async function describeStored(job) {
  const { names, submitted, before } = (await store.get(job.id)) ?? {};
  return { names, submitted, before };
}

/** The stored data that a job shares with the job whose pictures it uses: not the options. */
async function describeSource(job) {
  const { submitted, ...stored } = await describeStored(job);
  return { ...stored, submitted: { ...submitted, preset: undefined, start_image: undefined } };
}

async function submit(data, stored) {
  await show(await service.submit(data), stored);
}

/** Stores a new job, then shows it: in this order, so that a reload finds it. */
async function show(job, stored) {
  await store.add(job.id, { status: job.status, note: summary(job.options), ...stored });
  location.hash = `job=${job.id}`;
  view.open(job.id, stored);
  await gallery.draw();
}

/** Submits the same pair with several weights. */
async function submitSweep(job) {
  const weights = SWEEP_PLACES.map((place) => (SWEEP_CONTENT_WEIGHT * place) / (1 - place));
  const changes = { content_weight: SWEEP_CONTENT_WEIGHT, style_weight: weights.join(","), pictures_of: job.id };
  const submitted = await service.submitSweep(formFor(job, changes));
  const stored = await describeSource(job);
  for (const member of submitted.jobs) {
    await store.add(member.id, { status: "queued", note: summary(member.job.options), ...stored });
  }
  location.hash = `sweep=${submitted.id}`;
  await gallery.draw();
}

function showConnection(isConnected) {
  at("connection").hidden = isConnected && navigator.onLine;
  at("connection").textContent = navigator.onLine ? "The connection is lost. Trying again…" : "You are offline.";
}

function askForKey() {
  at("key-button").hidden = false;
  at("key").returnValue = "";
  if (!at("key").open) at("key").showModal();
}
