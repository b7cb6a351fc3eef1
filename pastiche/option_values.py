"""The types of option values: how each is validated, parsed from text, described and documented."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

LayerName = Literal[
    "relu1_1", "relu1_2",
    "relu2_1", "relu2_2",
    "relu3_1", "relu3_2", "relu3_3", "relu3_4",
    "relu4_1", "relu4_2", "relu4_3", "relu4_4",
    "relu5_1", "relu5_2", "relu5_3", "relu5_4",
]  # fmt: skip
"""VGG-19's layers, from the input to the deepest."""

LAYERS: tuple[LayerName, ...] = get_args(LayerName)

LayerWeights = Mapping[LayerName, float]

Schema = dict[str, Any]
"""A JSON schema."""


class ValueType(ABC):
    """The type of an option's values."""

    is_list = False
    """Whether there may be several values. In a text they are separated by commas."""

    @property
    @abstractmethod
    def requirement(self) -> str:
        """What a value must be, to complete a sentence that begins with “must be”."""

    @abstractmethod
    def validate(self, value: Any) -> Any:
        """The value as it is stored; raises TypeError or ValueError if it is invalid."""

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The value in a text from a form or a command line; raises as `validate`."""

    @abstractmethod
    def json_schema(self) -> Schema:
        """The schema of a value in JSON."""

    def form_schema(self) -> Schema:
        """The schema of a value as a form field."""
        return self.json_schema()


@dataclass(frozen=True, slots=True)
class NumberType(ValueType):
    """A finite number between two bounds, which are inclusive unless it must be positive."""

    minimum: float
    maximum: float
    unit: str | None = None
    is_whole: bool = False
    is_positive: bool = False

    @property
    def range(self) -> str:
        """The bounds and the unit in words."""
        if self.is_positive:
            unit = f"of {self.unit} " if self.unit else ""
            return f"{unit}above 0, at most {self.maximum:.12g}"
        unit = f" {self.unit}" if self.unit else ""
        return f"between {self.minimum:.12g} and {self.maximum:.12g}{unit}"

    @property
    def requirement(self) -> str:
        return f"a {'whole number' if self.is_whole else 'number'} {self.range}"

    def validate(self, value: Any) -> float:
        number: float
        if self.is_whole and isinstance(value, Integral) and not isinstance(value, bool):
            number = int(value)
        elif not self.is_whole and isinstance(value, Real) and not isinstance(value, bool):
            number = _to_float(value)
        else:
            raise TypeError
        if not self.minimum <= number <= self.maximum:  # NaN fails this, too
            raise ValueError
        if self.is_positive and number == 0:
            raise ValueError
        return number

    def parse(self, text: str) -> float:
        return self.validate(parse_integer(text) if self.is_whole else parse_number(text))

    def json_schema(self) -> Schema:
        minimum = "exclusiveMinimum" if self.is_positive else "minimum"
        kind = "integer" if self.is_whole else "number"
        return {"type": kind, minimum: self.minimum, "maximum": self.maximum}


class BooleanType(ValueType):
    """True or false."""

    requirement = "true or false"

    def validate(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError
        return value

    def parse(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in _BOOLEAN_TEXTS:
            raise ValueError
        return _BOOLEAN_TEXTS[word]

    def json_schema(self) -> Schema:
        return {"type": "boolean"}


_BOOLEAN_TEXTS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
"""`on` is what a checkbox of an HTML form sends."""


@dataclass(frozen=True, slots=True)
class ChoiceType(ValueType):
    """One of several words."""

    choices: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return f"one of {', '.join(self.choices)}"

    def validate(self, value: Any) -> Any:
        if value not in self.choices:
            raise ValueError
        return value

    def parse(self, text: str) -> Any:
        return self.validate(text)

    def json_schema(self) -> Schema:
        return {"type": "string", "enum": list(self.choices)}


@dataclass(frozen=True, slots=True)
class TextType(ValueType):
    """A text that matches a pattern, or that is neither empty nor too long."""

    requirement: str
    pattern: str | None = None
    max_length: int = 2000

    def validate(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        return self.parse(value)

    def parse(self, text: str) -> str:
        if not re.fullmatch(self.pattern or f"(?s:.{{1,{self.max_length}}})", text):
            raise ValueError
        return text

    def json_schema(self) -> Schema:
        if self.pattern is not None:
            return {"type": "string", "pattern": self.pattern}
        return {"type": "string", "minLength": 1, "maxLength": self.max_length}


_NUMBER_PATTERN = r"[0-9.eE+-]+"


@dataclass(frozen=True, slots=True)
class ListType(ValueType):
    """A list of numbers, which may be empty."""

    is_list = True

    item: NumberType
    max_items: int

    @property
    def requirement(self) -> str:
        kind, example = (
            ("whole numbers", "80,60,40") if self.item.is_whole else ("numbers", "0.7,0.3")
        )
        return f"up to {self.max_items} {kind} {self.item.range}, as {example}"

    def validate(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError
        if len(value) > self.max_items:
            raise ValueError
        return tuple(self.item.validate(each) for each in value)

    def parse(self, text: str) -> tuple[Any, ...]:
        return self.validate([self.item.parse(part) for part in _split(text)])

    def json_schema(self) -> Schema:
        return {"type": "array", "items": {"type": self.item.json_schema()["type"]}}

    def form_schema(self) -> Schema:
        item = "[0-9]+" if self.item.is_whole else _NUMBER_PATTERN
        return {"type": "string", "pattern": f"^({item}(,{item})*)?$"}


@dataclass(frozen=True, slots=True)
class LayerWeightsType(ValueType):
    """Weights of layers of the network. The list may be empty, but not all weights may be 0."""

    is_list = True

    weight: NumberType

    @property
    def requirement(self) -> str:
        return (
            f"layers from {LAYERS[0]} to {LAYERS[-1]}, each once, with weights {self.weight.range} "
            "that are not all 0, as relu1_1:1,relu3_1:0.5"
        )

    def validate(self, value: Any) -> dict[LayerName, float]:
        if not isinstance(value, Mapping):
            raise TypeError
        if not set(value) <= set(LAYERS):
            raise ValueError
        layers = (layer for layer in LAYERS if layer in value)
        weights = {layer: self.weight.validate(value[layer]) for layer in layers}
        if weights and not any(weights.values()):
            raise ValueError
        return weights

    def parse(self, text: str) -> dict[LayerName, float]:
        weights: dict[str, float] = {}
        for part in _split(text):
            name, colon, weight = part.partition(":")
            if name in weights:
                raise ValueError
            weights[name] = parse_number(weight) if colon else 1.0
        return self.validate(weights)

    def json_schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"enum": list(LAYERS)},
            "additionalProperties": {"type": "number"},
        }

    def form_schema(self) -> Schema:
        item = f"relu[1-5]_[1-4](:{_NUMBER_PATTERN})?"
        return {"type": "string", "pattern": f"^({item}(,{item})*)?$"}


def _to_float(number: Real) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number with hundreds of digits
        raise ValueError from None


_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""The numbers that are accepted. Python would also read underscores and digits of other scripts."""

_MAX_NUMBER_LENGTH = 400
"""In characters: longer than any number needs, and short enough to convert quickly."""


def parse_number(text: str) -> float:
    """The number in a text, in ASCII digits; raises ValueError if it is not a number."""
    number = text.strip()
    if len(number) > _MAX_NUMBER_LENGTH or not _NUMBER_TEXT.fullmatch(number):
        raise ValueError
    return float(number)


def parse_integer(text: str) -> int:
    """The whole number in a text, which may also be `256.0`. Raises ValueError for anything
    else."""
    number = parse_number(text)
    if not number.is_integer():
        raise ValueError
    digits = text.strip()
    return int(digits) if digits.lstrip("+-").isdigit() else int(number)


def encode_option(value: Any) -> str:
    """A value as text. Its type parses the text to the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{weight}" for name, weight in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(encode_option(each) for each in value)
    return str(value)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []
