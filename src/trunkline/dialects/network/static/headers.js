// The editor of headers that go with every request. They are in this page's memory only.

import { MOST_HEADERS } from "./address.js";
import { byId, element } from "./element.js";

const SECRET = /^(?:x-api-key|authorization|cookie)$/i;
const rows = byId("header-rows");
let changed = () => {};

const show = () => {
  const count = given().length;
  byId("headers-count").textContent = count ? `(${count})` : "";
  byId("add-header").disabled = rows.children.length >= MOST_HEADERS;
};

const row = (name = "", value = "") => {
  const nameField = element("input", { class: "header-name", list: "header-names", spellcheck: "false", autocomplete: "off", value: name });
  const valueField = element("input", { class: "header-value", spellcheck: "false", autocomplete: "off" });
  const conceal = () => {
    valueField.type = SECRET.test(nameField.value.trim()) ? "password" : "text";
  };
  valueField.value = value;
  conceal();
  nameField.addEventListener("input", conceal);
  const made = element(
    "div",
    { class: "header-row" },
    element("label", {}, "Name", nameField),
    element("label", { class: "grow" }, "Value", valueField),
    element(
      "button",
      {
        type: "button",
        class: "plain",
        click: () => {
          made.remove();
          show();
          changed();
          byId("add-header").focus();
        },
      },
      "Remove",
      element("span", { class: "unseen" }, " this header"),
    ),
  );
  made.addEventListener("input", show);
  made.addEventListener("change", () => changed());
  rows.append(made);
  show();
  return nameField;
};

/** The headers as `[name, value]`, without empty ones. */
export const given = () =>
  [...rows.children]
    .map((made) => [...made.querySelectorAll("input")].map((field) => field.value.trim()))
    .filter(([name, value]) => name && value);

/** Whether one of them says who is asking. */
export const hasKey = () => given().some(([name]) => /^x-api-key$/i.test(name));

/** Take these instead of those that are there. */
export const take = (headers) => {
  for (const [name, value] of headers) {
    const present = [...rows.children].find((made) => made.querySelector(".header-name").value.trim().toLowerCase() === name.toLowerCase());
    present?.remove();
    if (rows.children.length < MOST_HEADERS) row(name, value);
  }
};

/** Start the editor; `whenChanged` is called after a header was changed. */
export const start = (whenChanged) => {
  changed = whenChanged;
  rows.addEventListener("submit", (event) => event.preventDefault());
  row("X-API-KEY");
  byId("add-header").addEventListener("click", () => row().focus());
};
