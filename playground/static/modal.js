// The form a bot opens in answer to a command or a button.

import { STRING_SELECT, chosen, selectMenu } from "./components.js";
import { el, icon } from "./dom.js";
import { richText } from "./richtext.js";

const ROW = 1;
const TEXT_INPUT = 4;
const TEXT_DISPLAY = 10;
const LABEL = 18;
const PARAGRAPH = 2;

/** Show `modal`. `submit(values)` gets {custom_id: text or list of values} and returns a promise; its failure is shown in the form. */
export function openModal(modal, submit) {
  const fields = [];
  const problem = el("p", { class: "modal-problem", role: "alert", hidden: true });
  const send = el("button", { class: "button primary", type: "submit" }, "Submit");
  const cancel = el("button", { class: "button plain", type: "button" }, "Cancel");
  const close = el("button", { class: "round", type: "button", "aria-label": "Close" }, icon("close"));
  const form = el(
    "form",
    { method: "dialog", novalidate: true },
    el("header", {}, el("h2", { id: "modal-title" }, modal.title), close),
    el("div", { class: "modal-body" }, modal.components.map((component) => entry(component, fields)), problem),
    el("footer", {}, cancel, send),
  );
  const dialog = el("dialog", { class: "modal", "aria-labelledby": "modal-title" }, form);
  cancel.addEventListener("click", () => dialog.close());
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = fields.filter((field) => !field.check());
    if (wrong.length) {
      wrong[0].control.focus();
      return;
    }
    send.disabled = true;
    try {
      await submit(Object.fromEntries(fields.map((field) => [field.name, field.value()])));
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      send.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  fields[0]?.control.focus();
}

function entry(component, fields) {
  if (component.type === ROW) return component.components.map((inner) => labelled(inner.label, null, inner, fields));
  if (component.type === LABEL) return labelled(component.label, component.description, component.component, fields);
  if (component.type === TEXT_DISPLAY) return el("div", { class: "rich" }, richText(component.content));
  return el("p", { class: "unknown" }, `Component type ${component.type} cannot be shown here.`);
}

function labelled(label, description, component, fields) {
  const id = `modal-${component.custom_id}`;
  const required = component.required ?? true;
  const control = input(component);
  if (!control) return el("p", { class: "unknown" }, `${label}: component type ${component.type} cannot be shown here.`);
  control.id = id;
  const problem = el("span", { class: "field-problem", id: `${id}-problem` });
  control.setAttribute("aria-describedby", problem.id);
  fields.push({
    name: component.custom_id,
    control,
    value: () => (component.type === STRING_SELECT ? chosen(control) : control.value),
    check: () => {
      problem.textContent = complaint(component, required, component.type === STRING_SELECT ? chosen(control) : control.value);
      control.setAttribute("aria-invalid", String(problem.textContent !== ""));
      return problem.textContent === "";
    },
  });
  return el(
    "div",
    { class: "modal-field" },
    el("label", { for: id }, label, required && el("span", { class: "required", "aria-hidden": "true" }, " *"), problem),
    description && el("div", { class: "modal-description" }, description),
    control,
  );
}

function input(component) {
  if (component.type === STRING_SELECT) return selectMenu(component);
  if (component.type !== TEXT_INPUT) return null;
  const props = { placeholder: component.placeholder, maxlength: component.max_length ?? 4000, autocomplete: "off" };
  const control = component.style === PARAGRAPH ? el("textarea", { ...props, rows: 4 }) : el("input", { ...props, type: "text" });
  control.value = component.value ?? "";
  return control;
}

function complaint(component, required, value) {
  if (value.length === 0) return required ? "— Required" : "";
  const least = component.type === STRING_SELECT ? component.min_values : component.min_length;
  return least && value.length < least ? `— At least ${least}` : "";
}
