// RFC 6570: URI templates of all four levels.

const EXPRESSION = /\{([+#./;?&]?)([^{}]*)\}/g;
const OPERATORS = {
  "": { first: "", separator: ",", named: false, empty: "", reserved: false },
  "+": { first: "", separator: ",", named: false, empty: "", reserved: true },
  "#": { first: "#", separator: ",", named: false, empty: "", reserved: true },
  ".": { first: ".", separator: ".", named: false, empty: "", reserved: false },
  "/": { first: "/", separator: "/", named: false, empty: "", reserved: false },
  ";": { first: ";", separator: ";", named: true, empty: "", reserved: false },
  "?": { first: "?", separator: "&", named: true, empty: "=", reserved: false },
  "&": { first: "&", separator: "&", named: true, empty: "=", reserved: false },
};

const strict = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const lenient = (text) =>
  text
    .split(/(%[0-9A-Fa-f]{2})/)
    .map((part, index) => (index % 2 ? part : encodeURI(part).replace(/%5B/g, "[").replace(/%5D/g, "]")))
    .join("");

const variable = (text) => {
  const [, name, prefix, explode] = /^(.*?)(?::(\d+))?(\*)?$/.exec(text);
  return { name, prefix: prefix === undefined ? null : Number(prefix), explode: Boolean(explode) };
};

/** The names of a template's variables, in order, each once. */
export const variables = (template) => [
  ...new Set([...template.matchAll(EXPRESSION)].flatMap(([, , list]) => list.split(",").map((item) => variable(item).name))),
];

const one = ({ name, prefix, explode }, value, { named, empty, reserved }, separator) => {
  const encode = reserved ? lenient : strict;
  const label = (key, text) => (text === "" ? key + empty : `${key}=${text}`);
  if (Array.isArray(value)) {
    const items = value.map((item) => encode(String(item)));
    if (explode) return items.map((item) => (named ? label(name, item) : item)).join(separator);
    return named ? label(name, items.join(",")) : items.join(",");
  }
  if (typeof value === "object") {
    const pairs = Object.entries(value).map(([key, item]) => [encode(key), encode(String(item))]);
    if (explode) return pairs.map(([key, item]) => (named ? label(key, item) : `${key}=${item}`)).join(separator);
    const joined = pairs.flat().join(",");
    return named ? label(name, joined) : joined;
  }
  const text = prefix === null ? String(value) : [...String(value)].slice(0, prefix).join("");
  return named ? label(name, encode(text)) : encode(text);
};

const defined = (value) =>
  value !== undefined && value !== null && !(typeof value === "object" && Object.keys(value).length === 0);

/** The address that a template gives with these values; what has none is left out. */
export const expand = (template, values = {}) =>
  template.replace(EXPRESSION, (_, sign, list) => {
    const operator = OPERATORS[sign];
    const parts = list
      .split(",")
      .map(variable)
      .filter(({ name }) => defined(values[name]))
      .map((wanted) => one(wanted, values[wanted.name], operator, operator.separator));
    return parts.length ? operator.first + parts.join(operator.separator) : "";
  });
