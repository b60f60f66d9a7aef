// ketting 8: what a hypermedia client for people's programs does with the Network API.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { test } from "node:test";
import { Client } from "ketting";

const { BASE_URL, API_KEY } = process.env;

const client = () => {
  const made = new Client(`${BASE_URL}/v1`);
  made.use((request, next) => {
    request.headers.set("X-API-KEY", API_KEY);
    return next(request);
  });
  return made;
};

test("walks from the root to the last page by next, meeting every subscriber once", async () => {
  const root = client().go();
  let page = await (await root.follow("subs", { size: 200, sort: "imsi,desc" })).get();
  const { totalElements, totalPages } = page.data.page;
  const seen = new Set();
  let number = 0;
  for (;;) {
    assert.equal(page.data.page.number, number);
    for (const item of page.getEmbedded()) seen.add(item.uri);
    if (!page.links.has("next")) break;
    page = await (await page.follow("next")).get();
    number += 1;
  }
  assert.equal(number, totalPages - 1);
  assert.equal(seen.size, totalElements);
});

test("reaches the last page by its link, and an embedded item's associations", async () => {
  const root = client().go();
  const first = await (await root.follow("subs", { size: 10 })).get();
  const last = await (await first.follow("last")).get();
  assert.equal(last.data.page.number, last.data.page.totalPages - 1);
  const [item] = last.getEmbedded();
  assert.match(item.uri, /\/v1\/subs\/\d+$/);
  const customer = await (await item.follow("customer")).get();
  assert.ok(customer.data.name);
});

test("creates, reads, changes, replaces and deletes a subscriber", async () => {
  const subs = await client().go().follow("subs");
  const imsi = `99970${randomInt(1e9, 1e10)}`.slice(0, 15);
  const made = await subs.postFollow({ data: { imsi, msisdn: "+46701234567", k: "00112233445566778899aabbccddeeff", extensions: { lot: "1" } } });
  const state = await made.get();
  assert.equal(state.data.imsi, imsi);
  assert.equal(state.data.k, "###MASKED###");
  assert.equal(state.data.status, "Inactive");

  const changed = await made.patch({ data: { extensions: { shelf: "B" } } });
  assert.deepEqual(changed.data.extensions, { lot: "1", shelf: "B" });

  const fresh = await made.refresh();
  const tag = fresh.headers.get("etag");
  await made.put({ data: { ...fresh.data, msisdn: "+46707654321" }, headers: { "If-Match": tag } });
  assert.equal((await made.refresh()).data.msisdn, "+46707654321");
  await assert.rejects(made.put({ data: fresh.data, headers: { "If-Match": tag } }), { status: 412 });

  await made.delete();
  await assert.rejects(made.refresh(), { status: 404 });
});

test("does what HAL-FORMS offers", async () => {
  const root = client().go();
  const groups = await (await root.follow("groups")).get();
  const create = groups.action();
  assert.equal(create.method, "POST");
  const name = `Group ${randomUUID()}`;
  const made = await create.submit({ name });
  assert.equal(made.data.name, name);
  const group = await (await made.follow("self")).get();
  const changed = await group.action("default").submit({ description: "by its form" });
  assert.deepEqual([changed.data.name, changed.data.description], [name, "by its form"]);
  await group.action("delete").submit({});
  await assert.rejects((await made.follow("self")).refresh(), { status: 404 });
});

test("sends a form back as it came without changing anything", async () => {
  const root = client().go();
  const page = await (await root.follow("subs", { size: 1, sort: "imsi,asc" })).get();
  const [item] = page.getEmbedded();
  const before = await (await item.follow("self")).refresh();
  const after = await before.action("default").submit({});
  assert.deepEqual(after.data, before.data);
  assert.equal(after.headers.get("etag"), before.headers.get("etag"));
});
