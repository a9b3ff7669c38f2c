// What the chip of an option holds: {option, picked, file, input, node}.

import { OptionType, interpret } from "./commands.js";
import { icon } from "./dom.js";

const isFile = (chip) => chip.option.type === OptionType.ATTACHMENT;

export const filled = (chip) => (isFile(chip) ? chip.file !== null : chip.input.value !== "");

/** {value}, or the {problem} with what was written or left out. */
export function meaning(chip) {
  if (!isFile(chip)) return chip.picked ?? interpret(chip.option, chip.input.value);
  return chip.file ? { value: chip.file } : { problem: `${chip.option.name}: this option is required. Choose a file.` };
}

export function askForFile(chip) {
  chip.file = null;
  chip.input.replaceChildren(icon("plus"), "Choose or drop a file");
}
