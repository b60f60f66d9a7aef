// The editor of a body: fields on top, the JSON that is sent below. Filling a field changes the JSON, changing the JSON fills the fields.

import { element } from "./element.js";
import { indented, parsed } from "./json.js";

const LONG = new Set(["object", "array"]);

const read = (field, control) => {
  const text = control.value;
  if (text === "") return undefined;
  if (field.type === "boolean") return text === "true";
  if (field.type === "number" || field.type === "integer") return Number.isNaN(Number(text)) ? text : Number(text);
  if (LONG.has(field.type)) return parsed(text) ?? text;
  return text;
};

const write = (control, value) => {
  control.value = value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
};

const controlOf = (field) => {
  const choices = field.choices ?? (field.type === "boolean" ? [true, false] : null);
  const common = { name: field.name, required: field.required, "data-field": "", spellcheck: "false", autocomplete: "off" };
  if (choices) return element("select", common, element("option", { value: "" }, "–"), ...choices.map((choice) => element("option", { value: String(choice) }, String(choice))));
  return element("input", {
    ...common,
    type: "text",
    inputmode: field.type === "number" || field.type === "integer" ? "decimal" : null,
    pattern: field.pattern,
    minlength: field.minLength,
    maxlength: field.maxLength,
    placeholder: LONG.has(field.type) ? (field.type === "array" ? "[…]" : "{…}") : field.placeholder,
  });
};

const labelled = ([field, control]) =>
  element(
    "label",
    {},
    element("span", {}, element("strong", {}, field.name), field.required ? element("span", { class: "required" }, " required") : null, " "),
    field.prompt ? element("span", { class: "prompt" }, field.prompt) : null,
    control,
  );

/**
 * The editor for `fields` (see describe.js). `start`: the object to begin with. Gives `{node, text(), use(object)}`.
 * Values of the fields count only where `start` does not name them.
 */
export const bodyEditor = (fields, start) => {
  const text = element("textarea", { name: "body", spellcheck: "false", "aria-describedby": "body-note" });
  const note = element("p", { class: "note", id: "body-note", role: "status" });
  const controls = fields.map((field) => [field, controlOf(field)]);

  const fill = () => {
    const value = parsed(text.value);
    const faulty = text.value.trim() !== "" && value === undefined;
    note.textContent = faulty ? "This is not JSON; it would be sent as it is." : "";
    if (value === null || typeof value !== "object") return;
    for (const [field, control] of controls) if (control !== document.activeElement) write(control, value[field.name]);
  };
  const use = (object) => {
    text.value = indented(object);
    fill();
  };
  for (const [field, control] of controls) {
    control.addEventListener("input", () => {
      const value = parsed(text.value);
      const object = value !== null && typeof value === "object" ? value : {};
      const entered = read(field, control);
      if (entered === undefined) delete object[field.name];
      else object[field.name] = entered;
      text.value = indented(object);
      note.textContent = "";
    });
  }
  text.addEventListener("input", fill);
  use({ ...Object.fromEntries(fields.filter(({ value }) => value !== undefined).map(({ name, value }) => [name, value])), ...start });
  const node = element(
    "div",
    { class: "body" },
    fields.length
      ? element("fieldset", {}, element("legend", {}, "Fields"), element("div", { class: "fields" }, ...controls.map(labelled)))
      : null,
    element("label", {}, "Body", text),
    note,
  );
  return { node, text: () => text.value, use };
};
