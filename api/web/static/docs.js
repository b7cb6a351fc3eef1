// The API in Swagger UI, ready to try out: JSON with an example that works, and forms with the values of that example.
// The other fields of a form are blank, so that the preset's values apply. Swagger UI would otherwise fill in every
// field with an invented value, and send it.

const JSON_BODY = "application/json";
const FORM = "multipart/form-data";
const GROUP = "x-group";

const groups = new Map(); // by the names of fields
const api = await (await fetch("openapi.json")).json();
for (const methods of Object.values(api.paths)) {
  for (const { requestBody } of Object.values(methods)) if (requestBody) prepare(requestBody);
}
globalThis.SwaggerUIBundle({
  spec: api,
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
});
new MutationObserver(showGroups).observe(document.querySelector("#swagger-ui"), { childList: true, subtree: true });

function prepare(requestBody) {
  const { [JSON_BODY]: json, [FORM]: form, ...others } = requestBody.content;
  requestBody.content = { ...(json && { [JSON_BODY]: json }), ...(form && { [FORM]: form }), ...others };
  if (!form) return;
  const schema = resolve(form.schema);
  schema.properties = sortByGroup(schema.properties);
  for (const [name, property] of Object.entries(schema.properties)) {
    groups.set(name, property[GROUP]);
    if (property.type === "array") property.example = [];
    else if (property.format !== "binary") property.example = String(json?.example?.[name] ?? "");
  }
}

function resolve(schema) {
  return schema.$ref ? schema.$ref.split("/").slice(1).reduce((part, name) => part[name], api) : schema;
}

function sortByGroup(properties) {
  const fields = Object.entries(properties);
  const order = [...new Set(fields.map(([, property]) => property[GROUP]))];
  return Object.fromEntries(order.flatMap((group) => fields.filter(([, property]) => property[GROUP] === group)));
}

// Adds headings to the table of a form. Swagger UI has no component for the rows that could be extended.
function showGroups() {
  for (const row of document.querySelectorAll("tr[data-property-name]")) {
    const group = groups.get(row.dataset.propertyName);
    const above = row.previousElementSibling;
    if (group && !above?.matches(".group") && groups.get(above?.dataset.propertyName) !== group) {
      row.before(makeHeading(group));
    }
  }
}

function makeHeading(group) {
  const heading = document.createElement("tr");
  heading.className = "group";
  heading.innerHTML = '<th colspan="2" scope="rowgroup"></th>';
  heading.firstChild.textContent = group;
  return heading;
}
