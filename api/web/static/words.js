// What a job's state is called, and how long things take, in words.

/** A duration as people say it: “about 40 s”, “about 3 min”. */
export function duration(seconds) {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${Math.round(seconds / 3600)} h`;
}

/** One sentence on where a job stands. */
export function sentence(job) {
  const left = job.eta_seconds == null ? "" : `, ${duration(job.eta_seconds)} left`;
  switch (job.status) {
    case "queued":
      return job.queue_position ? `${job.queue_position} before it in the queue${left}.` : `Next in the queue${left}.`;
    case "running":
      if (!job.iteration) return "The painter looks at both pictures.";
      return `Scale ${job.scale}, iteration ${job.iteration} of ${job.iterations}${left}.`;
    case "succeeded":
      return "Done.";
    case "failed":
      return `It failed: ${job.error.detail}`;
    case "expired":
      return "It waited longer than it was to.";
    default:
      return "Canceled.";
  }
}

/** The state in a word or two, under a small picture. */
export function label(status) {
  return { queued: "waits", running: "is painted", succeeded: "", failed: "failed", canceled: "canceled", expired: "expired" }[status] ?? status;
}

/** Whether nothing more will come of a job. */
export const isOver = (status) => !["queued", "running"].includes(status);
