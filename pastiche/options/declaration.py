"""How options are declared: one field of a dataclass, with its type, range, meaning and flags."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pastiche.options.value_types import (
    BooleanType,
    ChoiceType,
    IntegerType,
    LayerWeights,
    LayerWeightsType,
    ListType,
    NumberType,
    Schema,
    ValueType,
)


class OptionError(ValueError):
    """An option or an image is invalid: `field` names it, the message says why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence


class InvalidOptions(ValueError):
    """Some options are invalid: `errors` has one error for each of them."""

    def __init__(self, errors: Sequence[OptionError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Option:
    """All that there is to know about one option.

    Attributes:
        annotation: its type in Python.
        type: validates, parses and describes its values.
        description: what it does; the first sentence is a summary.
        group: the heading it has in the documentation.
        source: the paper or the program that it comes from; None if it is our own.
        live: whether it may change while the picture is painted.
        sweep: whether it may have several values in a sweep, one job for each.
        refits: whether the network or its targets have to be computed again when it changes.
    """

    name: str
    annotation: Any
    type: ValueType
    default: Any
    description: str
    group: str
    source: str | None = None
    live: bool = False
    sweep: bool = False
    refits: bool = False

    @property
    def unit(self) -> str | None:
        """The unit of a number, or of each number of a list."""
        of_numbers = self.type.item if isinstance(self.type, ListType) else self.type
        return of_numbers.unit if isinstance(of_numbers, NumberType) else None

    def validate(self, value: Any) -> Any:
        """The value as a dataclass stores it.

        Raises:
            OptionError: it is invalid.
        """
        try:
            return self.type.validate(value)
        except (TypeError, ValueError):
            raise OptionError(
                self.name, f"must be {self.type.requirement}, not {value!r}."
            ) from None

    def parse(self, text: str) -> Any:
        """The value in a text from a form or a command line.

        Raises:
            OptionError: it is invalid.
        """
        try:
            return self.type.parse(text)
        except (TypeError, ValueError):
            raise OptionError(
                self.name, f"must be {self.type.requirement}, not “{text}”."
            ) from None

    def json_schema(self) -> Schema:
        """The schema of its value in JSON."""
        return self._described(self.type.json_schema())

    def form_schema(self) -> Schema:
        """The schema of its form field; a list is a text there, and has no default."""
        schema = self._described(self.type.form_schema())
        if self.type.is_list:
            del schema["default"]
        return schema

    def sweep_schema(self) -> Schema:
        """The schema of its form field in a sweep: one number, or several separated by commas."""
        number = r"\s*-?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*"
        return {
            "type": "string",
            "title": self.title,
            "pattern": f"^{number}(?:,{number})*$",
            "description": f"{self.description} Several values are separated by commas.",
        }

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").title()

    def _described(self, schema: Schema) -> Schema:
        schema |= {"title": self.title, "description": self.description}
        if self.default is not None:
            is_list = isinstance(self.default, tuple)
            schema["default"] = list(self.default) if is_list else self.default
        if self.unit is not None:
            schema["x-unit"] = self.unit
        return schema


def option(
    default: Any,
    group: str,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str | None = None,
    max_items: int | None = None,
    type: ValueType | None = None,
    source: str | None = None,
    live: bool = False,
    sweep: bool = False,
    refits: bool = False,
) -> Any:
    """Declares an option, as a field of a dataclass.

    Args:
        minimum, maximum, unit: of a number, or of each number of a list; bounds are inclusive.
        max_items: of a list.
        type: for values that the annotation does not describe; the rest as for `Option`.
    """
    metadata = {
        "type": type or (lambda annotation: _type(annotation, minimum, maximum, unit, max_items)),
        "option": {
            "description": description,
            "group": group,
            "source": source,
            "live": live,
            "sweep": sweep,
            "refits": refits,
        },
    }
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def read_table(declaration: type) -> dict[str, Option]:
    """The options that are the fields of a dataclass, by their names."""
    annotations = get_type_hints(declaration)
    table = {}
    for each in fields(declaration):
        annotation, declared = annotations[each.name], each.metadata["type"]
        table[each.name] = Option(
            name=each.name,
            annotation=annotation,
            type=declared if isinstance(declared, ValueType) else declared(annotation),
            default=each.default if each.default is not MISSING else {},
            **each.metadata["option"],
        )
    return table


def _type(
    annotation: Any,
    minimum: float | None,
    maximum: float | None,
    unit: str | None,
    max_items: int | None,
) -> ValueType:
    """The type of an option that is annotated like this."""
    if annotation is bool:
        return BooleanType()
    if get_origin(annotation) is Literal:
        return ChoiceType(get_args(annotation))
    assert minimum is not None
    assert maximum is not None
    if annotation == LayerWeights:
        return LayerWeightsType(NumberType(minimum, maximum, unit))
    if get_origin(annotation) is tuple:
        assert max_items is not None
        item = IntegerType if get_args(annotation)[0] is int else NumberType
        return ListType(item(minimum, maximum, unit), max_items)
    return (IntegerType if annotation is int else NumberType)(minimum, maximum, unit)


def parse_texts(table: Mapping[str, Option], texts: Mapping[str, str]) -> dict[str, Any]:
    """The values in the texts of a form or a command line.

    Raises:
        InvalidOptions: names every field at fault.
    """
    errors = [OptionError(name, "does not exist.") for name in texts if name not in table]
    values = {}
    for name in table:
        if name in texts:
            try:
                values[name] = table[name].parse(texts[name])
            except OptionError as error:
                errors.append(error)
    if errors:
        raise InvalidOptions(errors)
    return values
