// The fields of a form: each shows a control, says what is wrong with it, and knows its value.

import { STRING_SELECT, chosen, selectMenu } from "./components.js";
import { el } from "./dom.js";
import { MOST_BYTES, size } from "./media.js";

const TEXT_INPUT = 4;
const FILE_UPLOAD = 19;
const RADIO_GROUP = 21;
const CHECKBOX_GROUP = 22;
const CHECKBOX = 23;
const PARAGRAPH = 2;

const MAKERS = {
  [STRING_SELECT]: select,
  [TEXT_INPUT]: textInput,
  [FILE_UPLOAD]: fileUpload,
  [RADIO_GROUP]: (component) => choices(component, "radio"),
  [CHECKBOX_GROUP]: (component) => choices(component, "checkbox"),
  [CHECKBOX]: checkbox,
};

/**
 * The field of a form's `component`, null if its type is not known. `node` is what to show and `first` the input in it that
 * takes the focus; `complaint()` is "" when all is well; `value()` is text, a list or a boolean, of a file field `files()`.
 */
export const field = (component) => MAKERS[component.type]?.(component) ?? null;

function textInput(component) {
  const { placeholder, min_length: least, max_length: most = 4000 } = component;
  const props = { placeholder, maxlength: most, autocomplete: "off" };
  const node = component.style === PARAGRAPH ? el("textarea", { ...props, rows: 4 }) : el("input", { ...props, type: "text" });
  node.value = component.value ?? "";
  const complaint = () => {
    if (node.value === "") return required(component) ? "Required" : "";
    return least && node.value.length < least ? `At least ${least}` : "";
  };
  return { node, first: node, required: required(component), complaint, value: () => node.value };
}

function select(component) {
  const node = selectMenu(component);
  const value = () => chosen(node);
  return { node, first: node, required: required(component), complaint: () => miscount(component, value().length), value };
}

function fileUpload(component) {
  const node = el("input", { type: "file", multiple: component.max_values > 1 });
  const files = () => [...node.files];
  const complaint = () => {
    const large = files().find((file) => file.size > MOST_BYTES);
    return large ? `${large.name} is over ${size(MOST_BYTES)}` : miscount(component, files().length);
  };
  return { node, first: node, required: required(component), complaint, files };
}

/** A group of radio buttons or of checkboxes. */
function choices(component, type) {
  const inputs = component.options.map((option) =>
    el("input", { type, name: component.custom_id, value: option.value, checked: option.default }),
  );
  const rows = component.options.map((option, index) =>
    el(
      "label",
      { class: "modal-choice" },
      inputs[index],
      el("span", {}, option.label, option.description && el("span", { class: "choice-detail" }, option.description)),
    ),
  );
  const node = el("div", { role: type === "radio" ? "radiogroup" : "group" }, rows);
  const value = () => inputs.filter((input) => input.checked).map((input) => input.value);
  const complaint = () => miscount(component, value().length);
  return { node, first: inputs[0], required: required(component), complaint, value };
}

function checkbox(component) {
  const node = el("input", { type: "checkbox", checked: component.default });
  return { node, first: node, required: false, complaint: () => "", value: () => node.checked };
}

const required = (component) => component.required ?? true;

function miscount(component, count) {
  const { min_values: least = 1, max_values: most = 1 } = component;
  if (count === 0) return required(component) ? "Required" : "";
  if (count < least) return `At least ${least}`;
  return count > most ? `At most ${most}` : "";
}
