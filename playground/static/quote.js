// A message in one line: in a notification, and above the message that answers it.

import { avatar, displayName, el, icon } from "./dom.js";
import { richText } from "./richtext.js";

const LONGEST = 140;

/** What the message says, in words alone. */
export function summary({ content, embeds, attachments }, names = {}) {
  const files = attachments?.map((file) => file.filename).join(", ");
  const text = content || embeds?.[0]?.title || embeds?.[0]?.description || files || "";
  const hidden = text.replace(/\|\|.+?\|\|/gs, "▒▒▒");
  const words = richText(hidden, names).map((node) => node.textContent);
  return words.join(" ").slice(0, LONGEST);
}

/** The line above an answer to `message`, null where that is gone; `visit()` goes to it. */
export function quoteLine(message, names, visit) {
  if (message === null) return [icon("reply"), el("em", {}, "The message was deleted.")];
  const about = `Go to the message of ${displayName(message.author)}`;
  return [
    icon("reply"),
    avatar(message.author),
    el("button", { class: "quote", type: "button", "aria-label": about, on: { click: visit } }, el("span", { class: "who" }, displayName(message.author)), " ", summary(message, names)),
  ];
}
