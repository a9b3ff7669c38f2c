// Pictures and files: loading without a flash, the enlarged view, download cards.

import { el, icon } from "./dom.js";
import { link } from "./richtext.js";

/** The largest file that Discord takes. */
export const MOST_BYTES = 10 * 1024 * 1024;
const TALLEST_PX = 350;
const UNITS = ["bytes", "KB", "MB", "GB"];

/** A picture that opens enlarged. Given the picture it follows, it keeps showing that one until the new one is decoded. */
export function picture(media, alt, previous = null) {
  const button = previous ?? el("button", { class: "picture", type: "button", on: { click: enlarge } }, el("img", {}));
  const image = button.querySelector("img");
  button.setAttribute("aria-label", `Enlarge ${alt}`);
  image.alt = alt;
  if (media.width && media.height) {
    // the room is kept before the picture is there, so that nothing jumps when it comes
    image.style.setProperty("aspect-ratio", `${media.width} / ${media.height}`);
    image.style.setProperty("width", `${Math.min(media.width, (TALLEST_PX * media.width) / media.height)}px`);
  }
  if (button.dataset.url === media.url) return button;
  button.dataset.url = media.url;
  if (!image.getAttribute("src")) {
    image.src = media.url;
    return button;
  }
  const next = new Image();
  next.src = media.url;
  const show = () => {
    if (button.dataset.url === media.url) image.src = media.url;
  };
  next.decode().then(show, show);
  return button;
}

function enlarge(event) {
  const { src, alt } = event.currentTarget.querySelector("img");
  const close = el("button", { class: "round", type: "button", "aria-label": "Close" }, icon("close"));
  const dialog = el(
    "dialog",
    { class: "lightbox", "aria-label": alt },
    el("img", { src, alt }),
    el("div", { class: "lightbox-bar" }, link(src, ["Open original"], { class: "original" }), close),
  );
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || close.contains(target)) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** One attachment of a message: its picture, or a card to download it. `previous` is the node that stood here before. */
export function attachment(file, previous = null) {
  if (file.content_type?.startsWith("image/")) {
    return picture(file, file.description || file.filename, previous?.matches(".picture") ? previous : null);
  }
  return el(
    "div",
    { class: "file" },
    icon("file"),
    el("div", { class: "file-text" }, link(file.url, [file.filename]), el("div", { class: "file-size" }, size(file.size))),
    link(file.url, [icon("download")], { class: "round", download: file.filename, "aria-label": `Download ${file.filename}` }),
  );
}

/** "14.2 KB". */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit += 1) value /= 1024;
  return `${unit ? value.toFixed(value < 10 ? 2 : 1).replace(/\.?0+$/, "") : value} ${UNITS[unit]}`;
}
