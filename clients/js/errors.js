/** @import { FieldProblem, Job, Problem } from "./api.js" */

/**
 * An error: the problem in the response of the service (RFC 9457), or why there is no picture. Its `message` is a
 * sentence for people.
 */
export class PasticheError extends Error {
  /**
   * @param {Partial<Problem> & {code: string, detail: string}} problem
   * @param {{cause?: unknown, job?: Job, retryAfterSeconds?: number}} [more]
   */
  constructor({ code, detail, type = "about:blank", title = detail, status = 0, errors = [] }, more = {}) {
    super(detail, { cause: more.cause });
    this.name = "PasticheError";
    /** For programs: one of the service's codes, `unreachable` or `invalid_response`. */
    this.code = code;
    this.type = type;
    this.title = title;
    this.detail = detail;
    /** The HTTP status; 0 without a response. */
    this.status = status;
    /** @type {FieldProblem[]} The invalid fields, if any. */
    this.errors = errors;
    /** After how many seconds the same request may succeed, if the service says so. */
    this.retryAfterSeconds = more.retryAfterSeconds;
    /** @type {Job | undefined} The job that `paint` submitted, in its last known state. */
    this.job = more.job;
  }

  /** Whether the same request may succeed a little later. */
  get isTransient() {
    return [429, 503].includes(this.status) || ["unreachable", "submission_pending"].includes(this.code);
  }
}

/**
 * The error of a response that is not a success.
 * @param {Response} response
 * @param {string} body
 */
export function readProblem(response, body) {
  const more = { retryAfterSeconds: readRetryAfter(response.headers.get("Retry-After")) };
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    return new PasticheError(JSON.parse(body), more);
  }
  const detail = `${new URL(response.url).origin} responded with status ${response.status} and no explanation.`;
  const code = [502, 503, 504].includes(response.status) ? "unreachable" : "invalid_response";
  return new PasticheError({ code, detail, status: response.status }, more);
}

/**
 * `Retry-After`, a number or a date (RFC 9110, section 10.2.3), in seconds.
 * @param {string | null} value
 */
function readRetryAfter(value) {
  if (/^\d+$/.test(value ?? "")) return Number(value);
  const seconds = (Date.parse(value ?? "") - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/**
 * The error of a job that ended without a picture.
 * @param {Job} job
 */
export function jobUnsuccessful(job) {
  const { code, detail } = job.error ?? { code: `job_${job.status}`, detail: `The job was ${job.status}.` };
  return new PasticheError({ code, detail }, { job });
}
