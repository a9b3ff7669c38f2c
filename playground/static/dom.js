// Building DOM nodes. Text always enters as text nodes, so nothing a bot or a person writes can become markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `props` holds attributes, plus `class`, `dataset` and `on` ({event: listener}); a null or false
 * attribute is left out. Children may be nodes, strings, numbers, or null for none.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "dataset") {
      Object.assign(node.dataset, value);
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const ICONS = {
  bell: "M12 22a2.5 2.5 0 0 0 2.5-2.5h-5A2.5 2.5 0 0 0 12 22zm7-6v-5a7 7 0 0 0-5.5-6.8V3.5a1.5 1.5 0 0 0-3 0v.7A7 7 0 0 0 5 11v5l-2 2v1h18v-1z",
  bellOff:
    "M12 22a2.5 2.5 0 0 0 2.5-2.5h-5A2.5 2.5 0 0 0 12 22zM3.3 2 2 3.3l4 4A7 7 0 0 0 5 11v5l-2 2v1h14.7l3 3 1.3-1.3zM19 15.2V11a7 7 0 0 0-5.5-6.8V3.5a1.5 1.5 0 0 0-3 0v.7c-.8.2-1.5.5-2.1.9z",
  close: "M18.3 5.7 12 12l6.3 6.3-1.4 1.4-6.3-6.3-6.3 6.3-1.4-1.4L9.2 12 2.9 5.7l1.4-1.4 6.3 6.3 6.3-6.3z",
  down: "M12 16 5 9l1.4-1.4L12 13.2l5.6-5.6L19 9z",
  download: "M11 3h2v9.2l3.6-3.6L18 10l-6 6-6-6 1.4-1.4 3.6 3.6zM4 19h16v2H4z",
  eye: "M12 5c5 0 9 4 10.5 7-1.5 3-5.5 7-10.5 7S3 15 1.5 12C3 9 7 5 12 5zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zm0 2a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  external: "M14 3h7v7h-2V6.4l-9.3 9.3-1.4-1.4L17.6 5H14zM5 5h5v2H7v10h10v-3h2v5H5z",
  file: "M6 2h8l5 5v15H6zm7 1.5V8h4.5z",
  plus: "M11 4h2v7h7v2h-7v7h-2v-7H4v-2h7z",
  reply: "M4 20v-6a6 6 0 0 1 6-6h10v2H10a4 4 0 0 0-4 4v6z",
  warning: "M12 2 1 21h22zm1 15h-2v2h2zm0-7h-2v5h2z",
};

/** A decorative icon of 24 by 24 units in the current text colour. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

const TINTS = ["#5865f2", "#3ba55d", "#c9741a", "#c2418c", "#2f8f9d", "#8a5cd6"];

/** Three moving dots. */
export function dots() {
  return el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
}

/** A round picture for a user: the playground's own mark for a bot, the first letter on a colour for a person. */
export function avatar(user) {
  if (user.bot) return el("img", { class: "avatar", src: "/static/bot.svg", alt: "" });
  const tint = TINTS[Number(BigInt(user.id) % BigInt(TINTS.length))];
  const node = el("span", { class: "avatar letter", "aria-hidden": "true" }, [...displayName(user)][0].toUpperCase());
  node.style.setProperty("--tint", tint);
  return node;
}

export function displayName(user) {
  return user.global_name || user.username;
}
