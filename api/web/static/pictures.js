// A well that pictures fall into: picked, dropped, pasted, or clicked among the examples.

const READABLE = ["image/jpeg", "image/png", "image/webp", "image/avif"];
const MEGABYTES = Number(document.querySelector("meta[name=upload-limit-megabytes]").content);

/** Why a file cannot be taken, in words; nothing where it can. */
export function faultOf(file) {
  const kind = file.type || "";
  if (/hei[cf]$/i.test(kind) || /\.hei[cf]$/i.test(file.name)) {
    return `${file.name} is a HEIC photograph. Send it as JPEG: on an iPhone, Settings › Camera › Formats › Most Compatible.`;
  }
  if (kind && !READABLE.includes(kind)) { // without a kind, the service looks what is in it
    return `${file.name} cannot be read as a picture. Use JPEG, PNG, WebP or AVIF.`;
  }
  if (file.size > 1e6 * MEGABYTES) {
    const size = Math.round(file.size / 1e6);
    return `${file.name} has ${size} MB; at most ${MEGABYTES} MB are taken. A smaller copy as JPEG will do.`;
  }
  return "";
}

/** One field of pictures. */
export class Well {
  /** @param {HTMLElement} element */
  constructor(element, { most = 1, onChange = () => {} } = {}) {
    this.element = element;
    this.field = element.dataset.field;
    this.most = most;
    this.files = [];
    this.onChange = onChange;
    this.input = element.querySelector("input[type=file]");
    this.input.addEventListener("change", () => {
      this.take([...this.input.files]);
      this.input.value = "";
    });
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      element.classList.add("over");
    });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (event) => this.dropped(event));
  }

  /** Adds pictures; reports the first one that cannot be used. */
  take(files) {
    const faults = files.map(faultOf).filter(Boolean);
    const good = files.filter((file) => !faultOf(file));
    const all = [...(this.most === 1 ? [] : this.files), ...good];
    const tooMany = this.most === 1 ? "One photograph is taken: the last." : `At most ${this.most} are taken: the last ones.`;
    this.tell(faults[0] ?? (all.length > this.most ? tooMany : ""));
    if (good.length) {
      this.files = all.slice(-this.most);
      this.show();
    }
  }

  /** Says what is wrong with what was chosen. */
  tell(sentence) {
    this.element.querySelector(".fault").textContent = sentence;
    this.input.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  dropped(event) {
    event.preventDefault();
    this.element.classList.remove("over");
    const items = [...(event.dataTransfer?.items ?? [])];
    if (items.some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
      this.tell("This is a folder. Drop a picture out of it.");
      return;
    }
    this.take([...(event.dataTransfer?.files ?? [])]);
  }

  show() {
    const list = this.element.querySelector(".chosen");
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(...this.files.map((file) => this.shown(file)));
    this.element.classList.toggle("full", this.files.length > 0);
    this.onChange();
  }

  shown(file) {
    const item = document.createElement("li");
    const image = Object.assign(new Image(), { src: URL.createObjectURL(file), alt: file.name });
    image.addEventListener("error", () => this.tell(`${file.name} cannot be shown: it may be damaged.`));
    const remove = document.createElement("button");
    Object.assign(remove, { type: "button", textContent: "×" });
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.addEventListener("click", () => {
      this.files = this.files.filter((each) => each !== file);
      this.show();
      this.input.focus();
    });
    item.append(image, remove);
    return item;
  }
}

/** Pictures that are pasted go to the first well that is empty, or to the one in which one pastes. */
export function takePastes(wells) {
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    const here = wells.find((well) => well.element.contains(document.activeElement));
    (here ?? wells.find((well) => !well.files.length) ?? wells[0]).take(files);
  });
}

/** A row of example pictures, each taken by a click. */
export function showExamples(well, names) {
  const row = well.element.querySelector(".examples");
  for (const name of names) {
    const words = name.replace("_", " ");
    const button = Object.assign(document.createElement("button"), { type: "button" });
    const path = `web/examples/${well.field}/${name}.jpg`;
    button.append(Object.assign(new Image(), { src: path, alt: `Example: ${words}`, loading: "lazy" }));
    button.addEventListener("click", async () => {
      const blob = await (await fetch(path)).blob();
      well.take([new File([blob], `${words}.jpg`, { type: "image/jpeg" })]);
    });
    row.append(button);
  }
}

/** A smaller JPEG of a picture, on white; null where the browser cannot make one. */
export async function reduced(blob, longestSide) {
  try {
    const bitmap = await createImageBitmap(blob);
    const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "white"; // behind what is transparent, as in every JPEG of the service
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.8));
  } catch {
    return null;
  }
}
