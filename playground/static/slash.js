// A slash command being filled in: its name, a chip for each option in use, and the rest of its options.

import { askForFile, filled, meaning } from "./chips.js";
import { OptionType, fixedChoices, matching, readOptions } from "./commands.js";
import { el, icon } from "./dom.js";
import { size } from "./media.js";
import { Suggestions } from "./suggestions.js";

export class SlashForm {
  command;
  node;
  #chips = [];
  #listbox;
  #actions;
  #rest;
  #suggestions = new Suggestions();

  /**
   * `actions`: autocomplete(command, option, typed, options) -> promise of [{name, value}], submit(), leave(text) (back to plain
   * text), problem(sentence) (show it, or clear it with "").
   */
  constructor(command, listbox, actions) {
    this.command = command;
    this.#listbox = listbox;
    this.#actions = actions;
    this.#rest = el("input", {
      class: "rest",
      role: "combobox",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      "aria-label": `Options of /${command.name}`,
      autocomplete: "off",
      on: {
        input: () => this.#restTyped(),
        focus: () => this.#offerOptions(),
        blur: () => this.#listbox.hide(),
        keydown: (event) => this.#restKey(event),
      },
    });
    this.node = el("div", { class: "slash", role: "group", "aria-label": `/${command.name}` }, el("span", { class: "slash-name" }, `/${command.name}`), this.#rest);
    command.options.filter((option) => option.required).forEach((option) => this.#add(option));
    this.#count();
  }

  /** Put the cursor where the next thing is to be written. */
  focus() {
    const empty = this.#chips.find((chip) => chip.option.required && !filled(chip));
    (empty?.input ?? this.#rest).focus();
  }

  /** Take over what was written or pasted behind the command's name, as in "data:notes size:tiny". */
  fill(text) {
    const { values, rest } = readOptions(this.command.options, text);
    for (const option of this.command.options) {
      if (option.type === OptionType.ATTACHMENT || !(option.name in values)) continue;
      const { input } = this.#chips.find((chip) => chip.option === option) ?? this.#add(option);
      input.value = values[option.name];
      input.size = Math.max(1, input.value.length);
    }
    this.#rest.value = rest;
  }

  /** {options, files} by option name, or null after showing what is wrong and going there. */
  values() {
    const options = {};
    const files = {};
    for (const chip of this.#chips) {
      const { option } = chip;
      const meant = meaning(chip);
      chip.node.classList.toggle("wrong", "problem" in meant);
      if ("problem" in meant) {
        this.#actions.problem(meant.problem);
        chip.input.focus();
        return null;
      }
      if (option.type === OptionType.ATTACHMENT) files[option.name] = meant.value;
      else options[option.name] = meant.value;
    }
    return { options, files };
  }

  /** Give `file` to the first attachment option that has none; false where the command takes no (more) file. */
  attach(file) {
    const takes = (option) => option.type === OptionType.ATTACHMENT;
    let chip = this.#chips.find((one) => takes(one.option) && !one.file);
    const unused = this.#unused().find(takes);
    if (!chip && unused) chip = this.#add(unused);
    if (!chip) return false;
    this.#setFile(chip, file);
    return true;
  }

  #unused() {
    return this.command.options.filter((option) => !this.#chips.some((chip) => chip.option === option));
  }

  #add(option) {
    const chip = { option, picked: null, file: null, input: null, node: null };
    const id = `option-${option.name}`;
    chip.node = el("span", { class: "chip" }, el("label", { id: `${id}-name`, for: id }, option.name));
    if (option.type === OptionType.ATTACHMENT) this.#addFileInput(chip);
    else this.#addTextInput(chip);
    chip.input.id = id;
    // what a button says, here the file, would otherwise be hidden by its label
    if (chip.input.matches("button")) chip.input.setAttribute("aria-labelledby", `${id}-name ${id}`);
    this.#chips.push(chip);
    this.node.insertBefore(chip.node, this.#rest);
    this.#count();
    return chip;
  }

  #addTextInput(chip) {
    chip.input = el("input", {
      role: "combobox",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      "aria-required": String(Boolean(chip.option.required)),
      autocomplete: "off",
      size: 1,
      on: {
        input: () => {
          chip.picked = null;
          this.#changed(chip);
        },
        focus: () => this.#offerValues(chip),
        blur: () => this.#listbox.hide(),
        keydown: (event) => this.#chipKey(event, chip),
      },
    });
    chip.node.append(chip.input);
    chip.node.addEventListener("click", () => chip.input.focus());
  }

  #addFileInput(chip) {
    const picker = el("input", { type: "file", hidden: true, tabindex: -1 });
    chip.input = el(
      "button",
      { class: "chip-file", type: "button", on: { click: () => picker.click(), keydown: (event) => this.#chipKey(event, chip) } },
    );
    askForFile(chip);
    picker.addEventListener("change", () => picker.files[0] && this.#setFile(chip, picker.files[0]));
    chip.node.append(chip.input, picker);
  }

  #setFile(chip, file) {
    chip.file = file;
    chip.input.replaceChildren(icon("file"), `${file.name} (${size(file.size)})`);
    this.#changed(chip);
    this.focus();
  }

  #changed(chip) {
    chip.node.classList.remove("wrong");
    this.#actions.problem("");
    if (chip.option.type === OptionType.ATTACHMENT) return;
    chip.input.size = Math.max(1, chip.input.value.length);
    this.#offerValues(chip);
  }

  #remove(chip) {
    const index = this.#chips.indexOf(chip);
    this.#chips.splice(index, 1);
    chip.node.remove();
    this.#actions.problem("");
    this.#count();
    this.#rest.focus();
  }

  #count() {
    const { length } = this.#unused();
    this.#rest.placeholder = length ? `+${length} more` : "";
  }

  #offerOptions() {
    const typed = this.#rest.value;
    const options = matching(this.#unused(), typed);
    if (!options.length) {
      this.#listbox.hide();
      return;
    }
    this.#listbox.show(this.#rest, {
      title: "Options",
      hint: this.command.description,
      items: options.map((option) => ({ label: option.name, detail: option.description, option })),
      pick: ({ option }) => this.#use(option),
      first: typed !== "",
    });
  }

  #use(option) {
    this.#rest.value = "";
    this.#add(option).input.focus();
  }

  #restTyped() {
    const named = this.#unused().find((option) => this.#rest.value === `${option.name}:`);
    if (named) this.#use(named);
    else this.#offerOptions();
  }

  #restKey(event) {
    if (this.#listbox.key(event)) return;
    if (event.key === "Backspace" && this.#rest.value === "") {
      event.preventDefault();
      const last = this.#chips.at(-1);
      if (last) last.input.focus();
      else this.#actions.leave(`/${this.command.name}`);
    } else if (event.key === "ArrowLeft" && this.#rest.value === "") {
      this.#chips.at(-1)?.input.focus();
    } else {
      this.#commonKey(event);
    }
  }

  #chipKey(event, chip) {
    // suggestions still on their way must not open again what Escape has closed
    if (event.key === "Escape") this.#suggestions.forget();
    if (this.#listbox.key(event)) return;
    const text = chip.input.value;
    const at = this.#chips.indexOf(chip);
    if (event.key === "Backspace" && text === "") {
      event.preventDefault();
      if (chip.option.required && chip.file) askForFile(chip);
      else if (!chip.option.required) this.#remove(chip);
      else if (at > 0) this.#chips[at - 1].input.focus();
      else this.#actions.leave(`/${this.command.name}`);
    } else if (event.key === "ArrowLeft" && at > 0 && (chip.input.selectionEnd ?? 0) === 0) {
      this.#chips[at - 1].input.focus();
    } else if (event.key === "ArrowRight" && (chip.input.selectionStart ?? text.length) === text.length) {
      (this.#chips[at + 1]?.input ?? this.#rest).focus();
    } else if (event.key !== "Enter" || chip.option.type !== OptionType.ATTACHMENT) {
      this.#commonKey(event);
    }
  }

  #commonKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#actions.submit();
    } else if (event.key === "Escape") {
      this.#actions.leave("");
    }
  }

  #offerValues(chip) {
    const { option, input } = chip;
    const offer = (choices, first, hint = option.description) =>
      this.#listbox.show(input, {
        title: option.name,
        hint,
        items: choices.map((choice) => ({ label: choice.name, choice })),
        pick: ({ choice }) => this.#pick(chip, choice),
        first,
      });
    this.#suggestions.forget();
    const fixed = fixedChoices(option);
    if (fixed) {
      offer(chip.picked ? fixed : matching(fixed, input.value), !chip.picked);
      return;
    }
    offer([], false);
    if (!option.autocomplete || chip.picked) return;
    this.#suggestions.ask(
      () => this.#actions.autocomplete(this.command.name, option.name, input.value, this.#written(chip)),
      ({ choices, hint }) => {
        if (document.activeElement !== input) return;
        // Free text is allowed here: Enter takes the first suggestion only where it continues what was typed.
        const continues = input.value !== "" && choices[0]?.name.toLowerCase().includes(input.value.toLowerCase());
        offer(choices, Boolean(continues), hint);
      },
    );
  }

  #written(except) {
    const written = {};
    for (const chip of this.#chips) {
      if (chip === except || chip.option.type === OptionType.ATTACHMENT || !filled(chip)) continue;
      const meant = meaning(chip);
      if ("value" in meant) written[chip.option.name] = meant.value;
    }
    return written;
  }

  #pick(chip, choice) {
    chip.picked = { value: choice.value };
    chip.input.value = choice.name;
    chip.input.size = Math.max(1, choice.name.length);
    chip.node.classList.remove("wrong");
    this.#actions.problem("");
    this.focus();
  }
}
