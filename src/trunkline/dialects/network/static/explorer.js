// The explorer: what the fragment names is asked for and shown; every link leads on.

import * as addresses from "./address.js";
import { showAnswer } from "./answer.js";
import { ask, needsNothing } from "./dialog.js";
import { byId, element } from "./element.js";
import { failureOf } from "./failure.js";
import * as headers from "./headers.js";
import { linkTable } from "./links.js";
import { header, send } from "./request.js";
import { resourceParts } from "./resource.js";
import * as session from "./session.js";

const KEY_IN_ADDRESS =
  "The address of this page held request headers. They are in use now and were taken out of the address, but an address with a key " +
  "may stay in the browser's history and wherever it was copied to. Better: put the key into the request headers, or sign in.";

const form = byId("address");
const panes = byId("panes");
let shown = null; // the document on the page
let asked = 0; // so that a slow answer never replaces a later one

const notice = (text, kind = "warning") => {
  byId("notices").replaceChildren(element("p", { class: kind, role: "alert" }, text));
};

const actions = {
  follow: (href) => visit(href),
  ask: (method, link, relation) => begin(method, link, relation),
  fill: (template, title) => begin((template.method ?? "GET").toUpperCase(), { href: template.target }, title, template),
};

const documentParts = (answer) => {
  const place = header(answer, "location");
  const placed = place ? linkTable({ Location: { href: place } }, actions) : null;
  const failed = failureOf(answer);
  if (failed) return [failed, placed];
  if (answer.json !== undefined) return [placed, ...resourceParts(answer.json, actions)];
  const allowed = header(answer, "allow");
  return [placed, element("p", { class: "note" }, allowed ? `Allowed here: ${allowed}` : answer.text ? "The answer is no JSON; it is shown as it came." : "Done; the answer has no document.")];
};

const show = (answer, moveFocus) => {
  shown = answer.json ?? null;
  const path = addresses.shortened(answer.address);
  document.title = `${path} – HAL explorer – Trunkline`;
  panes.hidden = false;
  byId("document").replaceChildren(element("h2", { id: "document-title" }, path), ...documentParts(answer).filter(Boolean));
  showAnswer(byId("answer"), answer);
  byId("progress").textContent = `${answer.method} ${path}: ${answer.status} ${answer.statusText}`;
  if (moveFocus) byId("document").focus({ preventScroll: window.innerWidth > 900 });
};

const perform = async (method, address, extra = [], body = undefined, moveFocus = true) => {
  const mine = ++asked;
  byId("progress").textContent = `${method} ${address} …`;
  panes.setAttribute("aria-busy", "true");
  try {
    const answer = await send(method, address, [...headers.given(), ...extra], body);
    if (mine === asked) {
      session.seen(answer.status);
      show(answer, moveFocus);
    }
    return answer;
  } catch (error) {
    notice(error.message, "failure");
    return null;
  } finally {
    if (mine === asked) panes.removeAttribute("aria-busy");
  }
};

/** Ask for what the page's address names. */
const load = async (moveFocus = true) => {
  const { uri, headers: fromAddress } = addresses.read(location.hash);
  byId("notices").replaceChildren();
  if (!uri) addresses.replace(addresses.ROOT);
  if (fromAddress.length) {
    headers.take(fromAddress);
    byId("headers").open = true;
    addresses.replace(uri || addresses.ROOT);
    notice(KEY_IN_ADDRESS);
  }
  form.elements.namedItem("uri").value = uri ? addresses.isOurs(uri) ? addresses.shortened(uri) : uri : addresses.ROOT;
  form.elements.namedItem("method").value = "GET";
  await perform("GET", uri || addresses.ROOT, [], undefined, moveFocus);
};

/** Go to an address: an entry in the history, so that back and forward work. */
const visit = (href) => {
  const uri = addresses.isOurs(href) ? addresses.shortened(href) : href;
  if (addresses.read(location.hash).uri === uri) load();
  else addresses.go(uri);
};

/** One method of one link: at once when nothing is left to ask, otherwise through the dialog. */
const begin = (method, link, title, template = null) => {
  if (needsNothing(method, link)) return method === "GET" ? visit(link.href) : perform(method, link.href);
  return ask({
    method,
    link,
    title,
    shown,
    template,
    perform: async (...request) => {
      if (method !== "GET") return perform(...request);
      visit(request[1]);
      return null;
    },
  }).catch((error) => notice(error.message, "failure"));
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const method = form.elements.namedItem("method").value;
  const href = form.elements.namedItem("uri").value.trim();
  begin(method, { href, templated: href.includes("{") }, addresses.isOurs(href) ? addresses.shortened(href) : href);
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the explorer's own
  (panes.hidden ? form.elements.namedItem("uri") : byId("document")).focus();
});
window.addEventListener("hashchange", () => load());
headers.start(() => load(false));
session.start(() => load());
load(false);
