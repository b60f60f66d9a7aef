// A HAL resource: its links, its properties, what is embedded in it (to any depth), and what its templates offer.

import { element } from "./element.js";
import { coloured } from "./json.js";
import { linkTable } from "./links.js";

const OWN = new Set(["_links", "_embedded", "_templates"]);
const NAMES = ["name", "imsi", "username", "brandName", "action", "title"];

const isResource = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && "_links" in value;

/** A plain value as JSON; linked objects (one or a list of them) as branches that open. */
const shownValue = (name, value, actions) => {
  const linked = Array.isArray(value) && value.length && value.every(isResource) ? value : isResource(value) ? [value] : null;
  return linked ? linked.map((one) => branch(nameOf(one) || name, one, actions)) : [element("code", {}, ...coloured(value))];
};

const properties = (resource, actions) => {
  const rows = Object.entries(resource)
    .filter(([name]) => !OWN.has(name))
    .map(([name, value]) => {
      return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, ...shownValue(name, value, actions)));
    });
  return rows.length ? element("table", { class: "properties" }, element("caption", {}, "Properties"), element("tbody", {}, ...rows)) : null;
};

const nameOf = (resource) => {
  const found = NAMES.map((name) => resource[name]).find((value) => typeof value === "string");
  const self = resource._links?.self?.href ?? "";
  return found ?? decodeURIComponent(/([^/]*?)(?:\{.*)?$/.exec(self)?.[1] ?? "");
};

const branch = (label, resource, actions) => {
  const made = element("details", { class: "branch" }, element("summary", {}, label));
  made.addEventListener(
    "toggle",
    () => made.append(element("div", { class: "inside" }, ...parts(resource, actions))),
    { once: true },
  );
  return made;
};

const embedded = (resource, actions) => {
  const groups = Object.entries(resource._embedded ?? {}).map(([relation, given]) => {
    const items = [given].flat();
    return element(
      "li",
      {},
      element("h4", {}, `${relation} `, element("span", { class: "note" }, Array.isArray(given) ? `${items.length} on this page` : "")),
      items.length ? null : element("p", { class: "note" }, "None."),
      ...items.map((item, index) => branch(nameOf(item) || `${relation} ${index + 1}`, item, actions)),
    );
  });
  return groups.length ? element("section", { class: "embedded", "aria-label": "Embedded" }, element("h3", {}, "Embedded"), element("ul", {}, ...groups)) : null;
};

const templates = (resource, actions) => {
  const offered = Object.entries(resource._templates ?? {});
  if (!offered.length) return null;
  const self = resource._links?.self?.href ?? "";
  return element(
    "p",
    { class: "actions row" },
    ...offered.map(([name, template]) =>
      element(
        "button",
        { type: "button", class: "plain", "aria-haspopup": "dialog", click: () => actions.fill({ ...template, target: template.target ?? self }, template.title ?? name) },
        template.title ?? `${template.method ?? "GET"} ${name}`,
      ),
    ),
  );
};

const parts = (resource, actions) =>
  [
    templates(resource, actions),
    Object.keys(resource._links ?? {}).length ? linkTable(resource._links, actions) : null,
    properties(resource, actions),
    embedded(resource, actions),
  ].filter(Boolean);

/** What a document shows; `actions`: `follow`, `ask` (see links.js) and `fill(template, title)`. */
export const resourceParts = (resource, actions) =>
  resource !== null && typeof resource === "object" && !Array.isArray(resource)
    ? parts(resource, actions)
    : [element("p", { class: "note" }, "The answer is no HAL document; it is shown as it came.")];
