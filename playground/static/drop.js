// The page as a target for files: a veil while they are dragged over it, and what was dropped.

/**
 * Show `veil` while files are dragged over the page; `label()` says in it what dropping them does. `dropped(files, folders)`
 * gets the files, and the names of folders, which a browser gives no content of.
 */
export function dropTarget(veil, label, dropped) {
  let depth = 0;
  const show = (now) => {
    depth = Math.max(0, now);
    if (veil.hidden && depth > 0) veil.querySelector("[data-drop-label]").textContent = label();
    veil.hidden = depth === 0;
  };
  const on = (name, act) => addEventListener(name, (event) => event.dataTransfer?.types.includes("Files") && act(event));
  on("dragenter", () => show(inForm() ? 0 : depth + 1));
  on("dragleave", () => show(depth - 1));
  on("dragover", (event) => {
    if (takesFiles(event.target)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = inForm() ? "none" : "copy";
  });
  on("drop", (event) => {
    show(0);
    if (takesFiles(event.target)) return;
    event.preventDefault();
    if (!inForm()) dropped(...contents(event.dataTransfer));
  });
}

/** Whether a form or a picture lies over the conversation: what is dropped then is not for the message. */
const inForm = () => document.querySelector("dialog[open]") !== null;
const takesFiles = (node) => node.matches?.('input[type="file"]');

function contents(transfer) {
  const files = [];
  const folders = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) folders.push(entry.name);
    else files.push(item.getAsFile());
  }
  return [files.filter(Boolean), folders];
}
