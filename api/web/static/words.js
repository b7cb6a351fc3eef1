// Formats the state, settings, durations and names of jobs in words.

import { place, plain } from "./service.js";

/** A duration in words: “about 40 s”, “about 2.5 min”. Above five seconds, rounding changes it by at most a tenth. */
export function duration(seconds) {
  if (seconds < 30) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 150) return `about ${5 * Math.round(seconds / 5)} s`;
  const minutes = seconds / 60;
  return minutes < 150 ? `about ${round(minutes)} min` : `about ${round(minutes / 60)} h`;
}

/** Rounds to halves below 5, else to whole numbers. */
const round = (number) => (number < 5 ? Math.round(2 * number) / 2 : Math.round(number));

/** The state of a job in a sentence. */
export function describe(job) {
  const left = job.eta_seconds == null ? "" : ` · ${duration(job.eta_seconds)} left`;
  switch (job.status) {
    case "queued":
      return job.queue_position ? `${job.queue_position} before it in the queue${left}` : `Next in the queue${left}`;
    case "running":
      return job.iteration ? `${percent(job.progress)}${left}` : "Preparing the pictures";
    case "succeeded":
      return "Done";
    case "failed":
      return `Failed: ${plain(job.error.detail)}`;
    case "expired":
      return "It waited longer than its deadline allows.";
    default:
      return "Canceled";
  }
}

/** The state in a word, for a small picture. Empty for a job that succeeded. */
export function label(status) {
  const labels = { queued: "waiting", running: "painting", succeeded: "" };
  return labels[status] ?? status;
}

/** Whether a job no longer changes. */
export const isOver = (status) => !["queued", "running"].includes(status);

export const percent = (share) => `${Math.round(100 * share)} %`;

/** The balance of a job's weights: “Style 50 %”. */
export const balance = (options) => `Style ${percent(place(options))}`;

/** The most important settings of a job: “512 px · Style 50 %”. */
export const summary = (options) => `${options.size} px · ${balance(options)}`;

/** The title of a picture: “harbour in the style of swirls”. Undefined if its files are not known. */
export function title({ content, styles } = {}) {
  return content && styles?.length ? `${content} in the style of ${styles.join(" and ")}` : undefined;
}

/** A file's name without its extension. */
export const stem = (name) => name.replace(/\.[^.]*$/, "");

/** A name for a downloaded file. */
export function fileName(names, format) {
  const safe = (title(names) ?? "pastiche").toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  return `${safe}.${format === "jpeg" ? "jpg" : format}`;
}
