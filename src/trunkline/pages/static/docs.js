// Trying calls from the reference. The page reads without this; the token lives in this file's memory only.
"use strict";

(() => {
  const credentials = document.getElementById("credentials");
  const documentAddress = credentials.dataset.document;
  const operations = new Map(); // operationId → {method, path, operation}
  let token = null;
  let loading = null;

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key in made && typeof value !== "string") made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };

  const load = () => {
    loading ??= fetch(documentAddress)
      .then((answer) => answer.json())
      .then((openapi) => {
        for (const [path, item] of Object.entries(openapi.paths)) {
          for (const [method, operation] of Object.entries(item)) {
            operations.set(operation.operationId, { method: method.toUpperCase(), path, operation });
          }
        }
      });
    return loading;
  };

  // the token --------------------------------------------------------------------------------------------------------------

  const say = (state, text, kind = "") => {
    state.textContent = text;
    state.className = `state ${kind}`;
  };

  credentials.hidden = false;
  credentials.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const state = form.querySelector(".state");
    const data = new FormData(form);
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: data.get("client_id").trim(),
      client_secret: data.get("client_secret").trim(),
      scope: data.getAll("scope").join(" "),
    });
    say(state, "Asking …");
    try {
      const answer = await fetch(credentials.dataset.tokenUrl, { method: "POST", body });
      const said = await answer.json();
      if (answer.ok) {
        token = said.access_token;
        say(state, `Token received; valid for ${Math.round(said.expires_in / 60)} minutes.`, "good");
      } else {
        token = null;
        say(state, said.error_description || said.detail || said.error, "bad");
      }
    } catch (error) {
      say(state, `The server cannot be reached: ${error.message}`, "bad");
    }
  });

  // one operation's form ---------------------------------------------------------------------------------------------------

  const field = (parameter) => {
    const schema = parameter.schema.items ?? parameter.schema;
    const single = schema.enum && !("explode" in parameter && parameter.explode === false);
    const attributes = { name: parameter.name, "data-in": parameter.in, spellcheck: "false", autocomplete: "off" };
    let control;
    if (single) {
      control = element("select", attributes, element("option", { value: "" }, "–"), ...schema.enum.map((word) => element("option", { value: word }, word)));
    } else {
      control = element("input", attributes);
      control.placeholder = schema.format ?? (schema.enum ? schema.enum.slice(0, 2).join(",") : "");
    }
    if (parameter.in === "path") control.value = parameter.example ?? "";
    if (parameter.required) control.required = true;
    return element("label", { title: parameter.description }, parameter.name, control);
  };

  const build = ({ operation }) => {
    const form = element("form", { autocomplete: "off" });
    const fields = element("div", { class: "fields" });
    const later = [];
    for (const parameter of operation.parameters) {
      if (parameter.required || parameter.name.startsWith("page[") || parameter.name === "sort") fields.append(field(parameter));
      else later.push(parameter);
    }
    form.append(fields);
    if (later.length) {
      const adder = element("select", {}, element("option", { value: "" }, "Choose …"), ...later.map((p) => element("option", { value: p.name }, p.name)));
      adder.addEventListener("change", () => {
        const chosen = later.find((parameter) => parameter.name === adder.value);
        if (!chosen) return;
        const added = field(chosen);
        const control = added.querySelector("input, select");
        if (chosen.name === "Idempotency-Key") control.value = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
        fields.append(added);
        adder.querySelector(`option[value="${CSS.escape(chosen.name)}"]`).remove();
        adder.value = "";
        control.focus();
      });
      form.append(element("div", { class: "row" }, element("label", {}, "Add a parameter ", adder)));
    }
    const content = operation.requestBody?.content;
    if (content) {
      const types = Object.keys(content);
      const example = content[types[0]].example ?? {};
      const text = types[0].endsWith("json") ? JSON.stringify(example, null, 2) : new URLSearchParams(example).toString();
      form.append(element("label", {}, "Body", element("textarea", { name: "body", spellcheck: "false" }, text)));
      const choice = element("select", { name: "type" }, ...types.map((type) => element("option", {}, type)));
      form.append(element("div", { class: "row" }, element("label", {}, "Content-Type ", choice)));
    }
    form.append(element("div", { class: "row" }, element("button", { type: "submit" }, "Send")));
    return form;
  };

  const requestOf = (form, { method, path }) => {
    const query = [];
    const headers = { Accept: "application/json, application/problem+json" };
    let target = path;
    for (const control of form.querySelectorAll("[data-in]")) {
      const value = control.value;
      const where = control.dataset.in;
      if (where === "path") target = target.replace(`{${control.name}}`, encodeURIComponent(value));
      else if (value === "") continue;
      else if (where === "query") query.push(`${encodeURIComponent(control.name)}=${encodeURIComponent(value)}`);
      else headers[control.name] = value;
    }
    const body = form.elements.namedItem("body")?.value;
    if (body !== undefined) headers["Content-Type"] = form.elements.namedItem("type").value;
    return { method, address: target + (query.length ? `?${query.join("&")}` : ""), headers, body };
  };

  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  const asCurl = ({ method, address, headers, body }) => {
    const lines = [`curl -X ${method} ${quoted(location.origin + address)}`];
    for (const [name, value] of Object.entries(headers)) {
      lines.push(name === "Authorization" ? '-H "Authorization: Bearer $TOKEN"' : `-H ${quoted(`${name}: ${value}`)}`);
    }
    if (body !== undefined) lines.push(`--data-raw ${quoted(body)}`);
    return lines.join(" \\\n  ");
  };

  const block = (label, text) =>
    element("figure", { class: "code" }, element("figcaption", {}, label), element("pre", { tabindex: "0", role: "region", "aria-label": label }, element("code", {}, text)));

  const indented = (text) => {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  };

  const send = async (form, known, result) => {
    const request = requestOf(form, known);
    if (known.operation.security.some((alternative) => "oauth2" in alternative) && token) {
      request.headers.Authorization = `Bearer ${token}`;
    }
    result.replaceChildren(block("Request", asCurl(request)), element("p", {}, "Sending …"));
    const started = performance.now();
    try {
      const answer = await fetch(request.address, { method: request.method, headers: request.headers, body: request.body, cache: "no-store" });
      const text = await answer.text();
      const took = Math.round(performance.now() - started);
      const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      const kind = answer.status < 400 ? "good" : "bad";
      result.replaceChildren(
        block("Request", asCurl(request)),
        element("p", {}, element("span", { class: `status ${kind}` }, `${answer.status} ${answer.statusText}`), ` in ${took} ms`),
        block("Headers", headers),
        ...(text ? [block("Body", indented(text))] : []),
      );
    } catch (error) {
      result.replaceChildren(block("Request", asCurl(request)), element("p", { class: "status bad" }, `No answer: ${error.message}`));
    }
  };

  for (const place of document.querySelectorAll(".try")) {
    const opener = element("button", { type: "button", class: "plain", "aria-expanded": "false" }, "Try it");
    place.append(opener);
    place.hidden = false;
    let panel = null;
    opener.addEventListener("click", async () => {
      if (!panel) {
        await load();
        const known = operations.get(place.dataset.operation);
        const form = build(known);
        const result = element("div", { class: "result", "aria-live": "polite" });
        form.addEventListener("submit", (event) => {
          event.preventDefault();
          send(form, known, result);
        });
        panel = element("div", {}, form, result);
        panel.hidden = true;
        place.append(panel);
      }
      panel.hidden = !panel.hidden;
      opener.setAttribute("aria-expanded", String(!panel.hidden));
      if (!panel.hidden) panel.querySelector("input, select, textarea, button").focus();
    });
  }
})();
