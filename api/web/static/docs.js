// The API in Swagger UI, with forms that are blank: a blank field has the preset's value, but Swagger UI would fill
// in every field with a value that it makes up, and send it.

const FORM = "multipart/form-data";

const api = await (await fetch("openapi.json")).json();
for (const methods of Object.values(api.paths)) {
  for (const { requestBody } of Object.values(methods)) leaveBlank(requestBody?.content[FORM]?.schema);
}
globalThis.SwaggerUIBundle({
  spec: api,
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
});

function leaveBlank(schema) {
  const properties = resolve(schema)?.properties ?? {};
  for (const property of Object.values(properties)) {
    if (property.type === "array") property.example = [];
    else if (property.format !== "binary") property.example = "";
  }
}

function resolve(schema) {
  return schema?.$ref ? schema.$ref.split("/").slice(1).reduce((part, name) => part[name], api) : schema;
}
