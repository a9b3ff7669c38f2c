// The page: state from the playground goes to the views, what the person does goes back.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { avatar, displayName, el } from "./dom.js";
import { dropTarget } from "./drop.js";
import { MessageList } from "./messages.js";
import { openModal } from "./modal.js";
import { Typing, toast } from "./notices.js";
import { Pending } from "./pending.js";

const STARTERS = 4;

const byId = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search).get("person");
let person = null;
let bot = null;
let commands = [];
let people = [];

const connection = new Connection(asked, receive, (connected) => {
  byId("banner").hidden = connected;
});
const typing = new Typing(byId("typing"));
const pending = new Pending(byId("pending"));
const messages = new MessageList(byId("scroller"), byId("messages"), byId("unseen"), {
  click: (message, customId) => interact("click", { message: message.id, custom_id: customId }),
  select: (message, customId, values) => interact("select", { message: message.id, custom_id: customId, values }),
  dismiss: (message) => connection.call("dismiss", { message: message.id }),
});
const composer = new Composer(
  {
    form: byId("composer"),
    text: byId("composer-text"),
    slot: byId("composer-slot"),
    choices: byId("composer-choices"),
    problem: byId("composer-problem"),
    staged: byId("composer-staged"),
    attach: byId("composer-attach"),
    picker: byId("composer-picker"),
  },
  {
    write: async (text, files) => {
      messages.toEnd();
      await connection.call("write", { text, uploads: await Promise.all(files.map((file) => connection.upload(file))) });
    },
    slash,
    autocomplete: async (command, option, typed, options) =>
      (await connection.call("autocomplete", { command, option, typed, options })).choices,
  },
);

function receive(event) {
  switch (event.type) {
    case "state":
      return showState(event);
    case "message":
      return showMessage(event.message, event);
    case "message_delete":
      messages.remove(event.id);
      return showStarters();
    case "commands":
      return showCommands(event.commands);
    case "interaction_failed":
      return messages.fail(event.interaction, event.reason);
    case "typing":
      return typing.start(bot);
    case "person":
      people.push(event.person);
      messages.know(event.person.id, displayName(event.person));
      return showPeople();
    case "bot":
      return showBot(event.bot, event.online);
  }
}

function showState(state) {
  ({ person, people } = state);
  showBot(state.bot, state.online);
  showPeople();
  typing.stop();
  const names = Object.fromEntries([...people, state.bot].map((user) => [user.id, displayName(user)]));
  messages.reset(state.messages, names);
  showCommands(state.commands);
}

function showMessage(message, { created, notify }) {
  if (message.author.id === bot.id && created) typing.stop();
  const { interaction } = message;
  if (created && interaction && interaction.user.id === person.id) pending.answered(interaction.name);
  messages.put(message, { seen: !created || message.author.id === person.id });
  if (notify) toast(byId("toasts"), message, messages.names);
  showStarters();
}

function showBot(user, online) {
  bot = user;
  document.title = `${displayName(bot)} · Playground`;
  for (const node of document.querySelectorAll("[data-bot-name]")) node.textContent = displayName(bot);
  for (const node of document.querySelectorAll("[data-bot-avatar]")) node.replaceChildren(avatar(bot));
  for (const node of document.querySelectorAll("[data-online]")) {
    node.dataset.online = String(online);
    node.querySelector("[data-online-text]")?.replaceChildren(online ? "Online" : "Offline");
  }
  byId("composer-text").placeholder = `Message @${displayName(bot)}`;
}

function showPeople() {
  byId("me").replaceChildren(avatar(person), el("div", {}, el("strong", {}, displayName(person)), el("span", {}, person.username)));
  byId("people").replaceChildren(
    ...people.map((other) =>
      el("li", {}, el("a", { href: `?${new URLSearchParams({ person: other.id })}`, "aria-current": other.id === person.id ? "page" : null }, avatar(other), displayName(other))),
    ),
  );
}

function showCommands(registered) {
  commands = registered;
  composer.commands = commands;
  showStarters();
}

/** In an empty conversation: what a newcomer can type, each to be begun with a click. */
function showStarters() {
  const starters = byId("starters");
  starters.hidden = !messages.empty;
  if (starters.hidden) return;
  const words = ({ name }) => name.split(" ").length;
  const simplest = [...commands].sort((one, other) => words(one) - words(other)).slice(0, STARTERS);
  const rows = simplest.map((command) =>
    el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "starter", on: { click: () => composer.begin(command) } },
        el("span", { class: "starter-name" }, `/${command.name}`),
        el("span", {}, command.description),
      ),
    ),
  );
  byId("starters-hint").replaceChildren(
    ...(commands.length
      ? ["Type ", el("kbd", {}, "/"), " to see everything it can do, or begin with one of these:"]
      : ["It has not registered any command yet. Start the bot, and they appear here."]),
  );
  byId("starters-list").replaceChildren(...rows);
}

async function slash(command, options, files) {
  const row = pending.add(person, command);
  messages.toEnd();
  try {
    const uploads = {};
    for (const [option, file] of Object.entries(files)) uploads[option] = await connection.upload(file);
    await interact("slash", { command, options, uploads });
    pending.remove(row);
  } catch (error) {
    pending.fail(row, error.message);
    messages.toEnd();
  }
}

/** Do what a bot may answer with a form, and show the form. */
async function interact(op, fields) {
  const { modal } = await connection.call(op, fields);
  if (!modal) return;
  openModal(modal.form, async (values, files) => {
    const uploads = {};
    for (const [field, chosen] of Object.entries(files)) uploads[field] = await Promise.all(chosen.map((file) => connection.upload(file)));
    await interact("fill", { modal: modal.id, values, uploads });
  });
}

function drawer() {
  const button = byId("menu");
  const set = (open) => {
    document.body.classList.toggle("drawer-open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(!document.body.classList.contains("drawer-open")));
  byId("drawer-veil").addEventListener("click", () => set(false));
  addEventListener("keydown", (event) => event.key === "Escape" && set(false));
}

dropTarget(byId("drop"), () => composer.purpose, (files, folders) => composer.addFiles(files, folders));
drawer();
