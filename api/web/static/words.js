// A job's state, durations and names, in words.

/** A duration in words: “about 40 s”, “about 3 min”. */
export function duration(seconds) {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${Math.round(seconds / 3600)} h`;
}

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
      return `Failed: ${job.error.detail}`;
    case "expired":
      return "It waited longer than its deadline allows.";
    default:
      return "Canceled";
  }
}

/** The state in a word or two, on a small picture; empty for a job that succeeded. */
export function label(status) {
  const labels = { queued: "waiting", running: "painting", succeeded: "" };
  return labels[status] ?? status;
}

/** Whether a job no longer changes. */
export const isOver = (status) => !["queued", "running"].includes(status);

export const percent = (share) => `${Math.round(100 * share)} %`;

/** What a picture is called: “harbour in the style of swirls”; undefined if its files are not known. */
export function title({ content, styles } = {}) {
  return content && styles?.length ? `${content} in the style of ${styles.join(" and ")}` : undefined;
}

/** A file's name without its extension. */
export const stem = (name) => name.replace(/\.[^.]*$/, "");

/** A name for a downloaded file. */
export function fileName(names, format) {
  const safe = (title(names) ?? "pastiche").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  return `${safe}.${format === "jpeg" ? "jpg" : format}`;
}
