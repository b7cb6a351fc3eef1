// The page: two wells and a dial, what is on the easel, and what was painted before.

import { Easel } from "./easel.js";
import { Gallery } from "./gallery.js";
import { addOptions, showOptions, tellOptions } from "./options.js";
import { Well, reduced, showExamples, takePastes } from "./pictures.js";
import * as service from "./service.js";
import * as store from "./store.js";
import { showSweep } from "./sweep.js";

const BEFORE_PIXELS = 1024;
const MOST_STYLES = 8;
const SWEEP = [0.1, 0.25, 0.5, 1, 2];
const LARGER = 2;
const LARGEST = Number(document.querySelector("meta[name=max-size-pixels]").content);
const EXAMPLES = {
  content: ["harbour", "still_life"],
  style: ["swirls", "wave", "fire", "cubist", "pointillism", "stained_glass", "ink_wash"],
};
const at = (id) => document.getElementById(id);

const content = new Well(at("content-well"));
const style = new Well(at("style-well"), { most: MOST_STYLES });
const gallery = new Gallery(at("gallery"));
const easel = new Easel({
  onChange: () => gallery.draw(),
  onAgain: async (job, weights) => submitted(formFrom(job, weights), (await store.get(job.id))?.before),
  onSweep: swept,
  onKey: askForKey,
});

takePastes([content, style]);
for (const well of [content, style]) showExamples(well, EXAMPLES[well.field]);
at("more").addEventListener("toggle", () => at("more").open && openMore());
at("new").addEventListener("submit", (event) => {
  event.preventDefault();
  paint();
});
at("key-button").addEventListener("click", askForKey);
at("key").addEventListener("close", () => {
  if (at("key").returnValue !== "keep") return;
  service.key.set(at("key-field").value);
  openLinked({ reload: true });
});
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
addEventListener("hashchange", () => openLinked());
gallery.draw();
openLinked();
if (service.key.get()) at("key-button").hidden = false;

function openLinked({ reload = false } = {}) {
  const [, kind, id] = location.hash.match(/^#(job|sweep)=(\w+)$/) ?? [];
  if (kind === "job" && (reload || easel.session?.id !== id)) easel.open(id);
  if (kind === "sweep") showSweep(id, askForKey);
}

async function openMore() {
  const options = at("more").querySelector(".options");
  if (options.childElementCount) return;
  try {
    await showOptions(options);
  } catch (fault) {
    tell(fault);
  }
}

async function paint() {
  clearFaults();
  for (const [well, words] of [[content, "a photograph"], [style, "a painting"]]) {
    if (!well.files.length) {
      well.tell(`Choose ${words} first.`);
      return well.input.focus();
    }
  }
  at("paint").disabled = true;
  try {
    await submitted(newForm(), await reduced(content.files[0], BEFORE_PIXELS));
  } catch (fault) {
    tell(fault);
  } finally {
    at("paint").disabled = false;
  }
}

/** The form as it is filled in. */
function newForm() {
  const form = formWith(service.weights(Number(at("dial").value)));
  for (const well of [content, style]) for (const file of well.files) form.append(well.field, file);
  form.append("preset", new FormData(at("new")).get("preset"));
  addOptions(at("more"), form);
  return form;
}

/** One that goes on from a job's picture, twice as large. */
function formFrom(job, weights) {
  const size = Math.min(LARGEST, LARGER * job.options.size);
  return formWith({ ...service.texts(job.options), ...weights, start: job.id, size });
}

function formWith(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

/** Submits a form, and puts the job on the easel, with the photograph to compare it with. */
async function submitted(form, before) {
  const job = await service.submit(form);
  await store.remember(job.id, { status: job.status, before: before ?? null });
  location.hash = `job=${job.id}`;
  await gallery.draw();
}

async function swept(job) {
  const weights = { content_weight: 0.5, style_weight: SWEEP.join(",") };
  const form = formWith({ ...service.texts(job.options), ...weights, pictures_of: job.id });
  const sweep = await service.submitSweep(form);
  location.hash = `sweep=${sweep.id}`;
}

/** Says what is wrong, next to what caused it. */
function tell(fault) {
  if (service.asksForKey(fault)) return askForKey();
  const { content: ofContent, style: ofStyle, ...others } = fault.fields ?? {};
  if (ofContent) content.tell(ofContent);
  if (ofStyle) style.tell(ofStyle);
  const unplaced = tellOptions(at("more"), others);
  const rest = unplaced.map(([name, sentence]) => `${name}: ${sentence}`);
  if (!ofContent && !ofStyle && !Object.keys(others).length) rest.push(fault.message);
  at("form-fault").textContent = rest.join(" ");
  if (rest.length) at("form-fault").scrollIntoView({ block: "nearest" });
}

function clearFaults() {
  at("form-fault").textContent = "";
  for (const well of [content, style]) well.tell("");
  tellOptions(at("more"), {});
}

function askForKey() {
  at("key-button").hidden = false;
  at("key").returnValue = "";
  if (!at("key").open) at("key").showModal();
}
