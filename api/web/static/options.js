// Everything behind “More”: a field for each option, as the service describes it.

import { getOpenApi } from "./service.js";

const ELSEWHERE = new Set(["content", "style", "content_weight", "style_weight", "preset", "start", "pictures_of"]);

/** Fills the element with fields, when it is first opened. */
export async function showOptions(element) {
  const document_ = await getOpenApi();
  const body = document_.paths["/jobs"].post.requestBody.content["multipart/form-data"].schema;
  const schema = resolved(body, document_);
  const fields = Object.entries(schema.properties)
    .filter(([name]) => !ELSEWHERE.has(name))
    .map(([name, property]) => field(name, resolved(property, document_)));
  element.replaceChildren(...fields);
}

/** Puts what was filled in into a form; what was not stays at the preset's value. */
export function addOptions(element, form) {
  for (const input of element.querySelectorAll("input, select")) {
    if (input.type === "checkbox" && !input.checked) continue;
    if (input.type === "file") for (const file of input.files) form.append(input.name, file);
    else if (input.value !== "") form.append(input.name, input.value);
  }
}

/** Says what is wrong with options, each beside its field; gives those that have none. */
export function tellOptions(element, faults) {
  for (const fault of element.querySelectorAll(".fault")) fault.textContent = "";
  return Object.entries(faults).filter(([name, sentence]) => {
    const place = element.querySelector(`#fault-${name}`);
    if (!place) return true;
    element.open = true;
    place.textContent = sentence;
    return false;
  });
}

function resolved(schema, document_) {
  const target = schema.$ref?.split("/").slice(1).reduce((part, name) => part[name], document_);
  const found = { ...target, ...schema };
  const variants = found.anyOf ?? found.oneOf;
  const first = variants?.map((each) => resolved(each, document_)).find((each) => each.type !== "null");
  return first ? { ...first, ...found } : found;
}

function field(name, schema) {
  const label = document.createElement("label");
  const words = name.replaceAll("_", " ").replace(/^tv\b/, "total variation");
  const input = inputOf(schema);
  const [first] = (schema.description ?? "").split(/(?<=\.) /);
  const description = input.type === "checkbox" ? first : schema.description;
  const hint = Object.assign(document.createElement("small"), { textContent: plain(description ?? "") });
  Object.assign(input, { name, id: `option-${name}` });
  hint.id = `hint-${name}`;
  input.setAttribute("aria-describedby", hint.id);
  const fault = Object.assign(document.createElement("span"), { className: "fault", id: `fault-${name}` });
  fault.setAttribute("role", "alert");
  label.append(words[0].toUpperCase() + words.slice(1), input, fault, hint);
  return label;
}

function inputOf(schema) {
  if (schema.type === "boolean") return Object.assign(document.createElement("input"), { type: "checkbox", value: "true" });
  if (schema.enum) {
    const select = document.createElement("select");
    select.append(new Option(schema.default === undefined ? "as it is" : `${schema.default}`, ""));
    select.append(...schema.enum.map((choice) => new Option(choice, choice)));
    return select;
  }
  const input = document.createElement("input");
  const isFile = schema.format === "binary" || schema.items?.format === "binary" || schema.contentMediaType || schema.items?.contentMediaType;
  if (isFile) return Object.assign(input, { type: "file", accept: "image/*", multiple: schema.type === "array" });
  if (schema.type === "number" || schema.type === "integer") {
    const step = schema.type === "integer" ? 1 : "any";
    Object.assign(input, { type: "number", min: schema.minimum ?? "", max: schema.maximum ?? "", step });
  }
  input.placeholder = typeof schema.default === "object" ? "" : (schema.default ?? "");
  return input;
}

function plain(text) {
  return text.replaceAll("`", "");
}
