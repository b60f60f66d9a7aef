// An error of the server, in full: what, why, where, when, and the incident that finds it in the server's log.

import { element } from "./element.js";

const line = (name, value) => [element("dt", {}, name), element("dd", {}, value)];

const fault = ({ entity, property, invalidValue, message }) =>
  element(
    "tr",
    {},
    element("th", { scope: "row" }, [entity, property].filter(Boolean).join(".")),
    element("td", {}, message ?? ""),
    element("td", {}, element("code", {}, invalidValue === undefined ? "" : JSON.stringify(invalidValue))),
  );

/** The box for an answer of 400 or above, or null. */
export const failureOf = (answer) => {
  if (answer.status < 400) return null;
  const told = answer.json && typeof answer.json === "object" ? answer.json : {};
  const facts = [
    ...(told.path ? line("Path", element("code", {}, told.path)) : []),
    ...(told.timestamp ? line("Time", new Date(told.timestamp).toISOString()) : []),
    ...(told.incident ? line("Incident", element("code", { class: "incident" }, told.incident)) : []),
  ];
  return element(
    "div",
    { class: "failure", role: "alert" },
    element("p", {}, element("strong", {}, `${answer.status} ${told.error ?? answer.statusText}`)),
    element("p", {}, told.message ?? "The server said nothing about the reason."),
    Array.isArray(told.errors)
      ? element(
          "table",
          {},
          element("caption", {}, "What is wrong"),
          element("thead", {}, element("tr", {}, ...["Property", "Message", "Value"].map((name) => element("th", { scope: "col" }, name)))),
          element("tbody", {}, ...told.errors.map(fault)),
        )
      : null,
    facts.length ? element("dl", {}, ...facts) : null,
  );
};
