// The list that opens above the composer: commands, options, choices. Focus stays in the input; the list follows its keys.

import { el } from "./dom.js";

export class Listbox {
  #root;
  #input = null;
  #items = [];
  #active = -1;
  #pick = null;
  #list = null;

  /** `root` is the box to fill; it is hidden while nothing is offered. */
  constructor(root) {
    this.#root = root;
    // a press on the list leaves the focus in the input
    root.addEventListener("mousedown", (event) => event.preventDefault());
  }

  get open() {
    return this.#input !== null;
  }

  /** The item that Enter would take, or null. */
  get active() {
    return this.#items[this.#active] ?? null;
  }

  /**
   * Offer `items` ({label, detail}) to `input`; `pick(item)` is called for the one taken. `first` highlights the first one, so
   * that Enter takes it; without it Enter is the input's own until an arrow key is used.
   */
  show(input, { title, hint = "", items, pick, first = false }) {
    if (this.#input && this.#input !== input) this.hide();
    this.#input = input;
    this.#items = items;
    this.#pick = pick;
    const heading = el("div", { class: "listbox-title" }, el("strong", {}, title), hint && el("span", {}, hint));
    const options = items.map((item, index) =>
      el(
        "li",
        { role: "option", id: `choice-${index}`, "aria-selected": "false", on: { click: () => this.#pick(items[index]) } },
        el("span", { class: "choice-label" }, item.label),
        item.detail && el("span", { class: "choice-detail" }, item.detail),
      ),
    );
    this.#list = el("ul", { role: "listbox", id: "choices", "aria-label": title }, options);
    this.#root.replaceChildren(heading, items.length ? this.#list : "");
    this.#root.hidden = false;
    input.setAttribute("aria-controls", "choices");
    if (input.getAttribute("role") === "combobox") input.setAttribute("aria-expanded", String(items.length > 0));
    this.#highlight(first && items.length ? 0 : -1);
  }

  hide() {
    if (!this.#input) return;
    this.#input.removeAttribute("aria-activedescendant");
    if (this.#input.getAttribute("role") === "combobox") this.#input.setAttribute("aria-expanded", "false");
    this.#input = null;
    this.#items = [];
    this.#active = -1;
    this.#root.hidden = true;
  }

  /** Handle a key of the input; true where the list used it. */
  key(event) {
    if (!this.open || event.isComposing) return false;
    const count = this.#items.length;
    if (event.key === "Escape") {
      this.hide();
    } else if (event.key === "ArrowDown" && count) {
      this.#highlight((this.#active + 1) % count);
    } else if (event.key === "ArrowUp" && count) {
      this.#highlight((Math.max(this.#active, 0) - 1 + count) % count);
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && this.active) {
      this.#pick(this.active);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  #highlight(index) {
    const options = this.#list.children;
    options[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = index;
    options[index]?.setAttribute("aria-selected", "true");
    options[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) this.#input.setAttribute("aria-activedescendant", `choice-${index}`);
    else this.#input.removeAttribute("aria-activedescendant");
  }
}
