// Discord's markdown, parsed to a plain tree. Pure: no DOM. Nodes are {type, ...}; text is a plain string.
// Marks are found by a scan instead of nested regular expressions, so no message can make it slow.

const HEADING = /^(#{1,3}) +(\S.*)$/;
const SMALL = /^-# +(\S.*)$/;
const QUOTE = /^> ?(.*)$/;
const ITEM = /^( *)([-*]|\d{1,9}\.) +(\S.*)$/;
const FENCE = "```";

const TOKENS = [
  [/\\([^\p{L}\p{N}\s])/uy, (match) => match[1]],
  [/<t:(-?\d{1,13})(?::([tTdDfFR]))?>/y, (match) => ({ type: "time", unix: Number(match[1]), style: match[2] })],
  [/<\/([^:>\n]{1,100}):\d+>/y, (match) => ({ type: "command", name: match[1] })],
  [/<@!?(\d+)>/y, (match) => ({ type: "mention", id: match[1] })],
  [/<a?(:\w{2,32}:)\d+>/y, (match) => match[1]],
  [/<(https?:\/\/[^\s<>]+)>/y, (match) => ({ type: "link", url: match[1], children: [match[1]] })],
  [
    /\[([^[\]\n]+)\]\(<?(https?:\/\/[^\s()<>]+(?:\([^\s()<>]*\)[^\s()<>]*)?)>?(?: +"[^"\n]*")?\)/y,
    (match) => ({ type: "link", url: match[2], children: parseInline(match[1], { links: false }) }),
  ],
  [/https?:\/\/[^\s<]*[^\s<.,:;"'\])!?]/y, (match) => ({ type: "link", url: match[0], children: [match[0]] })],
];
const MARKS = [
  ["**", "strong"],
  ["__", "underline"],
  ["~~", "strike"],
  ["||", "spoiler"],
  ["*", "em"],
  ["_", "em"],
];

/** Blocks of a message: paragraph, heading, small, quote, list, code. */
export function parse(text) {
  const blocks = [];
  const lines = text.split("\n");
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) blocks.push({ type: "paragraph", children: parseInline(paragraph.join("\n")) });
    paragraph = [];
  };
  const push = (block) => {
    flush();
    blocks.push(block);
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const fence = line.includes(FENCE) ? fencedCode(lines, at) : null;
    let match;
    if (fence) {
      if (fence.before.trim()) paragraph.push(fence.before);
      push(fence.block);
      if (fence.after.trim()) lines.splice(fence.last + 1, 0, fence.after);
      at = fence.last;
    } else if (line.startsWith(">>> ")) {
      push({ type: "quote", children: parse([line.slice(4), ...lines.slice(at + 1)].join("\n")) });
      break;
    } else if ((match = QUOTE.exec(line))) {
      const quoted = [match[1]];
      while (at + 1 < lines.length && (match = QUOTE.exec(lines[at + 1]))) {
        quoted.push(match[1]);
        at += 1;
      }
      // A quote inside a quote is not a thing in Discord: what is left of a ">" is text.
      push({ type: "quote", children: [{ type: "paragraph", children: parseInline(quoted.join("\n")) }] });
    } else if ((match = HEADING.exec(line))) {
      push({ type: "heading", level: match[1].length, children: parseInline(match[2]) });
    } else if ((match = SMALL.exec(line))) {
      push({ type: "small", children: parseInline(match[1]) });
    } else if (ITEM.test(line)) {
      const items = [];
      for (; at < lines.length && (match = ITEM.exec(lines[at])); at += 1) items.push(match);
      at -= 1;
      flush();
      blocks.push(...nest(items));
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return blocks;
}

function fencedCode(lines, at) {
  const open = lines[at].indexOf(FENCE);
  const rest = [lines[at].slice(open + FENCE.length), ...lines.slice(at + 1)].join("\n");
  const close = rest.indexOf(FENCE, 1);
  if (close < 0) return null;
  const inside = rest.slice(0, close);
  const named = /^([\w+.#-]+)\n/.exec(inside);
  const code = (named ? inside.slice(named[0].length) : inside).replace(/^\n+/, "").replace(/\n+$/, "");
  const last = at + inside.split("\n").length - 1;
  const after = rest.slice(close + FENCE.length).split("\n", 1)[0];
  return { before: lines[at].slice(0, open), block: { type: "code", lang: named?.[1] ?? "", code }, after, last };
}

/** The lists that the items make: deeper ones inside their item, and a new one where bullets and numbers change. */
function nest(items) {
  const lists = [];
  const open = [];
  for (const item of items) {
    const indent = item[1].length;
    while (open.length > 1 && indent < open.at(-1).indent) open.pop();
    const level = open.at(-1);
    if (!level || indent > level.indent + 1) {
      const siblings = level ? level.list.items.at(-1).lists : lists;
      open.push({ indent, siblings, list: listOf(item, siblings) });
    } else if (numbered(item) !== (level.list.start !== null)) {
      level.list = listOf(item, level.siblings);
    }
    open.at(-1).list.items.push({ children: parseInline(item[3]), lists: [] });
  }
  return lists;
}

const numbered = (item) => /\d/.test(item[2]);

function listOf(item, siblings) {
  const list = { type: "list", start: numbered(item) ? Number.parseInt(item[2], 10) : null, items: [] };
  siblings.push(list);
  return list;
}

/** Inline nodes of one paragraph. `links: false` leaves addresses as text, for the label of a link. */
export function parseInline(text, { links = true } = {}) {
  const nodes = [];
  const add = (node) => {
    if (typeof node === "string" && typeof nodes.at(-1) === "string") nodes.push(nodes.pop() + node);
    else nodes.push(node);
  };
  for (let at = 0; at < text.length; ) {
    const found = codeSpan(text, at) ?? token(text, at, links) ?? marked(text, at, links);
    add(found ? found.node : text[at]);
    at = found ? found.end : at + 1;
  }
  return nodes;
}

function codeSpan(text, at) {
  if (text[at] !== "`") return null;
  const ticks = /`+/y;
  ticks.lastIndex = at;
  const mark = ticks.exec(text)[0];
  for (let end = at + mark.length; (end = text.indexOf(mark, end)) >= 0; ) {
    const run = runLength(text, end, "`");
    if (run === mark.length) {
      const code = text.slice(at + mark.length, end);
      return { node: { type: "inlineCode", code: mark.length > 1 ? code.trim() : code }, end: end + run };
    }
    end += run;
  }
  return { node: mark, end: at + mark.length };
}

function token(text, at, links) {
  if (!"\\<[h".includes(text[at])) return null;
  for (const [pattern, build] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) continue;
    const node = build(match);
    if (node.type === "link" && !links) return { node: match[0], end: at + match[0].length };
    return { node, end: at + match[0].length };
  }
  return null;
}

function marked(text, at, links) {
  for (const [mark, type] of MARKS) {
    if (!text.startsWith(mark, at)) continue;
    const start = at + mark.length;
    if (mark === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) continue;
    if (mark.length === 1 && /\s/.test(text[start] ?? " ")) continue;
    const end = closing(text, start, mark);
    if (end > start) return { node: { type, children: parseInline(text.slice(start, end), { links }) }, end: end + mark.length };
  }
  return null;
}

/** Where the mark that opened before `start` closes, or -1. Of a run longer than the mark the end closes: `**a *b***`. */
function closing(text, start, mark) {
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "\\") {
      at += 1;
    } else if (text[at] === "`") {
      at = codeSpan(text, at).end - 1;
    } else if (text[at] === mark[0]) {
      const run = runLength(text, at, mark[0]);
      const fits = mark.length === 1 ? run % 2 === 1 : run >= mark.length;
      const end = at + run - mark.length;
      const inWord = mark === "_" && /[\p{L}\p{N}]/u.test(text[at + run] ?? "");
      if (fits && !inWord && end > start) return end;
      at += run - 1;
    }
  }
  return -1;
}

function runLength(text, at, character) {
  let end = at;
  while (text[end] === character) end += 1;
  return end - at;
}
