// Embeds: the cards a bot puts under its text.

import { el } from "./dom.js";
import { picture } from "./media.js";
import { link, richLine, richText } from "./richtext.js";
import { messageTime } from "./time.js";

const INLINE_IN_A_ROW = 3;
const COLUMNS = 12;

/** The card of one embed. `previous` is the card it replaces: its picture stays until the new one has loaded. */
export function embedCard(embed, names, previous = null) {
  const card = el(
    "article",
    { class: "embed" },
    el(
      "div",
      { class: "embed-main" },
      embed.author && el("div", { class: "embed-author" }, small(embed.author.icon_url), titled(embed.author.name, embed.author.url)),
      embed.title && el("div", { class: "embed-title" }, titled(richLine(embed.title, names), embed.url)),
      embed.description && el("div", { class: "embed-description rich" }, richText(embed.description, names)),
      embed.fields?.length ? fieldGrid(embed.fields, names) : null,
    ),
    embed.thumbnail && el("div", { class: "embed-thumbnail" }, picture(embed.thumbnail, "thumbnail")),
    embed.image && el("div", { class: "embed-image" }, picture(embed.image, embed.title || "image", previous?.querySelector(".embed-image > .picture"))),
    footer(embed),
  );
  if (Number.isInteger(embed.color)) card.style.setProperty("--bar", `#${embed.color.toString(16).padStart(6, "0")}`);
  return card;
}

const titled = (children, url) => (url ? link(url, children) : el("span", {}, children));
const small = (url) => (url ? el("img", { src: url, alt: "" }) : null);

function fieldGrid(fields, names) {
  const spans = fieldSpans(fields);
  const cells = fields.map((field, index) => {
    const cell = el(
      "div",
      { class: "embed-field" },
      el("div", { class: "embed-field-name" }, richLine(field.name, names)),
      el("div", { class: "embed-field-value rich" }, richText(field.value, names)),
    );
    cell.style.setProperty("--span", spans[index]);
    return cell;
  });
  return el("div", { class: "embed-fields" }, cells);
}

/** Columns of twelve for each field: up to three inline neighbours share a row, any other takes it whole. */
export function fieldSpans(fields) {
  const spans = [];
  for (let at = 0; at < fields.length; ) {
    let row = 1;
    if (fields[at].inline) {
      while (row < INLINE_IN_A_ROW && fields[at + row]?.inline) row += 1;
    }
    for (let cell = 0; cell < row; cell += 1) spans.push(COLUMNS / row);
    at += row;
  }
  return spans;
}

function footer(embed) {
  if (!embed.footer && !embed.timestamp) return null;
  return el(
    "div",
    { class: "embed-footer" },
    small(embed.footer?.icon_url),
    el("span", {}, embed.footer?.text, embed.footer && embed.timestamp ? " • " : null, embed.timestamp && messageTime(embed.timestamp)),
  );
}
