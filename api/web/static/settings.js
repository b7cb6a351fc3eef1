// The settings of a job, in words.

import { fieldTitle } from "./options.js";
import { getOptions, text } from "./service.js";

const ALWAYS = ["size", "content_weight", "style_weight", "iterations", "seed"];

/**
 * The settings of a job, as [title, value] in words: a few always, the others if they differ from the defaults.
 * @param {object} options all options of the job
 * @param {object} [submitted] what else was submitted: the preset, and the file names by field
 */
export async function describeSettings(options, submitted) {
  const fields = new Map((await getOptions()).options.map((field) => [field.name, field]));
  const values = { ...options, ...submitted };
  const differs = (name) => text(values[name]) !== text(fields.get(name).default);
  const others = [...fields.keys()].filter((name) => values[name] !== undefined && !ALWAYS.includes(name) && differs(name));
  return [...ALWAYS, ...others].map((name) => [fieldTitle(fields.get(name)), describe(values[name], fields.get(name))]);
}

function describe(value, { unit }) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return text(value).replaceAll(",", ", ") + (unit === "pixels" ? " px" : "");
}
