// The dialog in front of a request: variables of the template, If-Match, Content-Type, body.

import { shortened } from "./address.js";
import { bodyEditor } from "./body.js";
import { fieldsOfSchema, fieldsOfTemplate, schemaOf, templateFor } from "./describe.js";
import { byId, element } from "./element.js";
import { failureOf } from "./failure.js";
import * as headers from "./headers.js";
import { knownTag, send } from "./request.js";
import { expand, variables } from "./template.js";

const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);
const CHANGING = new Set(["PUT", "PATCH", "DELETE"]);
const TYPES = ["application/json", "application/merge-patch+json", "application/json-patch+json", "text/uri-list", "text/csv", "application/x-ndjson"];
const HINTS = { page: "0", size: "20", sort: "imsi,desc", projection: "brief, detail or deep" };
const NOT_WRITTEN = new Set(["_links", "_embedded", "_templates", "page"]);

const dialog = byId("request");

/** A linked object as a body names it: by its address. */
const addressOf = (value) => {
  if (Array.isArray(value)) return value.map(addressOf);
  const href = value?._links?.self?.href;
  return typeof href === "string" ? href.replace(/\{.*$/s, "") : value;
};

const plain = (resource, fields) =>
  Object.fromEntries(
    Object.entries(resource)
      .filter(([name]) => !NOT_WRITTEN.has(name) && (!fields.length || fields.some((field) => field.name === name)))
      .map(([name, value]) => [name, addressOf(value)]),
  );

/** What is at an address now with all its links, when it is a single object; asked only before it is changed. */
const presentAt = async (address) => {
  const answer = await send("GET", address.includes("?") ? address : `${address}?projection=deep`, headers.given());
  const object = answer.status === 200 && answer.json && typeof answer.json === "object" ? answer.json : null;
  return object && !object._embedded && !object.page ? object : null;
};

/** The editor for a body of this method at this address. */
const editorFor = async (method, address, shown, template) => {
  const form = template ?? templateFor(shown, method, address);
  if (form) return { editor: bodyEditor(fieldsOfTemplate(form), {}), type: form.contentType ?? TYPES[0] };
  const present = CHANGING.has(method) ? await presentAt(address) : null;
  const schema = await schemaOf(address, headers.given()).catch(() => null);
  const fields = schema ? fieldsOfSchema(schema, {}) : [];
  return { editor: bodyEditor(fields, method === "PUT" && present ? plain(present, fields) : {}), type: TYPES[0] };
};

const control = (name, label, value, hint = "") => {
  const field = element("input", { name, spellcheck: "false", autocomplete: "off", placeholder: hint, value });
  return [field, element("label", {}, label, field)];
};

/** The variables of a template: what a reader fills in, and what a writer mostly leaves alone. */
const variableFields = (inputs, method) => {
  if (!inputs.length) return null;
  const title = "Variables of the template";
  const fields = element("div", { class: "fields" }, ...inputs.map(([, , label]) => label));
  if (WITH_BODY.has(method) || CHANGING.has(method)) return element("details", {}, element("summary", {}, title), fields);
  return element("fieldset", {}, element("legend", {}, title), fields);
};

/**
 * Ask for what a request needs, then call `perform(method, address, headers, body)`, which gives the answer or null.
 * `template`: the HAL-FORMS template that was chosen; `shown`: the document on the page, whose templates may describe the body.
 */
export const ask = async ({ method, link, title, shown, template, perform }) => {
  const wanted = link.templated ? variables(link.href) : [];
  const target = link.templated ? expand(link.href) : link.href;
  const body = WITH_BODY.has(method) ? await editorFor(method, target, shown, template) : null;
  if (method === "DELETE" && !knownTag(target)) await presentAt(target).catch(() => null);

  const preview = element("code", {}, shortened(target));
  const inputs = wanted.map((name) => [name, ...control(name, name, "", HINTS[name] ?? "")]);
  const values = () => Object.fromEntries(inputs.map(([name, field]) => [name, field.value]).filter(([, value]) => value !== ""));
  const address = () => (link.templated ? expand(link.href, values()) : link.href);
  const [tag, tagLabel] = control("if-match", "If-Match (empty: whatever the version)", CHANGING.has(method) ? knownTag(target) : "");
  const type = element("select", { name: "content-type" }, ...[...new Set([body?.type ?? TYPES[0], ...TYPES])].map((name) => element("option", {}, name)));
  const outcome = element("div", {});

  type.addEventListener("change", () => {
    const text = body.editor.node.querySelector("textarea");
    if (!type.value.includes("json") && text.value.trim() === "{}") text.value = "";
  });
  const submit = async (event) => {
    event.preventDefault();
    const extra = [];
    if (CHANGING.has(method) && tag.value.trim()) extra.push(["If-Match", tag.value.trim()]);
    if (body) extra.push(["Content-Type", type.value]);
    const answer = await perform(method, address(), extra, body ? body.editor.text() : undefined);
    if (answer && answer.status >= 400 && body) {
      outcome.replaceChildren(failureOf(answer));
      outcome.scrollIntoView({ block: "nearest" });
    } else dialog.close();
  };
  const form = element(
    "form",
    { class: "request", autocomplete: "off", novalidate: true, submit },
    element("h2", { id: "request-title" }, element("span", { class: `method ${method.toLowerCase()}` }, method), ` ${title}`),
    element("p", { class: "preview", "aria-label": "Address" }, preview),
    variableFields(inputs, method),
    CHANGING.has(method) ? tagLabel : null,
    body ? body.editor.node : null,
    body ? element("label", {}, "Content-Type", type) : null,
    outcome,
    element(
      "p",
      { class: "row" },
      element("button", { type: "submit" }, method === "GET" ? "Go" : `Send ${method}`),
      element("button", { type: "button", class: "plain", click: () => dialog.close() }, "Cancel"),
    ),
  );
  form.addEventListener("input", () => {
    preview.textContent = shortened(address());
  });
  dialog.replaceChildren(form);
  dialog.showModal();
  (form.querySelector("fieldset input, [data-field], textarea") ?? form.querySelector('button[type="submit"]')).focus();
};

/** Whether a request can go without questions. */
export const needsNothing = (method, link) => !link.templated && ["GET", "HEAD", "OPTIONS"].includes(method);
