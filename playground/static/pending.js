// Commands on their way: "Sending command…" until the bot's answer is there, or what Discord says where none comes.

import { displayName, dots, el, icon } from "./dom.js";

export class Pending {
  #list;
  #rows = [];

  /** `list` is the <ol> under the messages. */
  constructor(list) {
    this.#list = list;
  }

  /** Show the command as sent by `person`. */
  add(person, command) {
    const status = el("p", { class: "pending-status", role: "status" }, dots(), "Sending command…");
    const node = el(
      "li",
      { class: "pending" },
      el("div", { class: "part-used" }, icon("reply"), el("span", { class: "who" }, displayName(person)), " used ", el("span", { class: "mention" }, `/${command}`)),
      status,
    );
    const row = { command, node, status };
    this.#rows.push(row);
    this.#list.append(node);
    return row;
  }

  /** The answer is there. */
  remove(row) {
    row.node.remove();
    this.#rows = this.#rows.filter((other) => other !== row);
  }

  /** A message answers `command`: the oldest row for it has served. */
  answered(command) {
    const row = this.#rows.find((one) => one.command === command);
    if (row) this.remove(row);
  }

  fail(row, sentence) {
    if (!this.#rows.includes(row)) this.#list.append(row.node);
    row.node.classList.add("failed");
    const dismiss = el("button", { class: "text-link", type: "button", on: { click: () => row.node.remove() } }, "Dismiss");
    row.status.replaceChildren(icon("warning"), el("span", {}, sentence), " • ", dismiss);
    this.#rows = this.#rows.filter((other) => other !== row);
  }
}
