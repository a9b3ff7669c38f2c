// Where the person writes: plain text, or a slash command as soon as one is chosen.

import { matching } from "./commands.js";
import { Listbox } from "./listbox.js";
import { MOST_BYTES, size } from "./media.js";
import { SlashForm } from "./slash.js";
import { MOST_FILES, Staged } from "./staged.js";

const MOST_CHARACTERS = 2000;

export class Composer {
  #parts;
  #actions;
  #listbox;
  #commands = [];
  #form = null;
  #staged;

  /**
   * `parts`: the elements form, text, slot, choices, problem, staged, attach, picker. `actions`: write(text, files) and
   * slash(command, options, files) (promises), autocomplete(command, option, typed, options) -> promise of choices.
   */
  constructor(parts, actions) {
    this.#parts = parts;
    this.#actions = actions;
    this.#listbox = new Listbox(parts.choices);
    this.#staged = new Staged(parts.staged, () => this.focus());
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

  /** Put the cursor where the person would write on. */
  focus() {
    (this.#form ?? this.#parts.text).focus();
  }

  /** What files that are given now are for. */
  get purpose() {
    return this.#form ? `Drop to attach to /${this.#form.command.name}` : "Drop to attach to your message";
  }

  /** Begin the command as if it had been typed and chosen; `options` is what stands behind its name. */
  begin(command, options = "") {
    this.#listbox.hide();
    this.#form?.node.remove();
    this.#form = new SlashForm(command, this.#listbox, {
      autocomplete: this.#actions.autocomplete,
      submit: () => this.#submit(),
      leave: (text) => this.#leave(text),
      problem: (sentence) => this.#problem(sentence),
    });
    for (const file of this.#staged.take()) if (!this.#form.attach(file)) this.#staged.add(file);
    this.#parts.text.hidden = true;
    this.#parts.text.value = "";
    this.#parts.slot.append(this.#form.node);
    this.#form.fill(options);
    this.#problem("");
    this.#form.focus();
  }

  /** Take files that were chosen, dropped or pasted: for the command's attachment option, or for the message. */
  addFiles(files, folders = []) {
    const problems = folders.map((name) => `${name} is a folder. Pack it into a .zip, and attach that.`);
    for (const file of files) problems.push(this.#addFile(file));
    this.#problem(problems.filter(Boolean).join(" "));
    if (files.length) this.focus();
  }

  /** What is wrong with the file, "" if it was taken. */
  #addFile(file) {
    if (file.size > MOST_BYTES) return `${file.name} is ${size(file.size)}: Discord takes files up to ${size(MOST_BYTES)}. Choose a smaller one.`;
    if (this.#form) return this.#form.attach(file) ? "" : `/${this.#form.command.name} takes no more files.`;
    return this.#staged.add(file) ? "" : `${file.name} was left out: a message takes ${MOST_FILES} files. Send it with the next one.`;
  }

  #typed() {
    const { text } = this.#parts;
    this.#problem(text.value.length > MOST_CHARACTERS ? `${text.value.length - MOST_CHARACTERS} characters too many.` : "");
    text.style.setProperty("height", "auto");
    text.style.setProperty("height", `${text.scrollHeight}px`);
    const named = this.#commands.find((command) => text.value.startsWith(`/${command.name} `));
    if (named) this.begin(named, text.value.slice(named.name.length + 2));
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
    const { files } = this.#staged;
    if (text.length > MOST_CHARACTERS || (!text && !files.length)) return;
    const attempt = /^\/[\w-]/.test(text) && this.#commands.length > 0 && !files.length;
    if (attempt) {
      this.#problem(`No command is called ${text.split(/\s/, 1)[0]}. Type / to see them all.`);
      return;
    }
    this.#parts.text.value = "";
    this.#staged.take();
    this.#typed();
    try {
      await this.#actions.write(text, files);
    } catch (error) {
      this.#giveBack(text, files);
      this.#problem(error.message);
    }
  }

  /** What could not be sent stands there again, unless something else does by now. */
  #giveBack(text, files) {
    if (this.#form || this.#parts.text.value !== "" || this.#staged.files.length) return;
    this.#parts.text.value = text;
    for (const file of files) this.#staged.add(file);
  }
}
