// The schema browser: types, fields and arguments as introspection tells them.

import { byId, element } from "./element.js";

const TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
const QUERY = `query Schema {
  __schema {
    queryType { name } mutationType { name }
    types {
      kind name description
      fields(includeDeprecated: true) { name description type { ${TYPE} } args { name description defaultValue type { ${TYPE} } } }
      inputFields { name description defaultValue type { ${TYPE} } }
      enumValues { name description }
    }
  }
}`;

let types = new Map();
let trail = [];

const written = (type) => (type.kind === "NON_NULL" ? `${written(type.ofType)}!` : type.kind === "LIST" ? `[${written(type.ofType)}]` : type.name);
const innermost = (type) => (type.ofType ? innermost(type.ofType) : type.name);

/** A type as it is written; a button where there is more to see. */
const typeLink = (type) => {
  const known = types.get(innermost(type));
  const more = known && (known.fields || known.inputFields || known.enumValues);
  return more ? element("button", { type: "button", class: "plain", click: () => open(known.name) }, written(type)) : element("span", {}, written(type));
};

const argument = (arg) => element("span", {}, `${arg.name}: `, typeLink(arg.type), arg.defaultValue ? ` = ${arg.defaultValue}` : "");

const rows = (entries) =>
  element(
    "dl",
    {},
    ...entries.flatMap((entry) => [
      element("dt", {}, entry.name, ...(entry.args?.length ? ["(", ...entry.args.flatMap((arg, index) => [index ? ", " : "", argument(arg)]), ")"] : []), ...(entry.type ? [": ", typeLink(entry.type)] : [])),
      entry.description ? element("dd", {}, entry.description) : null,
    ]),
  );

const show = (name) => {
  const type = types.get(name);
  byId("type").replaceChildren(
    element("h3", {}, name),
    ...(type.description ? [element("p", { class: "note" }, type.description)] : []),
    rows(type.fields ?? type.inputFields ?? type.enumValues ?? []),
  );
  byId("trail").replaceChildren(
    ...trail.slice(0, -1).map((step, index) => element("button", { type: "button", class: "plain", click: () => back(index) }, step)),
  );
};

const open = (name) => {
  trail = [...trail.slice(-5), name];
  show(name);
  byId("type").focus({ preventScroll: true });
};

const back = (index) => {
  trail = trail.slice(0, index + 1);
  show(trail.at(-1));
};

const find = (text) => {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return show(trail.at(-1));
  const found = [...types.values()]
    .filter((type) => !type.name.startsWith("__"))
    .flatMap((type) => [type.name, ...(type.fields ?? type.inputFields ?? type.enumValues ?? []).map((field) => `${type.name}.${field.name}`)])
    .filter((name) => name.toLowerCase().includes(wanted))
    .slice(0, 60);
  return byId("type").replaceChildren(
    element("h3", {}, found.length ? "Found" : "Nothing found"),
    element("ul", {}, ...found.map((name) => element("li", {}, element("button", { type: "button", class: "plain", click: () => open(name.split(".")[0]) }, name)))),
  );
};

/** Load the schema through `post` and show where it begins. Throws an `Error` with a sentence for people. */
export const browse = async (post) => {
  const { json } = await post({ query: QUERY });
  if (!json.data) throw new Error(json.errors?.[0]?.message ?? "The schema cannot be read.");
  const schema = json.data.__schema;
  types = new Map(schema.types.map((type) => [type.name, type]));
  trail = [schema.mutationType.name, schema.queryType.name];
  byId("find").disabled = false;
  byId("find").addEventListener("input", (event) => find(event.target.value));
  show(schema.queryType.name);
};
