// The fields under “More options”: four common ones, and all others in groups.

import { create } from "./dom.js";
import { getOptions, plain, text } from "./service.js";

/** Options that have no field here, because the form has them elsewhere. */
const FORM_FIELDS = ["content", "style", "content_weight", "style_weight", "preset", "pictures_of"];
/** With `until_fetched`, a picture could be deleted while it is still shown. */
const HIDDEN = ["keep"];
/** Common options, with names and hints for people who do not know the method. */
const COMMON = {
  size: { title: "Size", hint: "The longest side, in pixels." },
  style_scale: { title: "Stroke size", hint: "Above 1 broader, below 1 finer." },
  colour: { title: "Colours", hint: "style and palette: the painting’s. luminance and statistics: the photograph’s." },
  tv_weight: { title: "Smoothness", hint: "More is smoother; 0 turns it off." },
};

/** The name of an API field on the page. */
export const fieldTitle = ({ name, title }) => COMMON[name]?.title ?? title;

export class OptionFields {
  /** @param {HTMLDetailsElement} element */
  constructor(element) {
    this.element = element;
    this.preset = null;
  }

  /** Loads the fields once. */
  async load() {
    const { options } = await getOptions();
    if (!this.inputs().length) this.draw(options);
  }

  draw(options) {
    const others = options.filter(({ name }) => ![...FORM_FIELDS, ...HIDDEN].includes(name) && !(name in COMMON));
    const common = Object.keys(COMMON).map((name) => field(options.find((each) => each.name === name)));
    const groups = [...groupOptions(others)].map(([title, members]) => group(title, members.map(field)));
    const expert = create("details", {}, create("summary", {}, "Expert"), ...groups);
    const reset = create("button", { type: "button", className: "plain" }, "Reset all options");
    reset.addEventListener("click", () => this.reset());
    this.element.querySelector(".options").replaceChildren(grid(common), expert, reset);
    this.showPreset(this.preset);
  }

  /** Shows the values of a preset as the defaults of the fields. */
  showPreset(preset) {
    this.preset = preset;
    if (!preset) return;
    for (const input of this.inputs()) {
      const value = text(preset.options[input.name] ?? input.dataset.default);
      if (input.localName === "select") input.options[0].textContent = value || "not set";
      else if (!["checkbox", "file"].includes(input.type)) input.placeholder = value;
    }
  }

  reset() {
    for (const input of this.inputs()) {
      if (input.type === "checkbox") input.checked = false;
      else input.value = "";
    }
    this.showErrors({});
  }

  /** Enters the options of a job that differ from the preset's. */
  async enter(options) {
    await this.load();
    this.reset();
    for (const input of this.inputs()) {
      if (!(input.name in options) || input.type === "file") continue;
      const value = text(options[input.name]);
      if (value === text(this.preset?.options[input.name])) continue;
      if (input.type === "checkbox") input.checked = options[input.name];
      else if (value !== "image") input.value = value; // the start image is not sent again
      input.closest("details").open = true;
    }
  }

  /** The names of the files that are chosen, by field. */
  get files() {
    const chosen = [...this.inputs()].filter(({ files }) => files?.length);
    return Object.fromEntries(chosen.map(({ name, files }) => [name, [...files].map((file) => file.name)]));
  }

  /** Adds the entered values to a form. The preset sets everything else. */
  addTo(form) {
    for (const input of this.inputs()) {
      if (input.type === "file") for (const file of input.files) form.append(input.name, file);
      else if (input.type === "checkbox" ? input.checked : input.value !== "") form.append(input.name, valueOf(input));
    }
  }

  /** Shows errors beside their fields, and scrolls to the first. Returns those without a field. */
  showErrors(errors) {
    for (const place of this.element.querySelectorAll(".error")) place.textContent = "";
    for (const input of this.inputs()) input.ariaInvalid = null;
    const unplaced = [];
    const invalid = [];
    for (const [name, sentence] of Object.entries(errors)) {
      const place = this.element.querySelector(`#error-${name}`);
      if (!place) {
        unplaced.push([name, sentence]);
        continue;
      }
      place.textContent = sentence;
      invalid.push(this.element.querySelector(`#option-${name}`));
    }
    for (const input of invalid) input.ariaInvalid = "true";
    const [first] = invalid;
    for (let parent = first?.closest("details"); parent; parent = parent.parentElement.closest("details")) parent.open = true;
    first?.focus();
    first?.scrollIntoView({ block: "center" });
    return { unplaced, named: invalid.map((input) => input.dataset.title) };
  }

  inputs() {
    return this.element.querySelectorAll("input, select");
  }
}

function groupOptions(options) {
  const groups = new Map();
  for (const option of options) groups.set(option.group, [...(groups.get(option.group) ?? []), option]);
  return groups;
}

const group = (title, fields) => create("fieldset", {}, create("legend", {}, title), grid(fields));

const grid = (fields) => create("div", { className: "grid" }, ...fields);

function field({ name, title: fullTitle, schema, description, default: fallback }) {
  const title = fieldTitle({ name, title: fullTitle });
  const input = makeInput(schema);
  input.dataset.title = title;
  input.dataset.default = text(fallback);
  const hint = create("small", { id: `hint-${name}`, textContent: COMMON[name]?.hint ?? shorten(description, input) });
  Object.assign(input, { name, id: `option-${name}` });
  input.setAttribute("aria-describedby", hint.id);
  const error = create("span", { className: "error", id: `error-${name}` });
  error.setAttribute("role", "alert");
  return create("label", {}, title, input, error, hint);
}

function makeInput(schema) {
  if (schema.type === "boolean") return create("input", { type: "checkbox", value: "true" });
  if (schema.enum) {
    return create("select", {}, ...["", ...schema.enum].map((choice) => new Option(choice, choice)));
  }
  const input = create("input");
  if ((schema.items ?? schema).format === "binary") {
    return Object.assign(input, { type: "file", accept: "image/*", multiple: schema.type === "array" });
  }
  // A number field hides invalid text from scripts: the preset's value would be used without an error.
  if (schema.type === "integer") input.inputMode = "numeric";
  if (schema.type === "number") input.inputMode = "decimal";
  return input;
}

/** The entered value. A number may have a decimal comma. */
function valueOf(input) {
  return input.inputMode === "decimal" ? input.value.replace(",", ".") : input.value;
}

/** A description without Markdown. For a checkbox or a file, only its first sentence. */
function shorten(description, input) {
  const words = plain(description);
  return ["checkbox", "file"].includes(input.type) ? words.split(/(?<=\.) /)[0] : words;
}
