// The workers, in the footer of the page: a summary, and details of each.

import { create } from "./dom.js";
import { getWorkers } from "./service.js";

const REFRESH_MILLISECONDS = 10_000;

export class WorkersView {
  /**
   * @param {HTMLElement} element
   * @param {() => boolean} isWaiting whether the job that is shown waits for a worker
   */
  constructor(element, isWaiting) {
    this.element = element;
    this.isWaiting = isWaiting;
    element.querySelector("details").addEventListener("toggle", ({ target }) => target.open && this.load());
    this.load();
  }

  /** Shows the running workers. Updates them every few seconds while there are none or a job waits. */
  async load() {
    const response = await getWorkers().catch(() => null);
    this.show(response?.workers);
    clearTimeout(this.again);
    if (response?.workers.length === 0 || this.isWaiting()) this.again = setTimeout(() => this.load(), REFRESH_MILLISECONDS);
  }

  /** @param {object[] | undefined} workers undefined if they cannot be loaded: shows nothing */
  show(workers) {
    const details = this.element.querySelector("details");
    this.element.hidden = !workers;
    this.element.querySelector("p").hidden = workers?.length !== 0;
    details.hidden = !workers?.length;
    if (details.hidden) return;
    details.querySelector("summary").textContent = summarise(workers);
    details.querySelector("ul").replaceChildren(...workers.map((worker) => create("li", {}, describe(worker))));
  }
}

/** “Painted by 3 workers: 2 × NVIDIA H100, 85 GB; CPU, 8 threads, 16 GB” */
function summarise(workers) {
  const counts = new Map();
  for (const worker of workers) counts.set(device(worker), (counts.get(device(worker)) ?? 0) + 1);
  const devices = [...counts].map(([words, count]) => (count === 1 ? words : `${count} × ${words}`));
  return `Painted by ${workers.length} worker${workers.length === 1 ? "" : "s"}: ${devices.join("; ")}`;
}

function describe(worker) {
  const { backbone, backbones, precision, most_pixels: pixels, megapixel_iterations_per_second: rate, is_painting: isPainting } = worker;
  const others = backbones.filter((name) => name !== backbone);
  return [
    device(worker),
    others.length ? `${backbone} (also ${others.join(", ")})` : backbone,
    precision,
    `up to ${round(pixels / 1e6)} megapixels`,
    rate === null ? "" : `${round(rate)} megapixel iterations/s`,
    { true: "painting", false: "idle" }[isPainting],
  ].filter(Boolean).join(" · ");
}

/** The device with its memory, unless its name has it: “NVIDIA H100 80GB HBM3”. */
function device({ device: name, device_memory_bytes: bytes }) {
  return bytes === null || /\d ?GB/.test(name) ? name : `${name}, ${Math.round(bytes / 1e9)} GB`;
}

/** Rounds to two digits. */
const round = (number) => Number(number.toPrecision(2));
