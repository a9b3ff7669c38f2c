// Buttons and select menus under a message.

import { el, icon } from "./dom.js";
import { link } from "./richtext.js";

const ROW = 1;
const BUTTON = 2;
export const STRING_SELECT = 3;
const LINK_STYLE = 5;
const MOST_ROWS = 6;
// What has not failed after three seconds is acknowledged: the rest of the answer does not hold the button.
const ACKNOWLEDGED_MS = 3500;
const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "secondary" };

/**
 * Nodes for a message's component tree. `act.click(customId)` and `act.select(customId, values)` return promises; while one
 * is open, the component shows that it is busy.
 */
export function componentRows(components, act) {
  return components.map((row) =>
    row.type === ROW
      ? el("div", { class: "component-row" }, row.components.map((item) => component(item, act)))
      : component(row, act),
  );
}

function component(item, act) {
  if (item.type === BUTTON) return button(item, act);
  if (item.type === STRING_SELECT) {
    const menu = selectMenu(item, (values) => busy(menu, act.select(item.custom_id, values)));
    menu.setAttribute("aria-label", item.placeholder || "Make a selection");
    return el("div", { class: "select" }, menu, icon("down"));
  }
  return el("div", { class: "unknown" }, `Component type ${item.type} cannot be shown here.`);
}

function button(item, act) {
  const content = [emoji(item.emoji), item.label && el("span", {}, item.label)];
  const look = `button ${STYLES[item.style] ?? "secondary"}`;
  if (item.style === LINK_STYLE) return link(item.url, [...content, icon("external")], { class: look });
  const node = el("button", { class: look, type: "button", disabled: item.disabled, dataset: { customId: item.custom_id } }, content);
  node.addEventListener("click", () => busy(node, act.click(item.custom_id)));
  return node;
}

function emoji(value) {
  return value ? el("span", { class: "emoji" }, value.id ? `:${value.name}:` : value.name) : null;
}

async function busy(node, work) {
  node.disabled = true;
  node.setAttribute("aria-busy", "true");
  await Promise.race([work, new Promise((resolve) => setTimeout(resolve, ACKNOWLEDGED_MS))]);
  node.disabled = false;
  node.removeAttribute("aria-busy");
}

/** A native select of a string select menu, still without a label; `onChange(values)` is called when the choice is made. */
export function selectMenu(item, onChange = () => {}) {
  const several = (item.max_values ?? 1) > 1;
  const placeholder = several ? null : el("option", { value: "", disabled: true, hidden: true }, item.placeholder || "Make a selection");
  const options = item.options.map((option) =>
    el(
      "option",
      { value: option.value, selected: option.default, title: option.description },
      [option.emoji?.name, option.label, option.description && `— ${option.description}`].filter(Boolean).join(" "),
    ),
  );
  const size = several ? Math.min(item.options.length, MOST_ROWS) : null;
  const props = { multiple: several, size, disabled: item.disabled, dataset: { customId: item.custom_id } };
  const select = el("select", props, placeholder, options);
  if (placeholder && !item.options.some((option) => option.default)) placeholder.selected = true;
  let changed = false;
  const tell = () => {
    if (changed) onChange(chosen(select));
    changed = false;
  };
  select.addEventListener("change", () => {
    changed = true;
    if (!several) tell();
  });
  // several are chosen one by one, and done when the person goes elsewhere
  select.addEventListener("blur", tell);
  return select;
}

/** The values chosen in a select, without its placeholder. */
export const chosen = (select) => [...select.selectedOptions].map((option) => option.value).filter(Boolean);
