// Signing in and out. The cookie is out of every script's reach; what is known here is only whether the server took us for somebody.

import { byId } from "./element.js";
import * as headers from "./headers.js";
import { send } from "./request.js";

const panel = byId("sign-in");
const form = panel.querySelector("form");
const state = form.querySelector(".state");
const shown = byId("session");
const leave = byId("sign-out");
let username = "";

const say = (text, kind = "") => {
  state.textContent = text;
  state.className = `state ${kind}`;
};

/** Show who we seem to be after an answer with this status. */
export const seen = (status) => {
  if (headers.hasKey()) {
    shown.textContent = status === 401 ? "The key was refused" : "Using an API key";
    leave.hidden = true;
    panel.hidden = true;
  } else if (status === 401) {
    shown.textContent = "Not signed in";
    leave.hidden = true;
    panel.hidden = false;
  } else {
    shown.textContent = username ? `Signed in as ${username}` : "Signed in";
    leave.hidden = false;
    panel.hidden = true;
  }
};

/** Start both forms; `whenChanged` is called after signing in or out. */
export const start = (whenChanged) => {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    say("Signing in …");
    try {
      const body = new URLSearchParams({ username: given.get("username"), password: given.get("password") });
      const answer = await send("POST", form.getAttribute("action"), [], body);
      if (answer.status < 300) {
        username = given.get("username");
        form.reset();
        say("");
        panel.hidden = true;
        whenChanged();
      } else {
        say(answer.json?.message ?? `${answer.status} ${answer.statusText}`, "bad");
        form.elements.namedItem("password").select();
      }
    } catch (error) {
      say(error.message, "bad");
    }
  });
  leave.addEventListener("click", async () => {
    try {
      await send("POST", "/logout");
    } finally {
      username = "";
      whenChanged();
    }
  });
};
