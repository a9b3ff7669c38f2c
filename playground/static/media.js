// Pictures and files: loading without a flash, the enlarged view, download cards.

import { el, icon } from "./dom.js";
import { link } from "./richtext.js";

/** The largest file that Discord takes. */
export const MOST_BYTES = 10 * 1024 * 1024;
const TALLEST_PX = 350;
const TALLEST_OF_MANY_PX = 180;
const UNITS = ["bytes", "KB", "MB", "GB"];

/**
 * A picture that opens enlarged, at most `tallest` pixels high. Given the picture it follows, it keeps showing that one until
 * the new one is decoded.
 */
export function picture(media, alt, previous = null, tallest = TALLEST_PX) {
  const button = previous ?? el("button", { class: "picture", type: "button", on: { click: enlarge } }, el("img", {}));
  const image = button.querySelector("img");
  button.setAttribute("aria-label", `Enlarge ${alt}`);
  image.alt = alt;
  if (media.width && media.height) {
    // the room is kept before the picture is there, so that nothing jumps when it comes
    image.style.setProperty("aspect-ratio", `${media.width} / ${media.height}`);
    image.style.setProperty("width", `${Math.min(media.width, (tallest * media.width) / media.height)}px`);
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

/** The attachments of a message: its pictures, then a card to download each other file. `previous`: what stood here before. */
export function attachments(files, previous = []) {
  const isPicture = (file) => file.content_type?.startsWith("image/") && file.width;
  const before = previous.flatMap((node) => [...node.querySelectorAll(".picture")]);
  const pictures = files.filter(isPicture);
  const tallest = pictures.length > 1 ? TALLEST_OF_MANY_PX : TALLEST_PX;
  const shown = pictures.map((file, index) => picture(file, file.description || file.filename, before[index], tallest));
  const cards = files.filter((file) => !isPicture(file)).map(card);
  return shown.length ? [el("div", { class: "pictures" }, shown), ...cards] : cards;
}

const card = (file) =>
  el(
    "div",
    { class: "file" },
    icon("file"),
    el("div", { class: "file-text" }, link(file.url, [file.filename]), el("div", { class: "file-size" }, size(file.size))),
    link(file.url, [icon("download")], { class: "round", download: file.filename, "aria-label": `Download ${file.filename}` }),
  );

/** "14.2 KB". */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit += 1) value /= 1024;
  return `${unit ? value.toFixed(value < 10 ? 2 : 1).replace(/\.?0+$/, "") : value} ${UNITS[unit]}`;
}
