// The query page: gets a token, sends what is written, shows what comes back.

import { byId, element } from "./element.js";
import { SAMPLES } from "./samples.js";
import { browse } from "./schema.js";

const form = byId("ask");
const fieldOf = (name) => form.elements.namedItem(name);
let token = "";

const useToken = (text, words) => {
  token = text;
  byId("token-state").textContent = words;
  byId("access").open = !text;
};

const say = (text, kind = "") => {
  byId("status").className = `status ${kind}`;
  byId("status").textContent = text;
};

/** POST a query. Gives `{answer, json, milliseconds}`; throws an `Error` with a sentence for people. */
const post = async (body, key = "") => {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  const started = performance.now();
  let answer;
  try {
    answer = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", credentials: "omit" });
    return { answer, json: await answer.json(), milliseconds: Math.round(performance.now() - started) };
  } catch (error) {
    throw new Error(answer ? `The answer cannot be read: ${error.message}` : `The server gave no answer: ${error.message}`);
  }
};

const run = async () => {
  const body = { query: fieldOf("query").value };
  const variables = fieldOf("variables").value.trim();
  if (variables) {
    try {
      body.variables = JSON.parse(variables);
    } catch (error) {
      say(`The variables are not JSON: ${error.message}`, "bad");
      fieldOf("variables").focus();
      return;
    }
  }
  if (fieldOf("operation").value.trim()) body.operationName = fieldOf("operation").value.trim();
  say("Asking …");
  try {
    const { answer, json, milliseconds } = await post(body, fieldOf("key").value.trim());
    const count = json.errors?.length ?? 0;
    say(`${answer.status} ${answer.statusText}, ${milliseconds} ms${count ? `, ${count} error${count > 1 ? "s" : ""}` : ""}`, count ? "bad" : "good");
    byId("answer").firstElementChild.textContent = JSON.stringify(json, null, 2);
    byId("headers").textContent = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  } catch (error) {
    say(error.message, "bad");
  }
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});

byId("client").addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new URLSearchParams(new FormData(event.target));
  given.set("grant_type", "client_credentials");
  try {
    const answer = await fetch("/oauth2/token", { method: "POST", body: given, cache: "no-store", credentials: "omit" });
    const json = await answer.json();
    if (answer.ok) useToken(json.access_token, `got one, good for ${Math.round(json.expires_in / 60)} minutes`);
    else useToken("", json.error_description ?? json.detail ?? `refused (${answer.status})`);
  } catch (error) {
    useToken("", `the server gave no answer: ${error.message}`);
  }
});
byId("pasted").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(new FormData(event.target).get("token").trim(), "the pasted one");
  event.target.reset();
});

const choose = (sample) => {
  fieldOf("query").value = sample.query;
  fieldOf("variables").value = sample.variables ? JSON.stringify(sample.variables, null, 2) : "";
};
fieldOf("sample").append(...SAMPLES.map((sample, index) => element("option", { value: String(index) }, sample.title)));
fieldOf("sample").addEventListener("change", (event) => choose(SAMPLES[Number(event.target.value)]));
choose(SAMPLES[0]);

byId("load-schema").addEventListener("click", async () => {
  try {
    await browse(post);
  } catch (error) {
    byId("type").replaceChildren(element("p", { class: "failure", role: "alert" }, error.message));
  }
});
