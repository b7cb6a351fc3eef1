// Writes the types of the JavaScript client: node generate.mjs < openapi.json > js/api.d.ts

import { json } from "node:stream/consumers";
import openapiTS, { astToString, stringToAST, transformSchemaObject } from "openapi-typescript";
import ts from "typescript";

const { openapi, info, components: { schemas } } = await json(process.stdin);
const blob = ts.factory.createTypeReferenceNode("Blob");

/** Pictures become blobs, events with JSON text become parsed objects, and known codes are listed. */
function transform(schema, options) {
  if (schema.format === "binary") return blob;
  if (schema.contentSchema) return transformSchemaObject(schema.contentSchema, options);
  if (!schema["x-extensible-enum"]) return undefined;
  const codes = schema["x-extensible-enum"].map((code) => JSON.stringify(code));
  const [declaration] = stringToAST(`type _ = ${codes.join(" | ")} | (string & {})`);
  return declaration.type;
}

const source = { openapi, info, paths: {}, components: { schemas } };
const types = await openapiTS(source, { rootTypes: true, rootTypesNoSchemaPrefix: true, transform });
process.stdout.write(astToString(types));
