import { PasticheError, readProblem } from "./errors.js";

const MOST_TRIES = 4;
const FIRST_PAUSE_MILLISECONDS = 500;
const LONGEST_PAUSE_MILLISECONDS = 60_000;
const SILENCE_MILLISECONDS = 25_000; // the service sends something every ten seconds

/**
 * @typedef {object} Message A request.
 * @property {BodyInit} [body]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/** Sends requests to one service. */
export class Connection {
  /**
   * @param {string | URL} url
   * @param {string} [key]
   */
  constructor(url, key) {
    this.url = String(url).replace(/\/+$/, "");
    /** @type {Record<string, string>} */
    this.headers = key ? { Authorization: `Bearer ${key}` } : {};
  }

  /**
   * Sends a request that is safe to repeat, again after a pause if the service cannot be reached or is busy.
   * @template Content
   * @param {string} method
   * @param {string} path
   * @param {(response: Response) => Promise<Content>} read reads a response that is a success
   * @param {Message} [message]
   */
  async request(method, path, read, message = {}) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#send(method, path, read, message);
      } catch (error) {
        if (!(error instanceof PasticheError && error.isTransient) || tries === MOST_TRIES) throw error;
        const growing = FIRST_PAUSE_MILLISECONDS * 2 ** (tries - 1);
        const milliseconds = error.retryAfterSeconds === undefined ? growing : 1000 * error.retryAfterSeconds;
        if (milliseconds > LONGEST_PAUSE_MILLISECONDS) throw error;
        await pause(milliseconds, message.signal);
      }
    }
  }

  /**
   * The lines of a stream of events, as they arrive. It ends when the connection does.
   * @param {string} path
   * @param {Message} message
   * @returns {AsyncGenerator<string, void, void>}
   */
  async *lines(path, { headers, signal }) {
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    const silence = new PasticheError({ code: "no_stream", detail: "No events arrive." });
    let timer = setTimeout(() => controller.abort(silence), SILENCE_MILLISECONDS);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      signal?.throwIfAborted();
      const message = { headers: { Accept: "text/event-stream", ...headers }, signal: controller.signal };
      const reader = await this.#send("GET", path, openStream, message);
      const decoder = new TextDecoder();
      for (let rest = ""; ; ) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => controller.abort(silence), SILENCE_MILLISECONDS);
        const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
        rest = lines.pop() ?? "";
        yield* lines;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw controller.signal.aborted ? silence : this.#describe(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      controller.abort();
    }
  }

  /**
   * @template Content
   * @param {string} method
   * @param {string} path
   * @param {(response: Response) => Promise<Content>} read
   * @param {Message} message
   */
  async #send(method, path, read, { body, headers, signal }) {
    try {
      const all = { ...this.headers, ...headers };
      const response = await fetch(this.url + path, { method, body, headers: all, signal });
      if (response.ok) return await read(response);
      throw readProblem(response, await response.text());
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#describe(error);
    }
  }

  /** @param {unknown} error */
  #describe(error) {
    if (error instanceof PasticheError) return error;
    const isInvalid = error instanceof SyntaxError;
    const code = isInvalid ? "invalid_response" : "unreachable";
    const detail = isInvalid ? `The server at ${this.url} is not a Pastiche service.` : `${this.url} cannot be reached.`;
    return new PasticheError({ code, detail }, { cause: error });
  }
}

/**
 * Waits.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
  });
}

/** @param {Response} response */
async function openStream(response) {
  // A proxy may answer in the service's place, and React Native reads no streams.
  const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
  if (isStream && response.body) return response.body.getReader();
  throw new PasticheError({ code: "no_stream", detail: "No stream of events gets through." });
}
