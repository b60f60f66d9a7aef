// The table of links: every relation with every method. One stop of the Tab key per link; arrow keys move between its methods.

import { shortened } from "./address.js";
import { element } from "./element.js";
import { expand } from "./template.js";

export const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

const display = (href) => {
  try {
    return decodeURI(shortened(href)) === href ? href : shortened(href).replaceAll("%7B", "{").replaceAll("%7D", "}");
  } catch {
    return href;
  }
};

const move = (event) => {
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const at = buttons.indexOf(document.activeElement);
  const to = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : step ? (at + step + buttons.length) % buttons.length : -1;
  if (at < 0 || to < 0) return;
  event.preventDefault();
  buttons[at].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
};

const toolbar = (relation, link, actions) =>
  element(
    "div",
    { class: "methods", role: "toolbar", "aria-label": `Methods of ${relation}`, keydown: move },
    ...METHODS.map((method, index) =>
      element(
        "button",
        {
          type: "button",
          class: `method ${method.toLowerCase()}`,
          tabindex: index === 0 ? "0" : "-1",
          "aria-label": `${method} ${relation}`,
          title: display(link.href),
          "aria-haspopup": method === "GET" && !link.templated ? null : "dialog",
          click: () => (method === "GET" && !link.templated ? actions.follow(link.href) : actions.ask(method, link, relation)),
        },
        method === "GET" ? `${method} →` : method,
      ),
    ),
  );

const documentation = (relation, curies) => {
  const [prefix, name] = relation.includes(":") ? relation.split(":", 2) : [null, null];
  const curie = prefix && [curies ?? []].flat().find((known) => known.name === prefix);
  return curie ? expand(curie.href, { rel: name }) : null;
};

const row = (relation, link, documented, actions) =>
  element(
    "tr",
    {},
    element("th", { scope: "row" }, relation, link.name || link.title ? element("span", { class: "note" }, ` ${link.title ?? link.name}`) : null),
    element(
      "td",
      {},
      element("code", {}, display(link.href)),
      link.templated ? element("span", { class: "badge" }, "template") : null,
      link.deprecation ? element("span", { class: "badge" }, "deprecated") : null,
      documented ? element("a", { href: documented, rel: "noreferrer" }, "documentation") : null,
    ),
    element("td", {}, toolbar(relation, link, actions)),
  );

/** The `_links` of a resource as a table. `actions`: `follow(href)` and `ask(method, link, relation)`. */
export const linkTable = (links, actions) => {
  const rows = Object.entries(links).flatMap(([relation, given]) =>
    [given].flat().filter((link) => link && typeof link.href === "string").map((link) => row(relation, link, documentation(relation, links.curies), actions)),
  );
  return rows.length ? element("table", { class: "links-table" }, element("caption", {}, "Links"), element("tbody", {}, ...rows)) : null;
};
