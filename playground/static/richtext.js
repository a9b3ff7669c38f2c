// The markdown tree as DOM nodes.

import { el } from "./dom.js";
import { parse, parseInline } from "./markdown.js";
import { timeMark } from "./time.js";

/** Nodes of a message's or an embed description's text. `names` maps a user's id to the name a mention shows. */
export function richText(text, names = {}) {
  return parse(text).map((block) => renderBlock(block, names));
}

/** Nodes of text that has marks but no blocks: titles, field names. */
export function richLine(text, names = {}) {
  return renderAll(parseInline(text), names);
}

const renderAll = (nodes, names) => nodes.map((node) => renderInline(node, names));

function renderBlock(block, names) {
  switch (block.type) {
    case "heading":
      return el("div", { class: `heading h${block.level}`, role: "heading", "aria-level": block.level + 2 }, renderAll(block.children, names));
    case "small":
      return el("div", { class: "small" }, renderAll(block.children, names));
    case "quote":
      return el("blockquote", {}, block.children.map((child) => renderBlock(child, names)));
    case "code":
      return el("pre", { tabindex: 0 }, el("code", { dataset: { lang: block.lang } }, block.code));
    case "list":
      return renderList(block, names);
    default:
      return el("p", {}, renderAll(block.children, names));
  }
}

function renderList(list, names) {
  const items = list.items.map((item) =>
    el("li", {}, renderAll(item.children, names), item.lists.map((inner) => renderList(inner, names))),
  );
  return list.start === null ? el("ul", {}, items) : el("ol", { start: list.start }, items);
}

function renderInline(node, names) {
  if (typeof node === "string") return document.createTextNode(node);
  switch (node.type) {
    case "inlineCode":
      return el("code", {}, node.code);
    case "time":
      return timeMark(node.unix, node.style);
    case "command":
      return el("span", { class: "mention" }, `/${node.name}`);
    case "mention":
      return el("span", { class: "mention" }, `@${names[node.id] ?? "unknown-user"}`);
    case "link":
      return link(node.url, renderAll(node.children, names));
    case "spoiler":
      return spoiler(renderAll(node.children, names));
    default:
      return el({ strong: "strong", underline: "u", strike: "s", em: "em" }[node.type], {}, renderAll(node.children, names));
  }
}

/** A link that opens apart and tells its target nothing. Only http and https are ever links. */
export function link(url, children, props = {}) {
  if (!/^https?:\/\//i.test(url)) return el("span", props, children);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", ...props }, children);
}

function spoiler(children) {
  const reveal = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    if (node.classList.contains("shown")) return;
    event.preventDefault();
    node.classList.add("shown");
    node.removeAttribute("role");
    node.removeAttribute("aria-label");
  };
  const props = { class: "spoiler", tabindex: 0, role: "button", "aria-label": "Spoiler" };
  const node = el("span", { ...props, on: { click: reveal, keydown: reveal } }, el("span", {}, children));
  return node;
}
