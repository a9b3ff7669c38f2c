// The form a bot opens in answer to a command or a button.

import { el, icon } from "./dom.js";
import { field } from "./fields.js";
import { richText } from "./richtext.js";

const ROW = 1;
const TEXT_DISPLAY = 10;
const LABEL = 18;

/**
 * Show `modal`. `submit(values, files)` gets {custom_id: text, list of values or boolean} and {custom_id: list of files}, and
 * returns a promise; its failure is shown in the form.
 */
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
    const wrong = fields.filter((one) => !one.check());
    if (wrong.length) {
      wrong[0].first.focus();
      return;
    }
    send.disabled = true;
    try {
      const [files, values] = [fields.filter((one) => one.files), fields.filter((one) => one.value)];
      await submit(
        Object.fromEntries(values.map((one) => [one.name, one.value()])),
        Object.fromEntries(files.map((one) => [one.name, one.files()])),
      );
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      send.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  fields[0]?.first.focus();
}

function entry(component, fields) {
  if (component.type === ROW) return component.components.map((inner) => labelled(inner.label, null, inner, fields));
  if (component.type === LABEL) return labelled(component.label, component.description, component.component, fields);
  if (component.type === TEXT_DISPLAY) return el("div", { class: "rich" }, richText(component.content));
  return el("p", { class: "unknown" }, `Component type ${component.type} cannot be shown here.`);
}

function labelled(label, description, component, fields) {
  const entered = field(component);
  if (!entered) return el("p", { class: "unknown" }, `${label}: component type ${component.type} cannot be shown here.`);
  const { node, first, required } = entered;
  const id = `modal-${component.custom_id}`;
  const problem = el("span", { class: "field-problem", id: `${id}-problem` });
  const name = [label, required && el("span", { class: "required", "aria-hidden": "true" }, " *"), problem];
  // a <label> names one input; a group of them is named from the outside
  const heading = node === first ? el("label", { for: id }, name) : el("div", { class: "modal-label", id: `${id}-label` }, name);
  node.id = id;
  if (node !== first) node.setAttribute("aria-labelledby", heading.id);
  node.setAttribute("aria-describedby", problem.id);
  fields.push({
    name: component.custom_id,
    ...entered,
    check: () => {
      const complaint = entered.complaint();
      problem.textContent = complaint && `— ${complaint}`;
      node.setAttribute("aria-invalid", String(complaint !== ""));
      return complaint === "";
    },
  });
  const shown = node.type === "checkbox" ? "modal-field ticked" : "modal-field";
  return el("div", { class: shown }, heading, description && el("div", { class: "modal-description" }, description), node);
}
