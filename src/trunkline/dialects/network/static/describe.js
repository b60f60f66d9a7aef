// What may stand in a body: from a HAL-FORMS template, or from the JSON Schema of the target's profile.

import { bare } from "./address.js";
import { linked, send } from "./request.js";

const schemas = new Map(); // profile's address → JSON Schema

/** The template of `resource` (or of what is embedded in it) that is about this method and address, or null. */
export const templateFor = (resource, method, address) => {
  if (resource === null || typeof resource !== "object") return null;
  const self = resource._links?.self?.href ?? "";
  for (const template of Object.values(resource._templates ?? {})) {
    if ((template.method ?? "GET").toUpperCase() === method && bare(template.target ?? self) === bare(address)) return template;
  }
  for (const item of Object.values(resource._embedded ?? {}).flat()) {
    const found = templateFor(item, method, address);
    if (found) return found;
  }
  return null;
};

/** The fields of a HAL-FORMS template, as `fieldsOf` of body.js takes them. */
export const fieldsOfTemplate = (template) =>
  (template.properties ?? []).map((property) => ({
    name: property.name,
    prompt: property.prompt === property.name ? "" : (property.prompt ?? ""),
    required: Boolean(property.required),
    readOnly: Boolean(property.readOnly),
    type: { number: "number", checkbox: "boolean" }[property.type] ?? "string",
    choices: property.options?.inline?.map((option) => (typeof option === "object" ? option[property.options.valueField ?? "value"] : option)),
    value: property.value ?? property.options?.selectedValues?.[0],
    pattern: property.regex,
    minimum: property.min,
    maximum: property.max,
    minLength: property.minLength,
    maxLength: property.maxLength,
    placeholder: property.placeholder ?? "",
  }));

const fieldOfSchema = ([name, schema], required, present) => {
  const types = [schema.type].flat().filter((type) => type && type !== "null");
  return {
    name,
    prompt: schema.title === name ? "" : (schema.title ?? ""),
    required,
    readOnly: Boolean(schema.readOnly),
    type: types[0] ?? "string",
    choices: schema.enum?.filter((value) => value !== null),
    value: present,
    pattern: schema.pattern,
    minimum: schema.minimum,
    maximum: schema.maximum,
    minLength: schema.minLength,
    maxLength: schema.maxLength,
    placeholder: schema.format ?? "",
  };
};

/** The JSON Schema that the target of a write names: HEAD, then `Link rel=profile`, then `application/schema+json`. Null without one. */
export const schemaOf = async (address, headers) => {
  const head = await send("HEAD", address, headers);
  const profile = linked(head, "profile");
  if (!profile) return null;
  if (!schemas.has(profile)) {
    const answer = await send("GET", profile, [...headers, ["Accept", "application/schema+json"]]);
    if (answer.status !== 200 || !answer.json?.properties) return null;
    schemas.set(profile, answer.json);
  }
  return schemas.get(profile);
};

/** The fields of a JSON Schema; `present`: the values that the object has now. */
export const fieldsOfSchema = (schema, present = {}) =>
  Object.entries(schema.properties)
    .map((entry) => fieldOfSchema(entry, (schema.required ?? schema.requiredProperties ?? []).includes(entry[0]), present[entry[0]]))
    .filter((field) => !field.readOnly);
