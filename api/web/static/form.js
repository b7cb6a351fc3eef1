// The form for a new picture: two pickers, a dial, presets and options.

import { runOnce } from "./busy.js";
import { showPlace, turn } from "./dial.js";
import { at } from "./dom.js";
import { OptionFields } from "./options.js";
import { Picker, acceptPastes } from "./picker.js";
import * as service from "./service.js";
import { duration, stem } from "./words.js";

const MAX_STYLES = 8;
const EXAMPLES = {
  content: ["harbour", "still_life"],
  style: ["swirls", "wave", "fire", "cubist", "pointillism", "stained_glass", "ink_wash"],
};

export class NewPicture {
  /** @param {{onSubmit: Function, onKey: Function}} callbacks */
  constructor({ onSubmit, onKey }) {
    this.onKey = onKey;
    this.element = at("new");
    this.content = new Picker(at("content-picker"));
    this.style = new Picker(at("style-picker"), { most: MAX_STYLES });
    this.pickers = [this.content, this.style];
    this.options = new OptionFields(at("more"));
    acceptPastes(this.pickers);
    for (const picker of this.pickers) {
      picker.addExamples(EXAMPLES[picker.field]);
      picker.restore();
    }
    this.weights = null; // of a job whose settings were entered, until the dial is moved
    at("dial").addEventListener("input", () => {
      this.weights = null;
      showPlace(at("dial"), at("dial-value"));
    });
    at("more").addEventListener("toggle", () => at("more").open && this.options.load().catch((error) => this.showError(error)));
    this.element.addEventListener("change", (event) => event.target.name === "preset" && this.showPreset());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      runOnce(at("paint"), () => this.submit(onSubmit));
    });
    this.loadPresets();
  }

  /** Shows the sizes of the presets, and how long a picture takes with each at the moment. */
  async loadPresets() {
    const response = await service.getPresets().catch(() => null);
    if (!response) return;
    this.presets = Object.fromEntries(response.presets.map((preset) => [preset.name, preset]));
    for (const input of this.element.querySelectorAll("input[name=preset]")) {
      const { options, eta_seconds: seconds } = this.presets[input.value];
      input.parentElement.querySelector("small").textContent = [`${options.size} px`, seconds == null ? "" : duration(seconds)].filter(Boolean).join("\n");
    }
    this.showPreset();
  }

  showPreset() {
    this.options.showPreset(this.presets?.[this.preset] ?? null);
  }

  get preset() {
    return new FormData(this.element).get("preset");
  }

  /** The names of the chosen pictures. */
  get names() {
    const [content] = this.content.files.map((file) => stem(file.name));
    return { content, styles: this.style.files.map((file) => stem(file.name)) };
  }

  /** Enters the settings of a job. */
  async enter(options) {
    this.setPreset("standard");
    this.weights = { content_weight: options.content_weight, style_weight: options.style_weight };
    turn(at("dial"), at("dial-value"), service.place(options));
    await this.options.enter(options);
    this.element.scrollIntoView({ block: "start" });
    at("dial").focus({ preventScroll: true });
  }

  setPreset(name) {
    this.element.querySelector(`input[value=${name}]`).checked = true;
    this.showPreset();
  }

  /** Chooses a picture as the photograph. */
  useAsContent(file) {
    this.content.choose([file]);
    this.element.scrollIntoView({ block: "start" });
  }

  async submit(onSubmit) {
    this.clearErrors();
    for (const [picker, words] of [[this.content, "a photograph"], [this.style, "a painting"]]) {
      if (!picker.files.length) {
        picker.showError(`Choose ${words} first.`);
        return picker.input.focus();
      }
    }
    try {
      const submitted = { preset: this.preset, ...this.options.files };
      await onSubmit(this.formData(), { photograph: this.content.files[0], names: this.names, submitted });
    } catch (error) {
      this.showError(error);
    }
  }

  formData() {
    const form = service.formWith(this.weights ?? service.weights(Number(at("dial").value)));
    for (const picker of this.pickers) for (const file of picker.files) form.append(picker.field, file);
    form.append("preset", this.preset);
    this.options.addTo(form);
    return form;
  }

  /** Shows errors next to their causes. */
  showError(error) {
    if (service.needsKey(error)) return this.onKey();
    const { content, style, ...others } = error.fields ?? {};
    if (content) this.content.showError(content);
    if (style) this.style.showError(style);
    const { unplaced, named } = this.options.showErrors(others);
    const sentences = unplaced.map(([name, sentence]) => `${name}: ${sentence}`);
    if (named.length) sentences.push(`Please check: ${named.join(", ")}.`);
    if (!content && !style && !sentences.length) sentences.push(error.message);
    at("form-error").textContent = sentences.join(" ");
    if (content || style) (content ? this.content : this.style).element.scrollIntoView({ block: "nearest" });
    else if (!named.length) at("form-error").scrollIntoView({ block: "nearest" });
  }

  clearErrors() {
    at("form-error").textContent = "";
    for (const picker of this.pickers) picker.showError("");
    this.options.showErrors({});
  }
}
