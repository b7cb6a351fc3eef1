// The terms of the objective over the iterations, on a logarithmic scale.

const TERMS = ["total", "content", "style", "tv", "gamut"];
const WORDS = { total: "total", content: "content", style: "style", tv: "variation", gamut: "gamut" };
const DASHES = { total: "1 3", content: "", style: "8 3", tv: "3 3", gamut: "8 3 1 3" };
const HEIGHT = 200, RIGHT = 70, EDGE = 10;
const SVG = "http://www.w3.org/2000/svg";

/** Curves that are extended while a job is painted. */
export class Curves {
  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    this.svg = figure.querySelector("svg");
    this.clear();
    new ResizeObserver(() => this.draw()).observe(this.svg); // also when the details are opened
  }

  clear() {
    this.iterations = [];
    this.marks = [];
    this.terms = Object.fromEntries(TERMS.map((term) => [term, []]));
    this.figure.hidden = true;
  }

  /** Replaces all points. */
  set(curves) {
    this.iterations = [...curves.iterations];
    for (const term of TERMS) this.terms[term] = [...curves[term]];
    this.marks = curves.weights.slice(1).map(({ iteration }) => iteration);
    this.draw();
  }

  /** Adds a point. Earlier points come from `set`. */
  add(iteration, losses) {
    if (!losses || iteration <= (this.iterations.at(-1) ?? 0)) return;
    this.iterations.push(iteration);
    for (const term of TERMS) this.terms[term].push(losses[term]);
    this.draw();
  }

  /** Marks the newest iteration, where the weights were changed. */
  mark() {
    this.marks.push(this.iterations.at(-1) ?? 0);
    this.draw();
  }

  draw() {
    this.figure.hidden = this.iterations.length < 2;
    this.width = this.svg.clientWidth;
    if (this.figure.hidden || !this.width) return;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    // The gamut term falls almost to 0: values below those of the other terms are not drawn.
    const values = TERMS.filter((term) => term !== "gamut")
      .flatMap((term) => this.terms[term]).filter((value) => value > 0);
    this.least = values.reduce((one, other) => Math.min(one, other), Infinity); // too many values for arguments
    const most = values.reduce((one, other) => Math.max(one, other), 0);
    const low = Math.log(this.least), high = Math.log(most);
    const last = this.iterations.at(-1);
    const x = (iteration) => (iteration / last) * (this.width - RIGHT);
    const y = (value) => EDGE + ((high - Math.log(value)) / (high - low || 1)) * (HEIGHT - 2 * EDGE);
    this.svg.replaceChildren(...this.marks.map((iteration) => line(x(iteration))), ...TERMS.map((term) => this.path(term, x, y)), ...this.names(y));
    const labels = TERMS.map((term) => `${WORDS[term]} ${this.terms[term].at(-1)?.toPrecision(3)}`);
    this.svg.setAttribute("aria-label", `After ${last} iterations: ${labels.join(", ")}`);
  }

  shows(value) {
    return value > 0 && value >= this.least;
  }

  path(term, x, y) {
    const points = this.terms[term]
      .map((value, index) => (this.shows(value) ? `${x(this.iterations[index]).toFixed(1)} ${y(value).toFixed(1)}` : null))
      .filter(Boolean);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    path.setAttribute("stroke", `var(--${term})`);
    path.setAttribute("stroke-dasharray", DASHES[term]);
    return path;
  }

  /** The names of the curves, to the right of their ends, without overlap. */
  names(y) {
    const ends = TERMS.filter((term) => this.shows(this.terms[term].at(-1)))
      .map((term) => ({ term, height: y(this.terms[term].at(-1)) }))
      .sort((one, other) => one.height - other.height);
    ends.forEach((end, index) => {
      if (index) end.height = Math.max(end.height, ends[index - 1].height + 14);
    });
    const over = Math.max(0, (ends.at(-1)?.height ?? 0) - (HEIGHT - 4));
    return ends.map(({ term, height }) => {
      const text = document.createElementNS(SVG, "text");
      text.setAttribute("x", this.width - RIGHT + 6);
      text.setAttribute("y", height - over + 4);
      text.textContent = WORDS[term];
      return text;
    });
  }
}

function line(x) {
  const element = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 0, y2: HEIGHT, class: "mark" })) element.setAttribute(name, value);
  return element;
}
