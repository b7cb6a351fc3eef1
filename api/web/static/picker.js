// A field for pictures: chosen from the disk, dropped, pasted, or an example.

import { create } from "./dom.js";
import { fetchFile } from "./download.js";
import * as store from "./store.js";

const READABLE = ["image/jpeg", "image/png", "image/webp", "image/avif"];
const MEGABYTES = Number(document.querySelector("meta[name=upload-limit-megabytes]").content);

/** A sentence on why a file cannot be used, empty if it can. */
export function fileError(file) {
  const type = file.type || "";
  if (/hei[cf]$/i.test(type) || /\.hei[cf]$/i.test(file.name)) {
    return `${file.name} is a HEIC photograph. Send it as JPEG: on an iPhone, Settings › Camera › Formats › Most Compatible.`;
  }
  if (type && !READABLE.includes(type)) { // without a type, the service looks at the content
    return `${file.name} cannot be read as a picture. Use JPEG, PNG, WebP or AVIF.`;
  }
  if (file.size > 1e6 * MEGABYTES) {
    const size = Math.round(file.size / 1e6);
    return `${file.name} has ${size} MB; at most ${MEGABYTES} MB are allowed. Use a smaller copy, as JPEG.`;
  }
  return "";
}

/** The pictures of one field. */
export class Picker {
  /** @param {HTMLElement} element */
  constructor(element, { most = 1 } = {}) {
    this.element = element;
    this.field = element.dataset.field;
    this.most = most;
    this.files = [];
    this.examples = 0; // how many were requested, so that ones that load too late are ignored
    this.input = element.querySelector("input[type=file]");
    this.input.accept = READABLE.join();
    this.addButton = element.querySelector(".add");
    this.input.addEventListener("change", () => {
      this.choose([...this.input.files]);
      this.input.value = "";
    });
    this.addButton?.addEventListener("click", () => this.setAdding(!this.isAdding));
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      element.classList.add("over");
    });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (event) => this.onDrop(event));
  }

  /** Shows the pictures that were chosen before the page was loaded. */
  async restore() {
    const files = await store.chosen(this.field).catch(() => null);
    if (files?.length && !this.files.length) {
      this.files = files;
      this.draw();
    }
  }

  /** Replaces the pictures, or adds to them. Shows an error for the first one that cannot be used. */
  choose(files) {
    const errors = files.map(fileError).filter(Boolean);
    const good = files.filter((file) => !fileError(file));
    const all = [...(this.isAdding ? this.files : []), ...good];
    const tooMany = this.most === 1 ? "Only one photograph: the last one is used." : `At most ${this.most} paintings: the last ones are used.`;
    this.showError(errors[0] ?? (all.length > this.most ? tooMany : ""));
    if (good.length) this.set(all.slice(-this.most));
  }

  set(files) {
    this.examples++;
    this.files = files;
    this.setAdding(false);
    this.draw();
    store.setChosen(this.field, files).catch(() => {}); // a private window may not store files
  }

  get isAdding() {
    return this.addButton?.getAttribute("aria-pressed") === "true";
  }

  /** Sets whether the next picture is added to the chosen ones. */
  setAdding(isAdding) {
    this.addButton?.setAttribute("aria-pressed", String(isAdding));
    this.element.classList.toggle("adding", isAdding);
  }

  showError(sentence) {
    this.element.querySelector(".error").textContent = sentence;
    this.input.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  onDrop(event) {
    event.preventDefault();
    this.element.classList.remove("over");
    const items = [...(event.dataTransfer?.items ?? [])];
    if (items.some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
      this.showError("This is a folder. Drop a picture from it.");
      return;
    }
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) this.choose(files);
    else this.showError("This is not a file. Save the picture first, then drop its file.");
  }

  draw() {
    const list = this.element.querySelector(".chosen");
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(...this.files.map((file) => this.item(file)));
    this.element.classList.toggle("full", this.files.length > 0);
    if (this.addButton) this.addButton.hidden = !this.files.length || this.files.length >= this.most;
    const names = this.files.map((file) => file.name);
    for (const example of this.element.querySelectorAll(".examples button")) {
      example.setAttribute("aria-pressed", String(names.includes(example.dataset.file)));
    }
  }

  item(file) {
    const item = create("li");
    const image = Object.assign(new Image(), { src: URL.createObjectURL(file), alt: file.name });
    image.addEventListener("error", () => this.showError(`${file.name} cannot be shown: it may be damaged.`));
    const remove = create("button", { type: "button", className: "remove" }, "×");
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.addEventListener("click", () => {
      this.set(this.files.filter((each) => each !== file));
      this.input.focus();
    });
    item.append(image, remove);
    return item;
  }

  /** Adds a row of example pictures, each chosen by a click. */
  addExamples(names) {
    const row = this.element.querySelector(".examples");
    for (const name of names) row.append(this.example(name));
  }

  example(name) {
    const words = name.replace("_", " ");
    const path = `web/examples/${this.field}/${name}.jpg`;
    const button = create("button", { type: "button" });
    button.dataset.file = `${words}.jpg`;
    button.setAttribute("aria-label", `Example: ${words}`);
    button.setAttribute("aria-pressed", "false");
    button.append(create("img", { src: path, alt: "", loading: "lazy" }), create("span", {}, words));
    button.addEventListener("click", () => this.chooseExample(path, `${words}.jpg`));
    return button;
  }

  /** Loads an example and chooses it, unless another picture was chosen meanwhile. */
  async chooseExample(path, name) {
    const request = ++this.examples;
    const file = await fetchFile(path, name).catch(() => null);
    if (this.examples !== request) return;
    if (file) this.choose([file]);
    else this.showError(`${name} could not be loaded. Please try again.`);
  }
}

/** Adds pasted pictures to the picker that has the focus, or else to the first empty one. */
export function acceptPastes(pickers) {
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    const focused = pickers.find((picker) => picker.element.contains(document.activeElement));
    (focused ?? pickers.find((picker) => !picker.files.length) ?? pickers[0]).choose(files);
  });
}
