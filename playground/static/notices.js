// What the page says beside the conversation: notifications that would have buzzed, typing, the state of the line.

import { avatar, displayName, dots, el, icon } from "./dom.js";
import { summary } from "./quote.js";

const TOAST_MS = 6000;
const TYPING_MS = 10000;

/** Show what a phone would have shown for `message`, in place of the notification before it. */
export function toast(root, message, names) {
  const { author } = message;
  const close = el("button", { class: "round", type: "button", "aria-label": "Dismiss notification" }, icon("close"));
  const node = el(
    "div",
    { class: "toast" },
    avatar(author),
    el("div", { class: "toast-text" }, el("strong", {}, icon("bell"), displayName(author)), el("div", {}, summary(message, names) || "New message")),
    close,
  );
  close.addEventListener("click", () => node.remove());
  root.replaceChildren(node);
  setTimeout(() => node.remove(), TOAST_MS);
}

/** "Spotter is typing…" in `root`, until a message comes or ten seconds pass. */
export class Typing {
  #root;
  #timer = 0;

  constructor(root) {
    this.#root = root;
  }

  start(user) {
    clearTimeout(this.#timer);
    this.#root.replaceChildren(dots(), el("span", {}, el("strong", {}, displayName(user)), " is typing…"));
    this.#timer = setTimeout(() => this.stop(), TYPING_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#root.replaceChildren();
  }
}
