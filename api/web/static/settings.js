// What a job is painted with, in words.

import { fieldTitle } from "./options.js";
import { getOptions, text } from "./service.js";

const ALWAYS = ["size", "content_weight", "style_weight", "iterations", "seed"];

/**
 * The settings of a job, as [title, value] in words: a few always, the others where they differ from the defaults.
 * @param {object} options all of the job's
 * @param {object} [submitted] what was submitted besides: the preset, and by field the names of files
 */
export async function describeSettings(options, submitted) {
  const fields = new Map((await getOptions()).options.map((field) => [field.name, field]));
  const values = { ...options, ...submitted };
  const differs = (name) => text(values[name]) !== text(fields.get(name).default);
  const others = [...fields.keys()].filter((name) => values[name] !== undefined && !ALWAYS.includes(name) && differs(name));
  return [...ALWAYS, ...others].map((name) => [fieldTitle(fields.get(name)), inWords(values[name], fields.get(name))]);
}

function inWords(value, { unit }) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return text(value).replaceAll(",", ", ") + (unit === "pixels" ? " px" : "");
}
