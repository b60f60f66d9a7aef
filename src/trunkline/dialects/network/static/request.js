// Sending requests to this server, and what is known of its answers.

import { bare, isOurs, learn, shortened } from "./address.js";
import { parsed } from "./json.js";

const ACCEPT = "application/prs.hal-forms+json, application/hal+json, application/json, */*";
const etags = new Map(); // address without query → the entity tag that was seen last

/** The entity tag that an address had when it was last answered, or "". */
export const knownTag = (address) => etags.get(bare(address)) ?? "";

const remember = (method, address, answer) => {
  const tag = answer.headers.get("etag");
  if (tag && answer.ok) etags.set(bare(address), tag);
  else if (method === "DELETE" && answer.ok) etags.delete(bare(address));
};

/**
 * Ask this server. Gives `{method, address, status, statusText, headers: [[name, value]], text, json, milliseconds}`; errors of
 * HTTP are answers too. Throws an `Error` with a sentence for people when there is no answer, or the address is not ours.
 */
export const send = async (method, address, headers = [], body = undefined) => {
  if (!isOurs(address)) throw new Error(`${address} is not on this server, which is the only one that this page asks.`);
  const given = new Headers();
  given.set("Accept", ACCEPT);
  for (const [name, value] of headers) {
    try {
      given.set(name, value);
    } catch {
      throw new Error(`“${name}: ${value}” cannot be sent as a header.`);
    }
  }
  const started = performance.now();
  let answer;
  let text;
  try {
    answer = await fetch(shortened(address), { method, headers: given, body, cache: "no-store", credentials: "same-origin", redirect: "follow" });
    text = await answer.text();
  } catch (error) {
    throw new Error(`The server gave no answer: ${error.message}`);
  }
  remember(method, address, answer);
  const json = /json/.test(answer.headers.get("content-type") ?? "") ? parsed(text) : undefined;
  const self = answer.ok && json?._links?.self;
  if (self && !self.templated && typeof self.href === "string") learn(address, self.href);
  return {
    method,
    address,
    status: answer.status,
    statusText: answer.statusText,
    headers: [...answer.headers],
    text,
    json,
    milliseconds: Math.round(performance.now() - started),
  };
};

/** The value of an answer's header, or "". */
export const header = (answer, name) => answer.headers.find(([key]) => key === name)?.[1] ?? "";

/** Where a `Link` header points to for a relation (RFC 8288), or "". */
export const linked = (answer, relation) => {
  for (const [, target, parameters] of header(answer, "link").matchAll(/<([^>]*)>((?:\s*;\s*[^,;]+)*)/g)) {
    if (new RegExp(`;\\s*rel="?(?:[^"]*\\s)?${relation}(?:\\s[^"]*)?"?\\s*(?:;|$)`, "i").test(parameters)) return target;
  }
  return "";
};
