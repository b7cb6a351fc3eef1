"""How an option is declared, and what is derived from it; `options` has the options themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pastiche.option_values import (
    BooleanType,
    ChoiceType,
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

    def __reduce__(self) -> tuple[type["OptionError"], tuple[str, str]]:
        return type(self), (self.field, self.sentence)  # for other processes


class InvalidOptions(ValueError):
    """Some options are invalid: `errors` has one error for each of them."""

    def __init__(self, errors: Sequence[OptionError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)

    def __reduce__(self) -> tuple[type["InvalidOptions"], tuple[tuple[OptionError, ...]]]:
        return type(self), (self.errors,)


@dataclass(frozen=True, slots=True)
class Option:
    """The declaration of one option.

    Attributes:
        annotation: its type in Python.
        type: validates, parses and describes its values.
        description: what it does; the first sentence is a summary.
        group: the heading it has in the documentation.
        source: the paper or the program that it comes from. None if it is our own.
        live: whether it may change while the picture is painted.
        sweep: whether it may have several values in a sweep, one job for each.
        refits: whether another value needs a new network or new style features.
    """

    name: str
    annotation: Any
    type: ValueType
    default: Any
    group: str
    description: str
    source: str | None = None
    live: bool = False
    sweep: bool = False
    refits: bool = False

    @property
    def unit(self) -> str | None:
        """The unit of a number, or of each number of a list."""
        number = self.type.item if isinstance(self.type, ListType) else self.type
        return number.unit if isinstance(number, NumberType) else None

    def validate(self, value: Any) -> Any:
        """The value as it is stored.

        Raises:
            OptionError: it is invalid.
        """
        return self._convert(self.type.validate, value, _quote)

    def parse(self, text: str) -> Any:
        """The value in a text from a form or a command line.

        Raises:
            OptionError: it is invalid.
        """
        return self._convert(self.type.parse, text, "“{}”".format)

    def _convert(
        self, convert: Callable[[Any], Any], value: Any, quote: Callable[[Any], str]
    ) -> Any:
        try:
            return convert(value)
        except (TypeError, ValueError):
            sentence = f"must be {self.type.requirement}, not {quote(value)}."
            raise OptionError(self.name, sentence) from None

    def json_schema(self) -> Schema:
        """The schema of its value in JSON."""
        is_tuple = isinstance(self.default, tuple)
        default = {"default": list(self.default) if is_tuple else self.default}
        return self._describe(self.type.json_schema()) | default

    def update_schema(self) -> Schema:
        """The schema of a new value in JSON; null leaves the value unchanged."""
        return self._describe({"anyOf": [self.type.json_schema(), {"type": "null"}]})

    def form_schema(self) -> Schema:
        """The schema of its form field. In a form a list is text, and has no default."""
        has_default = self.default is not None and not self.type.is_list
        default = {"default": self.default} if has_default else {}
        return self._describe(self.type.form_schema()) | default

    def sweep_schema(self) -> Schema:
        """The schema of its form field in a sweep: one number, or several separated by commas."""
        number = r"\s*-?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*"
        schema = self._describe({"type": "string", "pattern": f"^{number}(?:,{number})*$"})
        schema["description"] += " Several values are separated by commas."
        return schema

    def _describe(self, schema: Schema) -> Schema:
        title = self.name.replace("_", " ").title()
        unit = {} if self.unit is None else {"x-unit": self.unit}
        return schema | {"title": title, "description": self.description} | unit


def _quote(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # Python refuses to write thousands of digits
        return "a number with thousands of digits"


def option(
    default: Any,
    group: str,
    description: str,
    *,
    type: ValueType | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    unit: str | None = None,
    max_items: int = 1,
    **more: Any,
) -> Any:
    """Declares an option, as a field of a dataclass.

    Args:
        type: for values that the annotation does not describe.
        bounds, unit: of a number, or of each number of a list; the bounds are inclusive.
        max_items: of a list.
        more: the source and the flags of `Option`.
    """
    metadata = {
        "type": lambda annotation: type or _find_type(annotation, *bounds, unit, max_items),
        "option": {"group": group, "description": description, **more},
    }
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def _find_type(
    annotation: Any, minimum: float, maximum: float, unit: str | None, max_items: int
) -> ValueType:
    if annotation is bool:
        return BooleanType()
    if get_origin(annotation) is Literal:
        return ChoiceType(get_args(annotation))
    if annotation == LayerWeights:
        return LayerWeightsType(NumberType(minimum, maximum, unit))
    if get_origin(annotation) is tuple:
        item = _find_type(get_args(annotation)[0], minimum, maximum, unit, max_items)
        assert isinstance(item, NumberType)
        return ListType(item, max_items)
    return NumberType(minimum, maximum, unit, is_whole=annotation is int)


def read_table(declaration: type) -> dict[str, Option]:
    """The options that a dataclass declares, by their names."""
    annotations = get_type_hints(declaration)
    return {
        each.name: Option(
            each.name,
            annotations[each.name],
            each.metadata["type"](annotations[each.name]),
            {} if each.default is MISSING else each.default,
            **each.metadata["option"],
        )
        for each in fields(declaration)
    }


def parse_texts(table: Mapping[str, Option], texts: Mapping[str, str]) -> dict[str, Any]:
    """The values in the texts of a form or a command line.

    Raises:
        InvalidOptions: names every invalid option.
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
