// The buttons of a job, for each of its states.

import { runOnClick } from "./busy.js";
import { create } from "./dom.js";
import { fetchFile, save } from "./download.js";
import * as service from "./service.js";
import { fileName, isOver, title } from "./words.js";

const FORMATS = { jpeg: "JPEG", png: "PNG", webp: "WebP" };
const LARGEST = Number(document.querySelector("meta[name=max-size-pixels]").content);
const LARGER = 2;
const RANDOM_SEEDS = 2 ** 32;

/** The buttons for a job. `view` is the JobView, which shows errors and notices, and has the names. */
export function actionsFor(job, view) {
  const buttons = [];
  const add = (words, action, more) => buttons.push(makeButton(words, action, view, more));
  if (!isOver(job.status)) {
    if (job.status === "running") add("Stop and keep it", () => service.finishJob(job.id));
    add("Cancel", () => service.cancelJob(job.id));
  } else if (job.status === "succeeded") {
    buttons.push(makeDownloadButtons(job, view));
    add("Enlarge", () => view.canvas.enlarge());
    if (navigator.canShare) add("Share", makeShareAction(job, view));
    buttons.push(create("hr"));
    const size = Math.min(LARGEST, LARGER * job.options.size);
    if (size > job.options.size) add(`Paint larger (${size} px)`, () => view.onSubmit(job, { start: job.id, size }));
    add("Another seed", () => view.onSubmit(job, { pictures_of: job.id, seed: Math.floor(Math.random() * RANDOM_SEEDS) }));
    add("Compare weights", () => view.onSweep(job));
    add("Use as photograph", async () => view.onUseAsContent(await fetchResult(job, "png", view)));
  } else {
    add("Try again", async () => view.onRetry(await service.retryJob(job.id), job), { className: "main" });
  }
  if (isOver(job.status)) add("Use these settings", () => view.onUseSettings(job.options));
  add("Copy link", () => copyLink(job, view));
  return buttons;
}

function makeButton(words, action, view, more = {}) {
  const element = create("button", { type: "button", ...more }, words);
  runOnClick(element, action, (sentence) => view.showError(sentence));
  return element;
}

/** A button that downloads a JPEG, and a menu with every format. */
function makeDownloadButtons(job, view) {
  const menu = create("details");
  const summary = create("summary", {}, "▾");
  summary.setAttribute("aria-label", "Other formats");
  const formats = Object.entries(FORMATS).map(([format, words]) =>
    makeButton(words, async () => {
      menu.open = false;
      save(await fetchResult(job, format, view));
    }, view));
  menu.append(summary, create("div", {}, ...formats));
  const download = makeButton("Download", async () => save(await fetchResult(job, "jpeg", view)), view, { className: "main" });
  return create("div", { className: "downloads" }, download, menu);
}

/** The result as a file with a descriptive name. */
async function fetchResult(job, format, view) {
  return fetchFile(await service.address(`${job.links.result}?format=${format}`), fileName(view.names, format));
}

/** Makes an action that shares the result. After a long download, browsers require another click. */
function makeShareAction(job, view) {
  let file = null;
  return async () => {
    const isLoaded = file !== null;
    file ??= await fetchResult(job, "jpeg", view);
    const data = navigator.canShare({ files: [file] }) ? { files: [file] } : { url: linkTo(job) };
    try {
      await navigator.share({ title: title(view.names) ?? "Pastiche", ...data });
      view.showNotice("");
    } catch (error) {
      if (error.name === "NotAllowedError" && !isLoaded) view.showNotice("The picture is ready: press Share again.");
      else if (error.name !== "AbortError") throw error;
    }
  };
}

async function copyLink(job, view) {
  const link = linkTo(job);
  const isCopied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
  view.showNotice(isCopied ? `Copied: ${link}` : `The link: ${link}`);
}

const linkTo = (job) => new URL(`#job=${job.id}`, location.href).href;
