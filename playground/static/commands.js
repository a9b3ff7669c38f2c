// What the options of a command offer, and what a person's input means for them. Pure: no DOM.

export const OptionType = { STRING: 3, INTEGER: 4, BOOLEAN: 5, NUMBER: 10, ATTACHMENT: 11 };

const BOOLEANS = [
  { name: "True", value: true },
  { name: "False", value: false },
];

/** Those of `items` whose `name` has what was typed, the ones that begin with it first: "da ad" finds "dataset add". */
export function matching(items, typed) {
  const wanted = typed.trim().toLowerCase();
  const words = wanted.split(/\s+/);
  const rank = (item) => {
    const name = item.name.toLowerCase();
    if (name.startsWith(wanted)) return 0;
    if (beginInOrder(words, name.split(/[\s_-]/))) return 1;
    return name.includes(wanted) ? 2 : 3;
  };
  return items
    .map((item) => [rank(item), item])
    .filter(([order]) => order < 3)
    .sort(([one], [other]) => one - other)
    .map(([, item]) => item);
}

/** Whether each of `beginnings` begins a word, each a later one than the beginning before it. */
function beginInOrder(beginnings, words) {
  let at = 0;
  return beginnings.every((beginning) => {
    while (at < words.length && !words[at].startsWith(beginning)) at += 1;
    at += 1;
    return at <= words.length;
  });
}

/**
 * What `text`, such as "data:my notes size:tiny", says of the `options`: {values} by name, and as {rest} what stands before the
 * first of them.
 */
export function readOptions(options, text) {
  const names = options.map((option) => option.name).join("|");
  const marks = names ? [...text.matchAll(new RegExp(`(?<=^|\\s)(${names}):`, "g"))] : [];
  const values = {};
  marks.forEach((mark, at) => {
    values[mark[1]] = text.slice(mark.index + mark[0].length, marks[at + 1]?.index).trim();
  });
  return { values, rest: text.slice(0, marks[0]?.index).trim() };
}

/** The fixed choices of an option, or null where anything may be written. */
export function fixedChoices(option) {
  if (option.type === OptionType.BOOLEAN) return BOOLEANS;
  return option.choices?.length ? option.choices : null;
}

/** What `text` means for `option`: {value}, or {problem} as a sentence. */
export function interpret(option, text) {
  const { name, type } = option;
  const choices = fixedChoices(option);
  if (text === "") return { problem: `${name}: this option is required. Give it a value.` };
  if (choices) {
    const choice = choices.find((one) => one.name.toLowerCase() === text.trim().toLowerCase());
    return choice ? { value: choice.value } : { problem: `${name}: pick one of the choices.` };
  }
  switch (type) {
    case OptionType.STRING:
      return lengthOf(option, text);
    case OptionType.INTEGER:
      return /^-?\d{1,15}$/.test(text.trim()) ? range(option, Number(text)) : { problem: `${name}: write a whole number.` };
    case OptionType.NUMBER:
      return Number.isFinite(Number(text)) ? range(option, Number(text)) : { problem: `${name}: write a number.` };
    default:
      return { problem: `${name}: options of type ${type} cannot be given here.` };
  }
}

function lengthOf({ name, min_length: least = 0, max_length: most = 6000 }, text) {
  if (text.length < least) return { problem: `${name}: write at least ${least} characters.` };
  return text.length > most ? { problem: `${name}: write at most ${most} characters.` } : { value: text };
}

function range({ name, min_value: least = -Infinity, max_value: most = Infinity }, value) {
  if (value < least) return { problem: `${name}: give at least ${least}.` };
  return value > most ? { problem: `${name}: give at most ${most}.` } : { value };
}
