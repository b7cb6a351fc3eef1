// The picture of a job: dimmed photograph, previews, result, the comparison, and a large view.

import { at } from "./dom.js";
import { address } from "./service.js";

export class Canvas {
  constructor() {
    this.requests = 0;
    at("compare").addEventListener("input", (event) => this.compare(event.target.value));
    at("viewer").addEventListener("click", (event) => this.onViewerClick(event));
    document.addEventListener("fullscreenchange", () => this.onFullscreenChange());
    this.clear();
  }

  /** Clears the canvas. Pictures that are still loading are ignored. */
  clear() {
    this.requests++;
    if (at("viewer").open) this.#closeViewer();
    this.photograph = Promise.resolve();
    this.compare(0);
    for (const id of ["after", "before", "compare", "divider"]) at(id).hidden = true;
    URL.revokeObjectURL(at("before").src);
    for (const id of ["after", "before"]) at(id).removeAttribute("src");
    at("canvas").className = "";
    at("canvas").style.removeProperty("--ratio");
    at("blank").hidden = false;
  }

  /** Shows the photograph, dimmed, until there is a picture. Later it can be compared with the picture. */
  setPhotograph(blob) {
    if (blob) this.photograph = this.#loadPhotograph(URL.createObjectURL(blob));
  }

  async #loadPhotograph(url) {
    const image = at("before");
    image.src = url;
    await image.decode().catch(() => {});
    if (image.src !== url || !image.naturalWidth || !at("after").hidden) return;
    image.hidden = false;
    this.#fit(image);
    at("blank").hidden = true;
    at("canvas").classList.add("waiting");
  }

  /**
   * Shows the picture at a path. Returns whether it could be loaded, or undefined if another picture was
   * requested meanwhile.
   */
  async show(path, alt) {
    const request = ++this.requests;
    const image = new Image();
    image.src = await address(path);
    await image.decode().catch(() => {});
    if (this.requests !== request) return undefined;
    if (!image.naturalWidth) return false;
    Object.assign(at("after"), { src: image.src, alt, hidden: false });
    this.#fit(image);
    at("blank").hidden = true;
    at("canvas").classList.remove("waiting");
    return true;
  }

  /** Allows a comparison of the photograph, if there is one, with the picture. */
  async allowComparison() {
    const { photograph } = this;
    await photograph;
    if (this.photograph !== photograph || !at("before").naturalWidth) return;
    at("before").hidden = at("compare").hidden = at("divider").hidden = false;
  }

  /** Shows this percentage of the photograph. */
  compare(share) {
    at("compare").value = share;
    at("canvas").style.setProperty("--shown", `${share}%`);
  }

  /** Shows the picture on the full screen, or page. A click on it toggles between its own size and the window's. */
  enlarge() {
    const viewer = at("viewer");
    viewer.querySelector("img").src = at("after").src;
    viewer.classList.remove("actual");
    viewer.showModal();
    viewer.firstElementChild.requestFullscreen?.().catch(() => {}); // some phones cannot; a dialog itself never can
  }

  onViewerClick(event) {
    const viewer = at("viewer");
    if (event.target.localName !== "img") return this.#closeViewer();
    const { offsetX, offsetY, target } = event;
    const [x, y] = [offsetX / target.clientWidth, offsetY / target.clientHeight];
    viewer.classList.toggle("actual");
    const screen = viewer.firstElementChild;
    screen.scrollTo(x * target.clientWidth - screen.clientWidth / 2, y * target.clientHeight - screen.clientHeight / 2);
  }

  /** When the full screen or the large view ends, ends the other, too. */
  onFullscreenChange() {
    if (!document.fullscreenElement) at("viewer").close();
    else if (!at("viewer").open) document.exitFullscreen();
  }

  #closeViewer() {
    if (document.fullscreenElement) document.exitFullscreen();
    at("viewer").close();
  }

  #fit(image) {
    at("canvas").style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
  }
}
