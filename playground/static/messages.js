// The conversation: one row per message, changed in place, and the scroll position that goes with it.

import { componentRows } from "./components.js";
import { avatar, displayName, dots, el, icon } from "./dom.js";
import { embedCard } from "./embeds.js";
import { attachments } from "./media.js";
import { quoteLine } from "./quote.js";
import { richText } from "./richtext.js";
import { day, messageTime } from "./time.js";

const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;
const SILENT = 1 << 12;
const GROUP_MS = 7 * 60 * 1000;
const NEAR_END_PX = 48;

const SLASH = 2;

export class MessageList {
  #scroller;
  #list;
  #pill;
  #rows = new Map();
  #actions;
  #names = {};
  #atEnd = true;
  #lastTop = 0;
  #unseen = 0;

  /**
   * `scroller` is the box that scrolls, `list` the <ol> in it, `pill` the button that leads to new messages. `actions`:
   * click(message, customId), select(message, customId, values), dismiss(message): promises that reject with what to show.
   */
  constructor(scroller, list, pill, actions) {
    this.#scroller = scroller;
    this.#list = list;
    this.#pill = pill;
    this.#actions = actions;
    scroller.addEventListener("scroll", () => this.#scrolled());
    new ResizeObserver(() => this.#keepEnd()).observe(list);
    new ResizeObserver(() => this.#keepEnd()).observe(scroller);
    pill.addEventListener("click", () => this.toEnd());
  }

  /** Show exactly these messages; rows that stay are changed in place. `names` maps user ids to names. */
  reset(messages, names) {
    this.#names = names;
    const kept = new Set(messages.map((message) => message.id));
    for (const id of [...this.#rows.keys()]) if (!kept.has(id)) this.remove(id);
    for (const message of messages) this.put(message, { seen: true });
  }

  get names() {
    return this.#names;
  }

  /** The user of that id is called `name` in what is drawn from now on. */
  know(id, name) {
    this.#names[id] = name;
  }

  /** Add the message, or change the row it already has. */
  put(message, { seen = false } = {}) {
    // the event of a scroll comes a frame later than the scroll
    this.#scrolled();
    let row = this.#rows.get(message.id);
    if (row) {
      row.update(message, this.#names);
    } else {
      row = new Row(this.#actions);
      row.update(message, this.#names);
      this.#rows.set(message.id, row);
      const later = [...this.#list.children].find((node) => isLater(node.dataset.id, message.id));
      this.#list.insertBefore(row.node, later ?? null);
      if (!this.#atEnd && !seen) this.#announce(this.#unseen + 1);
    }
    this.#quote(message.id);
    this.#regroup();
    this.#keepEnd();
  }

  remove(id) {
    this.#rows.get(id)?.node.remove();
    this.#rows.delete(id);
    this.#quote(id);
    this.#regroup();
  }

  /** Show the message of that id as it is now above the messages that answer it, and above it the one it answers itself. */
  #quote(id) {
    for (const row of this.#rows.values()) {
      const answered = row.message.message_reference?.message_id;
      if (answered && (answered === id || row.message.id === id)) {
        const quoted = this.#rows.get(answered);
        row.quote(quoted?.message ?? null, this.#names, () => this.#visit(quoted.node));
      }
    }
  }

  #visit(node) {
    node.scrollIntoView({ block: "center" });
    node.classList.remove("visited");
    // read, so that the animation begins anew
    void node.offsetWidth;
    node.classList.add("visited");
  }

  /** The bot never answered `interaction`: the message that waits for it says `sentence`. */
  fail(interaction, sentence) {
    for (const row of this.#rows.values()) {
      if (row.message.flags & LOADING && row.message.interaction_metadata.id === interaction) row.fail(sentence);
    }
  }

  get empty() {
    return this.#rows.size === 0;
  }

  toEnd() {
    this.#atEnd = true;
    this.#keepEnd();
    this.#announce(0);
  }

  #regroup() {
    let previous = null;
    for (const node of this.#list.children) {
      const row = this.#rows.get(node.dataset.id);
      row.follow(previous);
      previous = row.message;
    }
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    // only the person scrolls up: a conversation that grows moves away from the end by itself
    if (near) this.#announce(0);
    if (near || scrollTop < this.#lastTop) this.#atEnd = near;
    this.#lastTop = scrollTop;
  }

  #keepEnd() {
    if (!this.#atEnd) return;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #announce(unseen) {
    this.#unseen = unseen;
    this.#pill.hidden = unseen === 0;
    this.#pill.querySelector("span").textContent = unseen === 1 ? "1 new message" : `${unseen} new messages`;
  }
}

// Snowflakes are decimal and do not fit a double.
const isLater = (id, than) => (id.length === than.length ? id > than : id.length > than.length);

class Row {
  message = null;
  #actions;
  #parts = {};
  #problem = el("p", { class: "failure", role: "alert", hidden: true });
  node = el("li", { class: "message" });

  constructor(actions) {
    this.#actions = actions;
    for (const name of ["divider", "used", "avatar", "head", "content", "attachments", "embeds", "components", "note"]) {
      this.#parts[name] = { node: el("div", { class: `part-${name}` }), key: "" };
    }
    const { divider, used, avatar: face, head, content, attachments, embeds, components, note } = this.#parts;
    const body = el("div", { class: "body" }, head.node, content.node, attachments.node, embeds.node, components.node, this.#problem, note.node);
    this.node.append(divider.node, used.node, face.node, body);
  }

  /** Only the parts whose value changed are drawn again, so that focus, spoilers and pictures stay. */
  update(message, names) {
    this.message = message;
    const flags = message.flags ?? 0;
    this.node.dataset.id = message.id;
    this.node.classList.toggle("ephemeral", Boolean(flags & EPHEMERAL));
    if (!message.message_reference) {
      this.#draw("used", message.interaction_metadata ?? null, (metadata) => metadata && usedLine(metadata, message));
    }
    this.#draw("avatar", message.author, avatar);
    this.#draw("head", [message.author, message.timestamp, flags & SILENT], () => headLine(message));
    this.#draw("content", [message.content, flags & LOADING], () => contentOf(message, names));
    if (message.edited_timestamp) markEdited(this.#parts.content.node);
    this.#draw("attachments", message.attachments, attachments);
    this.#draw("embeds", message.embeds, (embeds, old) => embeds.map((embed, index) => embedCard(embed, names, old[index])));
    this.#drawComponents(message.components ?? []);
    this.#draw("note", flags & EPHEMERAL, (ephemeral) => ephemeral && ephemeralNote(() => this.#attempt(this.#actions.dismiss(this.message))));
  }

  /** Show above the message which one it answers; null if that is gone. */
  quote(message, names, visit) {
    this.#draw("used", [message, names], () => quoteLine(message, names, visit));
  }

  fail(sentence) {
    this.#parts.content.node.replaceChildren();
    this.#tell(sentence);
  }

  #tell(sentence) {
    this.#problem.textContent = sentence;
    this.#problem.hidden = sentence === "";
  }

  /** Wait for `work`, and show under the message why it failed. */
  #attempt(work) {
    this.#tell("");
    return work.catch((error) => this.#tell(error.message));
  }

  /** Fold the row into the one before it where the same author wrote both, and begin a new day where it is one. */
  follow(previous) {
    const { message } = this;
    const newDay = !previous || day(previous.timestamp) !== day(message.timestamp);
    const folded =
      !newDay &&
      !message.interaction_metadata &&
      !message.message_reference &&
      previous.author.id === message.author.id &&
      (previous.flags & (EPHEMERAL | SILENT)) === (message.flags & (EPHEMERAL | SILENT)) &&
      new Date(message.timestamp) - new Date(previous.timestamp) < GROUP_MS;
    this.node.classList.toggle("folded", folded);
    this.#draw("divider", newDay && day(message.timestamp), (text) => text && el("span", {}, text));
  }

  #draw(name, value, render) {
    const part = this.#parts[name];
    const key = JSON.stringify(value) ?? "";
    if (part.key === key) return;
    part.key = key;
    const drawn = render(value, [...part.node.children]);
    part.node.replaceChildren(...[drawn].flat().filter(Boolean));
  }

  #drawComponents(components) {
    const focused = this.#parts.components.node.contains(document.activeElement) ? document.activeElement.dataset.customId : null;
    const act = {
      click: (customId) => this.#attempt(this.#actions.click(this.message, customId)),
      select: (customId, values) => this.#attempt(this.#actions.select(this.message, customId, values)),
    };
    this.#draw("components", components, (rows) => componentRows(rows, act));
    if (focused) this.#parts.components.node.querySelector(`[data-custom-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

function usedLine(metadata, message) {
  const name = message.interaction?.name ?? metadata.name;
  if (metadata.type !== SLASH || !name) return null;
  return [
    icon("reply"),
    avatar(metadata.user),
    el("span", { class: "who" }, displayName(metadata.user)),
    " used ",
    el("span", { class: "mention" }, `/${name}`),
  ];
}

function headLine(message) {
  return [
    el("span", { class: message.author.bot ? "author bot" : "author" }, displayName(message.author)),
    message.author.bot && el("span", { class: "tag" }, "APP"),
    messageTime(message.timestamp),
    (message.flags & SILENT) !== 0 && el("span", { class: "silent", title: "This was a @silent message.", role: "img", "aria-label": "Silent message" }, icon("bellOff")),
  ];
}

function contentOf(message, names) {
  if (message.flags & LOADING) {
    return el("p", { class: "thinking" }, dots(), `${displayName(message.author)} is thinking…`);
  }
  return el("div", { class: "rich" }, message.content ? richText(message.content, names) : null);
}

/** Put "(edited)" behind the last words; what is already drawn stays as it is. */
function markEdited(content) {
  const rich = content.querySelector(".rich");
  if (!rich || rich.querySelector(".edited")) return;
  const last = rich.lastElementChild;
  (last?.tagName === "P" ? last : rich).append(" ", el("span", { class: "edited" }, "(edited)"));
}

function ephemeralNote(dismiss) {
  return [
    icon("eye"),
    el("span", {}, "Only you can see this • "),
    el("button", { class: "text-link", type: "button", on: { click: dismiss } }, "Dismiss message"),
  ];
}
