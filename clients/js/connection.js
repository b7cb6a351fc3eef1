import { PasticheError, readProblem } from "./errors.js";
import { ORDINARY, retry } from "./retry.js";
import { Deadline } from "./waiting.js";

const RESPONSE_MILLISECONDS = 60_000;
const UPLOAD_MILLISECONDS = 300_000; // as long as the service waits for an upload
const SILENCE_MILLISECONDS = 25_000; // the service sends something every ten seconds

/** @typedef {import("./retry.js").RetryPolicy} RetryPolicy */

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
    if (key) checkHeader("key", key);
    /** @type {Record<string, string>} */
    this.headers = key ? { Authorization: `Bearer ${key}` } : {};
  }

  /**
   * Sends a request that is safe to repeat. Retries after a pause if the service cannot be reached or is busy.
   * @template Content
   * @param {string} method
   * @param {string} path
   * @param {(response: Response) => Promise<Content>} read reads a response that is a success
   * @param {Message & {policy?: RetryPolicy}} [message]
   */
  request(method, path, read, { policy = ORDINARY, ...message } = {}) {
    return retry(() => this.send(method, path, read, message), policy, message.signal);
  }

  /**
   * Sends a request once.
   * @template Content
   * @param {string} method
   * @param {string} path
   * @param {(response: Response) => Promise<Content>} read reads a response that is a success
   * @param {Message} [message]
   */
  async send(method, path, read, { signal, ...message } = {}) {
    const deadline = new Deadline(signal, this.#unreachable("did not respond in time"));
    const milliseconds = RESPONSE_MILLISECONDS + (message.body instanceof FormData ? UPLOAD_MILLISECONDS : 0);
    try {
      const fetching = this.#fetch(method, path, { ...message, signal: deadline.signal });
      return await read(await receive(await deadline.wait(fetching, milliseconds), deadline));
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : this.#describe(error);
    } finally {
      deadline.end();
    }
  }

  /**
   * Yields what is parsed from the lines of a stream of events, as they arrive, until the connection is lost.
   * @template Item
   * @param {string} path
   * @param {(lines: AsyncIterable<string>) => AsyncIterable<Item>} parse
   * @param {Message} message
   * @returns {AsyncGenerator<Item, void, void>}
   */
  async *stream(path, parse, { headers, signal }) {
    const deadline = new Deadline(signal, new PasticheError({ code: "stream_silent", detail: "No events arrive." }));
    try {
      const message = { headers: { Accept: "text/event-stream", ...headers }, signal: deadline.signal };
      const reader = openStream(await deadline.wait(this.#fetch("GET", path, message), SILENCE_MILLISECONDS));
      yield* parse(this.#lines(reader, deadline));
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : this.#describe(error);
    } finally {
      deadline.end();
      deadline.abort(); // closes the connection of a stream that is not read to its end
    }
  }

  /**
   * @param {ReadableStreamDefaultReader<Uint8Array>} reader
   * @param {Deadline} deadline
   * @returns {AsyncGenerator<string, never, void>}
   */
  async *#lines(reader, deadline) {
    const decoder = new TextDecoder();
    for (let rest = ""; ; ) {
      const { value, done } = await deadline.wait(reader.read(), SILENCE_MILLISECONDS);
      if (done) throw this.#unreachable("closed the connection");
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }

  /**
   * Sends a request, and returns its response if it is a success.
   * @param {string} method
   * @param {string} path
   * @param {Message} message
   */
  async #fetch(method, path, { headers, ...message }) {
    const redirect = method === "GET" ? "follow" : "manual"; // a POST that follows a redirect may become a GET
    const all = { ...this.headers, ...headers };
    const response = await fetch(this.url + path, { method, redirect, headers: all, ...message });
    if (response.ok) return response;
    if (isRedirect(response)) throw this.#redirected(response);
    throw readProblem(response, await response.text());
  }

  /** @param {Response} response */
  #redirected(response) {
    const to = response.headers.get("Location") ?? "another address"; // browsers do not tell which
    const detail = `${this.url} is not the address of the service: it redirects to ${to}.`;
    return new PasticheError({ code: "invalid_response", detail, status: response.status });
  }

  /** @param {unknown} error */
  #describe(error) {
    if (error instanceof PasticheError) return error;
    if (!(error instanceof SyntaxError)) return this.#unreachable("cannot be reached", error);
    const detail = `The server at ${this.url} is not a Pastiche service.`;
    return new PasticheError({ code: "invalid_response", detail }, { cause: error });
  }

  /**
   * @param {string} what what the service did
   * @param {unknown} [cause]
   */
  #unreachable(what, cause) {
    return new PasticheError({ code: "unreachable", detail: `${this.url} ${what}.` }, { cause });
  }
}

/**
 * Checks a text that is sent in a header, because `fetch` does not say which header it refuses.
 * @param {string} field
 * @param {string} text
 */
export function checkHeader(field, text) {
  if (/^[!-~]([ -~]*[!-~])?$/.test(text)) return;
  const detail = `\`${field}\` must be printable ASCII characters, without spaces at its ends.`;
  throw new PasticheError({ code: "invalid_fields", detail, errors: [{ field, code: "invalid_value", detail }] });
}

/**
 * Waits for the body of a response, with a time limit for each part, because the whole body may take long.
 * @param {Response} response
 * @param {Deadline} deadline
 */
async function receive(response, deadline) {
  if (!response.body) return response; // it has no body, or React Native loads it as a whole
  const reader = response.body.getReader();
  for (const parts = []; ; ) {
    const { value, done } = await deadline.wait(reader.read(), RESPONSE_MILLISECONDS);
    if (done) return new Response(new Blob(parts), { headers: response.headers });
    parts.push(value);
  }
}

/** @param {Response} response */
function isRedirect({ type, status }) {
  return type === "opaqueredirect" || (300 <= status && status < 400);
}

/** @param {Response} response */
function openStream(response) {
  // A proxy may respond instead of the service, and React Native cannot read streams.
  const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
  if (isStream && response.body) return response.body.getReader();
  throw new PasticheError({ code: "no_stream", detail: "Streams of events do not get through." });
}
