"""Names the schemas of the OpenAPI document for client generators: each enum and each request body
becomes a component with a name that reads well in code, instead of a copy in each place."""

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic.alias_generators import to_pascal

from pastiche.job_settings import JOB_SETTINGS, WebhookEvent
from pastiche.option_values import LAYERS, ChoiceType, Schema
from pastiche.options import OPTIONS, BackboneChoice
from shared.jobs import Status
from shared.pictures import Format

_PREFIX = "#/components/schemas/"

_SHARED_ENUMS = {
    "JobStatus": get_args(Status),
    "PictureFormat": get_args(Format),
    "BackboneName": get_args(BackboneChoice),
    "LayerName": LAYERS,
    "WebhookEvent": get_args(WebhookEvent),
}
"""The names of enums that are used in several places. The enums of options are named after their
option, and an enum that is used once after its place: `WebhookStatus`."""

_BINARY: Schema = {"type": "string", "format": "binary"}
"""Bytes, in the form that generators know; OpenAPI 3.1 itself would leave it empty."""

_NESTED = ("items", "additionalProperties", "propertyNames", "contentSchema")
_VARIANTS = ("anyOf", "oneOf", "allOf")


def make_reference(name: str) -> Schema:
    """A schema that refers to the component with this name."""
    return {"$ref": f"{_PREFIX}{name}"}


def name_schemas(document: dict[str, Any]) -> None:
    """Moves the enums and the bodies of the document into its components. Describes pictures as
    binary and streams by their events. No parameter is nullable: no query or header can be null."""
    schemas: dict[str, Schema] = document["components"]["schemas"]
    enums = _Enums(schemas)
    for operation in _list_operations(document):
        name = _capitalize(operation["operationId"])
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            _name_body(media_type, content, name, schemas)
        for parameter in operation.get("parameters", ()):
            place = name + _to_pascal(parameter["name"])
            parameter["schema"] = enums.name_in(_remove_null(parameter["schema"]), place)
        for response in operation["responses"].values():
            for media_type, content in response.get("content", {}).items():
                _describe_response(media_type, content, name, enums)
    for name, schema in list(schemas.items()):
        if "enum" not in schema:
            schemas[name] = {"title": name} | enums.name_in(schema, name)


def _name_body(
    media_type: str, content: dict[str, Any], operation: str, schemas: dict[str, Schema]
) -> None:
    """Makes a form or a JSON object a component, named after its operation."""
    kinds = {"multipart/form-data": "Form", "application/json": "Body"}
    if media_type not in kinds:
        return
    if "$ref" not in content["schema"]:
        name = operation + kinds[media_type]
        schemas[name] = content["schema"]
        content["schema"] = make_reference(name)
    name = content["schema"]["$ref"].removeprefix(_PREFIX)
    schemas[name] = _describe_defaults(schemas[name])


def _describe_response(
    media_type: str, content: dict[str, Any], operation: str, enums: "_Enums"
) -> None:
    if media_type.startswith("image/"):
        content["schema"] = _BINARY
    elif "schema" in content and media_type == "text/event-stream":
        content["itemSchema"] = {"$ref": content.pop("schema")["$ref"]}
    elif "schema" in content:
        content["schema"] = enums.name_in(content["schema"], f"{operation}Response")


def _list_operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _remove_null(schema: Schema) -> Schema:
    variants = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if not variants:
        return schema
    others = {key: value for key, value in schema.items() if key != "anyOf"}
    return others | (variants[0] if len(variants) == 1 else {"anyOf": variants})


def _describe_defaults(schema: Schema) -> Schema:
    """Moves the defaults of a request's schema into its descriptions. Generated clients would send
    the defaults of a schema, and override the preset's options; or require such a property."""
    properties = {}
    for name, each in schema.get("properties", {}).items():
        properties[name] = {key: value for key, value in each.items() if key != "default"}
        if "default" in each:
            preset = ", or the preset's value" if name in OPTIONS else ""
            sentence = f"Default: {json.dumps(each['default'])}{preset}."
            properties[name]["description"] = f"{each.get('description', '')} {sentence}".strip()
    return schema | {"properties": properties} if properties else schema


class _Enums:
    """The enums of a document by their values; each new one is added to its components."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas
        self._names = {values: name for name, values in _SHARED_ENUMS.items()}
        for option in {**OPTIONS, **JOB_SETTINGS}.values():
            if isinstance(option.type, ChoiceType):
                self._names.setdefault(option.type.choices, _to_pascal(option.name))

    def name_in(self, schema: Schema, place: str) -> Schema:
        """The schema with references in place of its enums, and without titles that only repeat the
        names of properties.

        Args:
            place: the name of an enum that has none yet.
        """
        result = {key: value for key, value in schema.items() if key != "title"}
        if len(result.get("enum", ())) > 1:
            values = result.pop("enum")
            kind = {"type": result.pop("type")} if "type" in result else {}
            return result | make_reference(self._find_name(values, kind, place))
        if "properties" in result:
            result["properties"] = {
                name: self.name_in(each, place + _to_pascal(name))
                for name, each in result["properties"].items()
            }
        for key in _NESTED:
            if isinstance(result.get(key), dict):
                result[key] = self.name_in(result[key], place)
        for key in _VARIANTS:
            if key in result:
                result[key] = [self.name_in(each, place) for each in result[key]]
        return result

    def _find_name(self, values: list[str], kind: Schema, place: str) -> str:
        name = self._names.setdefault(tuple(values), place)
        assert "enum" in self._schemas.get(name, {"enum": values}), f"{name} is another schema, too"
        self._schemas[name] = {"type": "string", **kind, "title": name, "enum": values}
        return name


def _to_pascal(name: str) -> str:
    """`TvNorm` for `tv_norm`, and `LastEventId` for `last-event-id`."""
    return to_pascal(name.replace("-", "_"))


def _capitalize(name: str) -> str:
    """`SubmitJob` for `submitJob`."""
    return name[:1].upper() + name[1:]
