// JSON for people: indented and coloured.

import { element } from "./element.js";

const PARTS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

/** The value of a JSON text, or `undefined` when it is none. */
export const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const indented = (value) => JSON.stringify(value, null, 2);

/** A value as nodes: indented text in which keys, strings, numbers and words can be told apart. */
export const coloured = (value) => {
  const text = indented(value);
  const nodes = [];
  let position = 0;
  for (const part of text.matchAll(PARTS)) {
    const [whole, string, colon, number] = part;
    const kind = colon ? "key" : string ? "string" : number ? "number" : "word";
    const shown = colon ? string : whole;
    nodes.push(text.slice(position, part.index), element("span", { class: kind }, shown));
    position = part.index + shown.length;
  }
  return [...nodes, text.slice(position)];
};
