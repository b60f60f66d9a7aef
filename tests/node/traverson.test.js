// traverson with its HAL plug-in: paths of link relations as programs write them.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { promisify } from "node:util";
import traverson from "traverson";
import JsonHalAdapter from "traverson-hal";

const { BASE_URL, API_KEY } = process.env;

traverson.registerMediaType(JsonHalAdapter.mediaType, JsonHalAdapter);

const from = (address = `${BASE_URL}/v1`) =>
  traverson.from(address).jsonHal().withRequestOptions({ headers: { "X-API-KEY": API_KEY, Accept: "application/hal+json" } });
const resource = (walk) => promisify(walk.getResource.bind(walk))();
const sent = (walk, method, ...body) => promisify(walk[method].bind(walk))(...body);

test("reaches the last page of subscribers from the root", async () => {
  const last = await resource(from().follow("subs", "last").withTemplateParameters({ size: 10, sort: "imsi,desc" }));
  assert.equal(last.page.number, last.page.totalPages - 1);
  assert.equal(last.page.size, 10);
  assert.ok(last._embedded.subs.length > 0);
});

test("walks all pages by next", async () => {
  let page = await resource(from().follow("groups").withTemplateParameters({ size: 5 }));
  const { totalElements } = page.page;
  let seen = page._embedded.groups.length;
  while (page._links.next) {
    page = await resource(from(page._links.self.href).follow("next"));
    seen += page._embedded.groups.length;
  }
  assert.equal(seen, totalElements);
});

test("picks embedded objects by position and by property", async () => {
  const first = await resource(from().follow("subs", "subs[0]").withTemplateParameters({ size: 3 }));
  assert.match(first.imsi, /^\d+$/);
  const same = await resource(from().follow("subs", `subs[imsi:${first.imsi}]`).withTemplateParameters({ size: 3 }));
  assert.equal(same.imsi, first.imsi);
  const self = await resource(from().follow("subs", "subs[0]", "self").withTemplateParameters({ size: 3 }));
  assert.equal(self.imsi, first.imsi);
});

test("creates, changes and deletes a group", async () => {
  const name = `Group ${randomUUID()}`;
  const made = await sent(from().follow("groups"), "post", { name });
  assert.equal(made.statusCode ?? made.status, 201);
  const address = JSON.parse(made.body)._links.self.href;
  assert.equal((await resource(from(address))).name, name);
  const changed = await sent(from(address), "patch", { description: "by traverson" });
  assert.equal(changed.statusCode ?? changed.status, 200);
  const replaced = await sent(from(address), "put", { name });
  assert.equal(JSON.parse(replaced.body).description, null);
  const gone = await sent(from(address), "delete");
  assert.equal(gone.statusCode ?? gone.status, 204);
});
