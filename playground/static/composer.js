// Where the person writes: plain text, or a slash command as soon as one is chosen.

import { matching } from "./commands.js";
import { el, icon } from "./dom.js";
import { Listbox } from "./listbox.js";
import { MOST_BYTES, size } from "./media.js";
import { SlashForm } from "./slash.js";

const MOST_CHARACTERS = 2000;

export class Composer {
  #parts;
  #actions;
  #listbox;
  #commands = [];
  #form = null;
  #file = null;

  /**
   * `parts`: the elements form, text, slot, choices, problem, staged, attach, picker. `actions`: write(text, file) and
   * slash(command, options, files) (promises), autocomplete(command, option, typed, options) -> promise of choices.
   */
  constructor(parts, actions) {
    this.#parts = parts;
    this.#actions = actions;
    this.#listbox = new Listbox(parts.choices);
    const { form, text, attach, picker } = parts;
    text.addEventListener("input", () => this.#typed());
    text.addEventListener("keydown", (event) => this.#key(event));
    text.addEventListener("focus", () => this.#offerCommands());
    text.addEventListener("blur", () => this.#listbox.hide());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    attach.addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      this.addFiles(picker.files);
      picker.value = "";
    });
    form.addEventListener("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.addFiles(event.clipboardData.files);
    });
  }

  /** The commands a person can call, as {name: "trainer train", description, options}. A form for one that is gone is left. */
  set commands(commands) {
    this.#commands = commands;
    if (this.#form && !commands.some((command) => command.name === this.#form.command.name)) this.#leave("");
  }

  /** Begin the command as if it had been typed and chosen. */
  begin(command) {
    this.#listbox.hide();
    this.#form?.node.remove();
    this.#form = new SlashForm(command, this.#listbox, {
      autocomplete: this.#actions.autocomplete,
      submit: () => this.#submit(),
      leave: (text) => this.#leave(text),
      problem: (sentence) => this.#problem(sentence),
    });
    if (this.#file) this.#stage(this.#form.attach(this.#file) ? null : this.#file);
    this.#parts.text.hidden = true;
    this.#parts.text.value = "";
    this.#parts.slot.append(this.#form.node);
    this.#problem("");
    this.#form.focus();
  }

  /** Take files that were chosen, dropped or pasted: for the command's attachment option, or for the message. */
  addFiles(files) {
    this.#problem("");
    for (const file of files) {
      if (file.size > MOST_BYTES) {
        this.#problem(`${file.name} is ${size(file.size)}: Discord takes files up to ${size(MOST_BYTES)}. Choose a smaller one.`);
      } else if (!this.#form) {
        this.#stage(file);
        this.#parts.text.focus();
      } else if (!this.#form.attach(file)) {
        this.#problem(`/${this.#form.command.name} takes no more files.`);
      }
    }
  }

  #stage(file) {
    this.#file = file;
    const remove = () => this.#stage(null);
    const card =
      file &&
      el(
        "div",
        { class: "file staged" },
        icon("file"),
        el("div", { class: "file-text" }, file.name, el("div", { class: "file-size" }, size(file.size))),
        el("button", { class: "round", type: "button", "aria-label": `Remove ${file.name}`, on: { click: remove } }, icon("close")),
      );
    this.#parts.staged.replaceChildren(...(card ? [card] : []));
  }

  #typed() {
    const { text } = this.#parts;
    this.#problem(text.value.length > MOST_CHARACTERS ? `${text.value.length - MOST_CHARACTERS} characters too many.` : "");
    text.style.setProperty("height", "auto");
    text.style.setProperty("height", `${text.scrollHeight}px`);
    const named = text.value.endsWith(" ") && this.#commands.find((command) => text.value === `/${command.name} `);
    if (named) this.begin(named);
    else this.#offerCommands();
  }

  #offerCommands() {
    const { text } = this.#parts;
    const found = text.value.startsWith("/") && !text.value.includes("\n") ? matching(this.#commands, text.value.slice(1)) : [];
    if (!found.length) {
      this.#listbox.hide();
      return;
    }
    this.#listbox.show(text, {
      title: text.value === "/" ? "Commands" : `Commands matching ${text.value}`,
      items: found.map((command) => ({ label: `/${command.name}`, detail: command.description, command })),
      pick: ({ command }) => this.begin(command),
      first: true,
    });
  }

  #key(event) {
    if (this.#listbox.key(event) || event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    }
  }

  #leave(text) {
    this.#listbox.hide();
    this.#form.node.remove();
    this.#form = null;
    this.#problem("");
    this.#parts.text.hidden = false;
    this.#parts.text.value = text;
    this.#parts.text.focus();
    this.#typed();
  }

  #problem(sentence) {
    this.#parts.problem.textContent = sentence;
    this.#parts.problem.hidden = sentence === "";
  }

  #submit() {
    if (this.#form) this.#submitCommand();
    else this.#submitText();
  }

  #submitCommand() {
    const values = this.#form.values();
    if (!values) return;
    const { name } = this.#form.command;
    this.#leave("");
    this.#actions.slash(name, values.options, values.files);
  }

  async #submitText() {
    const text = this.#parts.text.value.trim();
    const file = this.#file;
    if (text.length > MOST_CHARACTERS || (!text && !file)) return;
    const attempt = /^\/[\w-]/.test(text) && this.#commands.length > 0 && !file;
    if (attempt) {
      this.#problem(`No command is called ${text.split(/\s/, 1)[0]}. Type / to see them all.`);
      return;
    }
    this.#parts.text.value = "";
    this.#stage(null);
    this.#typed();
    try {
      await this.#actions.write(text, file ? [file] : []);
    } catch (error) {
      if (!this.#form && this.#parts.text.value === "") this.#parts.text.value = text;
      this.#problem(error.message);
    }
  }
}
