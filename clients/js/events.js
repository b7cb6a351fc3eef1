/** @import { Job, JobEvent, JobStatus } from "./api.js" */

/** @type {readonly JobStatus[]} */
const OVER = ["succeeded", "failed", "canceled", "expired"];

/**
 * Parses the events in the lines of a stream (server-sent events, WHATWG HTML section 9.2).
 * @param {AsyncIterable<string>} lines
 * @returns {AsyncGenerator<JobEvent, void, void>}
 */
export async function* parseEvents(lines) {
  /** @type {Record<string, string>} */
  let fields = {};
  for await (const line of lines) {
    if (line) {
      const [, name = "", value = ""] = line.match(/^([^:]*):? ?(.*)$/) ?? [];
      fields[name] = name === "data" && name in fields ? `${fields.data}\n${value}` : value;
    } else {
      const { event, id, data } = fields;
      if (data) yield /** @type {JobEvent} */ ({ event, id, data: JSON.parse(data) });
      fields = {};
    }
  }
}

/**
 * Yields the events that a stream would have sent between two requests of a job.
 * @param {Job | null} before the job at the last request
 * @param {Job} job
 * @returns {Generator<JobEvent, void, void>}
 */
export function* compare(before, job) {
  const id = String(job.version);
  if (OVER.includes(job.status)) {
    yield { event: "done", id, data: job };
    return;
  }
  if (!before || stateOf(before) !== stateOf(job)) yield { event: "status", id, data: job };
  const { version, progress, iteration, iterations, scale, eta_seconds, losses } = job;
  if (scale && losses && before?.iteration !== iteration) {
    yield { event: "progress", id, data: { version, progress, iteration, iterations, scale, eta_seconds, losses } };
  }
  const url = job.links.preview;
  if (url.includes("?") && before?.links.preview !== url) yield { event: "preview", id, data: { url } };
}

/**
 * What changes with a `status` event. Of the options, only weights change.
 * @param {Job} job
 */
function stateOf({ status, queue_position, attempt, options }) {
  return JSON.stringify([status, queue_position, attempt, options]);
}
