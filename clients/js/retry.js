import { PasticheError } from "./errors.js";
import { pause } from "./waiting.js";

const FIRST_PAUSE_MILLISECONDS = 500;
const LONGEST_PAUSE_MILLISECONDS = 10_000;

/**
 * @typedef {object} RetryPolicy How many milliseconds to pause in total between tries before giving up.
 * @property {number} unreachable while the service cannot be reached
 * @property {number} busy while it responds that it is busy
 */

/** @type {RetryPolicy} */
export const ORDINARY = { unreachable: 5_000, busy: 120_000 };

/** @type {RetryPolicy} For a job that the service has accepted, which is painted meanwhile. */
export const ACCEPTED_JOB = { unreachable: 600_000, busy: 600_000 };

/**
 * Growing pauses, with jitter so that not all clients return at the same moment, or the pauses that the service asks
 * for.
 */
export class Backoff {
  #remaining;
  #next = FIRST_PAUSE_MILLISECONDS;

  /** @param {RetryPolicy} policy */
  constructor(policy) {
    this.#remaining = { ...policy };
  }

  /**
   * Waits before the next try. Throws the error of the last try if another would not help, or if the policy ends.
   * @param {unknown} error
   * @param {AbortSignal} [signal]
   */
  async pause(error, signal) {
    if (!(error instanceof PasticheError && error.isTransient)) throw error;
    const limit = error.code === "unreachable" ? "unreachable" : "busy";
    const retryAfter = error.retryAfterSeconds;
    const milliseconds =
      retryAfter === undefined
        ? this.#next * (0.75 + 0.25 * Math.random())
        : Math.max(1000 * retryAfter, FIRST_PAUSE_MILLISECONDS);
    if (milliseconds > this.#remaining[limit]) throw error;
    this.#remaining[limit] -= milliseconds;
    this.#next = Math.min(2 * this.#next, LONGEST_PAUSE_MILLISECONDS);
    await pause(milliseconds, signal);
  }
}

/**
 * Sends a request until it succeeds or the policy ends.
 * @template Content
 * @param {() => Promise<Content>} send
 * @param {RetryPolicy} policy
 * @param {AbortSignal} [signal]
 */
export async function retry(send, policy, signal) {
  const backoff = new Backoff(policy);
  for (;;) {
    try {
      return await send();
    } catch (error) {
      await backoff.pause(error, signal);
    }
  }
}
