"""The types of option values: how each is validated, parsed from text, described and documented."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """Whether there may be several values, separated by commas in a text."""

    @property
    @abstractmethod
    def requirement(self) -> str:
        """What a value must be, to complete a sentence that begins with “must be”."""

    @abstractmethod
    def validate(self, value: Any) -> Any:
        """The value as `Options` stores it.

        Raises:
            TypeError, ValueError: it is invalid.
        """

    @abstractmethod
    def read(self, text: str) -> Any:
        """The value that a text from a form or a command line stands for, not yet validated.

        Raises:
            ValueError: it cannot be read.
        """

    def parse(self, text: str) -> Any:
        """The valid value in a text.

        Raises:
            TypeError, ValueError: there is none.
        """
        return self.validate(self.read(text))

    @abstractmethod
    def json_schema(self) -> Schema:
        """The schema of a value in JSON."""

    def form_schema(self) -> Schema:
        """The schema of a value as a form field."""
        return self.json_schema()


@dataclass(frozen=True, slots=True)
class NumberType(ValueType):
    """A finite number between two inclusive bounds."""

    minimum: float
    maximum: float
    unit: str | None = None

    @property
    def range(self) -> str:
        """The bounds and the unit in words."""
        unit = f" {self.unit}" if self.unit else ""
        return f"between {self.minimum:.12g} and {self.maximum:.12g}{unit}"

    @property
    def requirement(self) -> str:
        return f"a number {self.range}"

    def validate(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        if not self.minimum <= value <= self.maximum:  # NaN fails this, too
            raise ValueError
        return float(value)

    def read(self, text: str) -> float:
        return read_number(text)

    def json_schema(self) -> Schema:
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class IntegerType(NumberType):
    """A whole number between two inclusive bounds."""

    @property
    def requirement(self) -> str:
        return f"a whole number {self.range}"

    def validate(self, value: Any) -> int:
        if not isinstance(value, int):
            raise TypeError
        NumberType.validate(self, value)
        return value

    def read(self, text: str) -> int:
        return read_integer(text)

    def json_schema(self) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class PositiveNumberType(NumberType):
    """A finite number above 0, with an inclusive upper bound."""

    minimum: float = 0.0
    maximum: float = field(kw_only=True)

    @property
    def requirement(self) -> str:
        unit = f" of {self.unit}" if self.unit else ""
        return f"a number{unit} above 0, at most {self.maximum:.12g}"

    def validate(self, value: Any) -> float:
        number = NumberType.validate(self, value)
        if number == 0:
            raise ValueError
        return number

    def json_schema(self) -> Schema:
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class BooleanType(ValueType):
    """True or false."""

    requirement = "true or false"

    def validate(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError
        return value

    def read(self, text: str) -> bool:
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

    def validate(self, value: Any) -> str:
        if value not in self.choices:
            raise ValueError
        assert isinstance(value, str)
        return value

    def read(self, text: str) -> str:
        return text

    def json_schema(self) -> Schema:
        return {"type": "string", "enum": list(self.choices)}


@dataclass(frozen=True, slots=True)
class TextType(ValueType):
    """A text of a certain form."""

    requirement: str
    max_length: int | None = None
    pattern: str | None = None

    def validate(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        if not value or (self.max_length is not None and len(value) > self.max_length):
            raise ValueError
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise ValueError
        return value

    def read(self, text: str) -> str:
        return text

    def json_schema(self) -> Schema:
        if self.pattern is not None:
            return {"type": "string", "pattern": self.pattern}
        return {"type": "string", "minLength": 1, "maxLength": self.max_length}


_NUMBER_PATTERN = r"[0-9.eE+-]+"


@dataclass(frozen=True, slots=True)
class ListType(ValueType):
    """Several numbers; there may be none."""

    is_list = True

    item: NumberType
    max_items: int

    @property
    def requirement(self) -> str:
        if isinstance(self.item, IntegerType):
            return f"up to {self.max_items} whole numbers {self.item.range}, as 80,60,40"
        return f"up to {self.max_items} numbers {self.item.range}, as 0.7,0.3"

    def validate(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError
        if len(value) > self.max_items:
            raise ValueError
        return tuple(self.item.validate(each) for each in value)

    def read(self, text: str) -> tuple[Any, ...]:
        return tuple(self.item.read(part) for part in _split(text))

    def json_schema(self) -> Schema:
        return {"type": "array", "items": {"type": self.item.json_schema()["type"]}}

    def form_schema(self) -> Schema:
        item = "[0-9]+" if isinstance(self.item, IntegerType) else _NUMBER_PATTERN
        return {"type": "string", "pattern": f"^({item}(,{item})*)?$"}


@dataclass(frozen=True, slots=True)
class LayerWeightsType(ValueType):
    """Weights of layers of the network; there may be none, but not all of them may be 0."""

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

    def read(self, text: str) -> dict[str, float]:
        weights: dict[str, float] = {}
        for part in _split(text):
            name, colon, weight = part.partition(":")
            if name in weights:
                raise ValueError
            weights[name] = self.weight.read(weight) if colon else 1.0
        return weights

    def json_schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"enum": list(LAYERS)},
            "additionalProperties": {"type": "number"},
        }

    def form_schema(self) -> Schema:
        item = f"relu[1-5]_[1-4](:{_NUMBER_PATTERN})?"
        return {"type": "string", "pattern": f"^({item}(,{item})*)?$"}


_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Python also reads underscores and digits of other scripts, which no client means."""

_MAX_NUMBER_LENGTH = 400
"""Characters: far longer than any number needs, and short enough to convert quickly."""


def read_number(text: str) -> float:
    """The number in a text, in ASCII digits.

    Raises:
        ValueError: it is not a number.
    """
    number = text.strip()
    if len(number) > _MAX_NUMBER_LENGTH or not _NUMBER_TEXT.fullmatch(number):
        raise ValueError
    return float(number)


def read_integer(text: str) -> int:
    """The whole number in a text, in ASCII digits; `256.0` is one, too.

    Raises:
        ValueError: it is not a whole number.
    """
    number = read_number(text)
    if not number.is_integer():
        raise ValueError
    digits = text.strip()
    return int(digits) if digits.lstrip("+-").isdigit() else int(number)


def encode_option(value: Any) -> str:
    """A value as text that its type parses to the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{weight}" for name, weight in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(encode_option(each) for each in value)
    return str(value)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []
