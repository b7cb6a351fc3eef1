"""The types of values that job settings have and options do not: a word in place of a number, and
several words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pastiche.option_values import NumberType, Schema, ValueType


@dataclass(frozen=True, slots=True)
class NumberOrWordType(ValueType):
    """A number, or one of several words."""

    number: NumberType
    words: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return f"{self.number.requirement}, or {', '.join(self.words)}"

    def validate(self, value: Any) -> float | str:
        return value if value in self.words else self.number.validate(value)

    def parse(self, text: str) -> float | str:
        return text if text in self.words else self.number.parse(text)

    def json_schema(self) -> Schema:
        word = {"type": "string", "enum": list(self.words)}
        return {"anyOf": [self.number.json_schema(), word]}


@dataclass(frozen=True, slots=True)
class WordsType(ValueType):
    """At least one of several words, in their order."""

    is_list = True

    words: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return f"one or more of {', '.join(self.words)}"

    def validate(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError
        if not value or not set(value) <= set(self.words):
            raise ValueError
        return tuple(word for word in self.words if word in value)

    def parse(self, text: str) -> tuple[str, ...]:
        return self.validate([part.strip() for part in text.split(",")])

    def json_schema(self) -> Schema:
        word = {"type": "string", "enum": list(self.words)}
        return {"type": "array", "items": word, "minItems": 1}

    def form_schema(self) -> Schema:
        word = "|".join(self.words)
        return {"type": "string", "pattern": f"^({word})(,({word}))*$"}
