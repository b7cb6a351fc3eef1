/**
 * Waits.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export async function pause(milliseconds, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  try {
    await unlessAborted(new Promise((resolve) => (timer = setTimeout(resolve, milliseconds))), signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for a promise until a signal aborts.
 * @template Value
 * @param {Promise<Value>} promise
 * @param {AbortSignal} [signal]
 * @returns {Promise<Value>}
 */
export async function unlessAborted(promise, signal) {
  let abort = () => {};
  const aborted = new Promise((_, reject) => (abort = () => reject(signal?.reason)));
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    return /** @type {Value} */ (await Promise.race([promise, aborted]));
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Aborts with another signal, or if a promise takes too long. (Some browsers have no `AbortSignal.any`.) */
export class Deadline extends AbortController {
  #other;
  #late;
  #follow = () => this.abort(this.#other?.reason);

  /**
   * @param {AbortSignal | undefined} other
   * @param {Error} late the reason if something takes too long
   */
  constructor(other, late) {
    super();
    this.#other = other;
    this.#late = late;
    other?.addEventListener("abort", this.#follow);
    if (other?.aborted) this.#follow();
  }

  /**
   * Waits for a promise.
   * @template Value
   * @param {Promise<Value>} promise
   * @param {number} milliseconds
   */
  async wait(promise, milliseconds) {
    const timer = setTimeout(() => this.abort(this.#late), milliseconds);
    try {
      return await unlessAborted(promise, this.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops following the other signal. */
  end() {
    this.#other?.removeEventListener("abort", this.#follow);
  }
}
