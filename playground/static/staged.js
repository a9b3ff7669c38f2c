// The files that wait to go with the next message: a chip each, with its name, its size and a way to take it back.

import { el, icon } from "./dom.js";
import { size } from "./media.js";

/** The most files that Discord takes with one message. */
export const MOST_FILES = 10;
const SHOWN = /^image\/(png|jpeg|gif|webp)$/;

export class Staged {
  #list;
  #chips = [];
  #left;

  /** `list` is the <ul> to fill; `left()` puts the focus somewhere once the last chip was taken away. */
  constructor(list, left) {
    this.#list = list;
    this.#left = left;
  }

  get files() {
    return this.#chips.map((chip) => chip.file);
  }

  /** Add the file; false where there are as many as a message can have. */
  add(file) {
    if (this.#chips.length === MOST_FILES) return false;
    const chip = { file, preview: SHOWN.test(file.type) ? URL.createObjectURL(file) : "" };
    const remove = el(
      "button",
      { class: "round", type: "button", "aria-label": `Remove ${file.name}`, on: { click: () => this.#remove(chip) } },
      icon("close"),
    );
    chip.node = el(
      "li",
      { class: "file staged" },
      chip.preview ? el("img", { src: chip.preview, alt: "" }) : icon("file"),
      el("div", { class: "file-text" }, el("div", { class: "file-name", title: file.name }, file.name), el("div", { class: "file-size" }, size(file.size))),
      remove,
    );
    this.#chips.push(chip);
    this.#list.append(chip.node);
    chip.node.scrollIntoView({ block: "nearest", inline: "nearest" });
    return true;
  }

  /** All files, which wait no more. */
  take() {
    const { files } = this;
    for (const chip of this.#chips) this.#forget(chip);
    this.#chips = [];
    return files;
  }

  #remove(chip) {
    const at = this.#chips.indexOf(chip);
    this.#chips.splice(at, 1);
    this.#forget(chip);
    const next = this.#chips[at] ?? this.#chips.at(-1);
    if (next) next.node.querySelector("button").focus();
    else this.#left();
  }

  #forget(chip) {
    chip.node.remove();
    if (chip.preview) URL.revokeObjectURL(chip.preview);
  }
}
