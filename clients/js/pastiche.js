// A client of a Pastiche service, for browsers and Node.

import { Connection, checkHeader } from "./connection.js";
import { PasticheError, jobUnsuccessful } from "./errors.js";
import { compare, parseEvents } from "./events.js";
import { makeForm } from "./form.js";
import { ACCEPTED_JOB, Backoff, ORDINARY, retry } from "./retry.js";
import { pause, unlessAborted } from "./waiting.js";

export { PasticheError };

/** @typedef {import("./api.js").Job} Job */
/** @typedef {import("./api.js").JobEvent} JobEvent */
/** @typedef {import("./api.js").PictureFormat} PictureFormat */
/** @typedef {import("./api.js").Progress} Progress */
/** @typedef {import("./api.js").SubmitJobBody} SubmitJobBody */
/** @typedef {import("./api.js").WeightUpdate} WeightUpdate */
/** @typedef {import("./api.js").WorkerSummary} WorkerSummary */

/**
 * @typedef {Blob | BufferSource | string} Picture
 * A `File`, a `Blob`, the bytes of a picture file, or a text that refers to a picture, such as its URL.
 */

/**
 * @typedef {{content?: Picture, style?: Picture | Picture[], mask?: Picture | Picture[], style_mask?: Picture | Picture[],
 *   start_image?: Picture, content_map?: Picture}} Pictures The pictures of a job.
 */

/**
 * @typedef {Pictures & Omit<SubmitJobBody, keyof Pictures>} Submission The pictures, options and settings of a job.
 */

const POLL_MILLISECONDS = 1000;
const MAX_SILENCES = 2; // one may be due to a broken connection, more are due to a proxy

export class Pastiche {
  #connection;

  /**
   * @param {string | URL} url the address of the service
   * @param {{key?: string}} [options] the API key, if the service requires one
   */
  constructor(url, { key } = {}) {
    this.#connection = new Connection(url, key);
  }

  /**
   * Submits a job, waits until it is over, and returns the picture. Every `PasticheError` after the submission has
   * the `job`. If the signal aborts or a callback throws, the job is canceled.
   * @param {Submission & {format?: PictureFormat, onStatus?: (job: Job) => void,
   *   onProgress?: (progress: Progress) => void, onPreview?: (preview: Blob) => void,
   *   signal?: AbortSignal}} options
   * @returns {Promise<Blob>}
   */
  async paint({ format = "png", onStatus, onProgress, onPreview, signal, ...submission }) {
    signal?.throwIfAborted();
    const submitting = this.submit(submission); // without the signal: its response has the job to cancel
    let job;
    try {
      job = await unlessAborted(submitting, signal);
      for await (const event of this.watch(job, { signal })) {
        if (event.event === "status" || event.event === "done") job = event.data;
        if (event.event === "status") onStatus?.(job);
        if (event.event === "progress") onProgress?.(event.data);
        if (event.event === "preview" && onPreview) {
          const preview = await this.#previewIfReachable(job, signal);
          if (preview) onPreview(preview);
        }
        if (event.event === "done" && job.status !== "succeeded") throw jobUnsuccessful(job);
      }
      const message = { signal, policy: ACCEPTED_JOB };
      return await this.#connection.request("GET", resultPath(job, format), readBlob, message);
    } catch (error) {
      if (error instanceof PasticheError && !signal?.aborted) error.job ??= job;
      else submitting.then((job) => this.cancel(job)).catch(() => {}); // the job may be over, or the service unreachable
      throw error;
    }
  }

  /**
   * Submits a job only once, even if the request is repeated because the connection is lost.
   * @param {Submission} submission
   * @param {{idempotencyKey?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<Job>}
   */
  async submit(submission, { idempotencyKey = randomKey(), signal } = {}) {
    checkHeader("idempotencyKey", idempotencyKey);
    const message = { body: makeForm(submission), headers: { "Idempotency-Key": idempotencyKey }, signal };
    return this.#connection.request("POST", "/jobs", readJson, message);
  }

  /**
   * Fetches the current state of a job.
   * @param {Job | string} job
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Job>}
   */
  job(job, { signal } = {}) {
    return this.#connection.request("GET", jobPath(job), readJson, { signal });
  }

  /**
   * Yields the events of a job until it is over. The last one is `done` or `gone`. If the connection is lost, it is
   * opened again. If streams of events do not get through, the job is polled once a second.
   * @param {Job | string} job
   * @param {{signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<JobEvent, void, void>}
   */
  async *watch(job, { signal } = {}) {
    let [backoff, isKnown, lastId, silences] = [new Backoff(ACCEPTED_JOB), typeof job !== "string", "", 0];
    for (;;) {
      const hasStreams = silences < MAX_SILENCES;
      try {
        for await (const event of hasStreams ? this.#stream(job, lastId, signal) : this.#poll(job, signal)) {
          yield event;
          if (event.event === "done" || event.event === "gone") return;
          [backoff, isKnown, lastId] = [new Backoff(ACCEPTED_JOB), true, event.id];
        }
      } catch (error) {
        const code = error instanceof PasticheError ? error.code : "";
        if (isKnown && code === "job_not_found") {
          yield { event: "gone", data: { id: getId(job) } };
          return;
        }
        if (code === "no_stream") silences = MAX_SILENCES;
        else if (code === "stream_silent") silences++;
        else {
          await backoff.pause(error, signal);
          silences = 0; // the next connection may take another route
        }
      }
    }
  }

  /**
   * Fetches the finished picture.
   * @param {Job | string} job
   * @param {{format?: PictureFormat, signal?: AbortSignal}} [options]
   * @returns {Promise<Blob>}
   */
  result(job, { format = "png", signal } = {}) {
    return this.#connection.request("GET", resultPath(job, format), readBlob, { signal });
  }

  /**
   * Fetches the newest preview, a JPEG. Null before the first.
   * @param {Job | string} job
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Blob | null>}
   */
  preview(job, { signal } = {}) {
    return this.#connection.request("GET", previewPath(job), readPreview, { signal });
  }

  /**
   * Changes weights of a job, even while it is painted.
   * @param {Job | string} job
   * @param {WeightUpdate} weights
   * @returns {Promise<Job>}
   */
  updateWeights(job, weights) {
    const message = { body: JSON.stringify(weights), headers: { "Content-Type": "application/json" } };
    return this.#connection.request("PATCH", jobPath(job), readJson, message);
  }

  /**
   * Cancels a job: at once if it is queued, within two iterations if it is being painted.
   * @param {Job | string} job
   * @returns {Promise<Job>}
   */
  cancel(job) {
    return this.#connection.request("POST", `${jobPath(job)}/cancel`, readJson);
  }

  /**
   * Cancels a job and deletes it with its pictures.
   * @param {Job | string} job
   * @returns {Promise<void>}
   */
  async delete(job) {
    let mayBeDeleted = false;
    await retry(async () => {
      try {
        await this.#connection.send("DELETE", jobPath(job), async () => {});
      } catch (error) {
        if (!(error instanceof PasticheError)) throw error;
        if (mayBeDeleted && error.code === "job_not_found") return;
        mayBeDeleted ||= error.status !== 429; // with 429, the service has done nothing
        throw error;
      }
    }, ORDINARY);
  }

  /**
   * Fetches the running workers: their devices, how large and how fast they paint, and whether they are painting now.
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<WorkerSummary[]>}
   */
  listWorkers({ signal } = {}) {
    return this.#connection.request("GET", "/workers", readWorkers, { signal });
  }

  /**
   * Fetches a preview without retries: the next one comes soon, and the picture does not depend on it.
   * @param {Job} job
   * @param {AbortSignal} [signal]
   */
  #previewIfReachable(job, signal) {
    return this.#connection.send("GET", previewPath(job), readPreview, { signal }).catch(() => null);
  }

  /**
   * @param {Job | string} job
   * @param {string} lastId
   * @param {AbortSignal} [signal]
   */
  #stream(job, lastId, signal) {
    /** @type {Record<string, string>} */
    const headers = lastId ? { "Last-Event-ID": lastId } : {};
    return this.#connection.stream(`${jobPath(job)}/events`, parseEvents, { headers, signal });
  }

  /**
   * @param {Job | string} job
   * @param {AbortSignal} [signal]
   * @returns {AsyncGenerator<JobEvent, void, void>}
   */
  async *#poll(job, signal) {
    /** @type {Job | null} */
    let before = null;
    for (;;) {
      const now = await this.#connection.send("GET", jobPath(job), readJson, { signal });
      yield* compare(before, now);
      before = now;
      await pause(POLL_MILLISECONDS, signal);
    }
  }
}

/** @param {Job | string} job */
function getId(job) {
  return typeof job === "string" ? job : job.id;
}

/** @param {Job | string} job */
function jobPath(job) {
  return `/jobs/${encodeURIComponent(getId(job))}`;
}

/** @param {Job | string} job */
function previewPath(job) {
  return `${jobPath(job)}/preview`;
}

/**
 * @param {Job | string} job
 * @param {PictureFormat} format
 */
function resultPath(job, format) {
  return `${jobPath(job)}/result?format=${format}`;
}

function randomKey() {
  // Pages without https do not have `crypto.randomUUID`.
  return [Date.now(), Math.random(), Math.random()].map((number) => number.toString(36).replace("0.", "")).join("-");
}

/** @param {Response} response */
const readJson = (response) => response.json();

/** @param {Response} response */
const readWorkers = async (response) => (await response.json()).workers;

/** @param {Response} response */
async function readBlob(response) {
  const type = response.headers.get("Content-Type");
  if (!type?.startsWith("image/")) throw new SyntaxError(`not a picture, but ${type}`);
  return response.blob();
}

/** @param {Response} response */
const readPreview = async (response) => (response.status === 204 ? null : readBlob(response));
