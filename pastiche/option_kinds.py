"""What kinds of values options have: how each is described, checked, and read from text."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

LayerName = Literal[
    "relu1_1", "relu1_2",
    "relu2_1", "relu2_2",
    "relu3_1", "relu3_2", "relu3_3", "relu3_4",
    "relu4_1", "relu4_2", "relu4_3", "relu4_4",
    "relu5_1", "relu5_2", "relu5_3", "relu5_4",
]  # fmt: skip
"""VGG-19's layers, from the pixels inwards."""

LAYERS: tuple[LayerName, ...] = get_args(LayerName)

VGG16_LAYERS: tuple[LayerName, ...] = tuple(
    layer for layer in LAYERS if layer not in ("relu3_4", "relu4_4", "relu5_4")
)
"""VGG-16's layers: three in the blocks where VGG-19 has four."""

Numbers = tuple[float, ...]
Counts = tuple[int, ...]
LayerWeights = Mapping[LayerName, float]


class OptionError(ValueError):
    """An option or an image that cannot be used; `field` names it, the message says why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reader and a validator need to know of one option.

    Attributes:
        description: what it does, to begin with in one sentence.
        group: under which heading the documentation has it.
        source: where it comes from, None where it is our own.
        unit, minimum, maximum: of a number or of each number of several; both ends are inclusive.
        most: how many numbers there may be at most.
    """

    description: str
    group: str
    source: str | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """How the values of one type are told, read and put into the form that is kept.

    Attributes:
        wanted: what a value must be, to end a sentence that begins with “must be”.
        read: the value in a text, as a form or a command line has it; ValueError where it has none.
        kept: the value as `Options` keeps it; ValueError where it cannot be used.
        pattern: a regular expression of its texts, None where the type is plain in JSON.
    """

    wanted: Callable[[Any, Meaning], str]
    read: Callable[[str], Any]
    kept: Callable[[Any, Any, Meaning], Any]
    pattern: str | None = None


def kind_of(type_of_option: Any) -> Kind:
    """The kind of an option that is declared with this type."""
    return _KINDS[Literal if get_origin(type_of_option) is Literal else type_of_option]


def encode_option(value: Any) -> str:
    """Formats a value as the text that `Kind.read` reads."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{weight}" for name, weight in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(encode_option(each) for each in value)
    return str(value)


_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Python also reads underscores and the digits of other scripts, which no client means."""

_LONGEST_NUMBER = 400
"""Characters: far longer than any number needs, and short enough to convert at once."""


def read_number(text: str) -> float:
    """The number in a text, in ASCII digits.

    Raises:
        ValueError: it has none.
    """
    number = text.strip()
    if len(number) > _LONGEST_NUMBER or not _NUMBER_TEXT.fullmatch(number):
        raise ValueError
    return float(number)


def read_whole(text: str) -> int:
    """The whole number in a text, in ASCII digits; `256.0` is one too.

    Raises:
        ValueError: it has none.
    """
    number = read_number(text)
    if not number.is_integer():
        raise ValueError
    digits = text.strip()
    return int(digits) if digits.lstrip("+-").isdigit() else int(number)


def _number(value: Any, _: Any, meaning: Meaning) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    assert meaning.minimum is not None
    assert meaning.maximum is not None
    if not meaning.minimum <= value <= meaning.maximum:
        raise ValueError
    return float(value)


def _whole(value: Any, type_of_option: Any, meaning: Meaning) -> int:
    if not isinstance(value, int):
        raise ValueError
    return int(_number(value, type_of_option, meaning))


def _choice(value: Any, type_of_option: Any, _: Meaning) -> Any:
    if value not in get_args(type_of_option):
        raise ValueError
    return value


def _switch(value: Any, *_: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _several(each: Callable[[Any, Any, Meaning], Any]) -> Callable[[Any, Any, Meaning], Any]:
    def kept(value: Any, type_of_option: Any, meaning: Meaning) -> tuple[Any, ...]:
        assert meaning.most is not None
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > meaning.most:
            raise ValueError
        return tuple(each(one, type_of_option, meaning) for one in value)

    return kept


def _layers(value: Any, type_of_option: Any, meaning: Meaning) -> dict[LayerName, float]:
    if not isinstance(value, Mapping) or not set(value) <= set(LAYERS):
        raise ValueError
    weights = {layer: _number(value[layer], type_of_option, meaning) for layer in LAYERS
               if layer in value}  # fmt: skip
    if weights and not any(weights.values()):
        raise ValueError
    return weights


_SWITCH_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
"""`on` is what a checkbox of an HTML form sends."""


def _read_switch(text: str) -> bool:
    word = text.strip().lower()
    if word not in _SWITCH_WORDS:
        raise ValueError
    return _SWITCH_WORDS[word]


def _read_layers(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in _parts(text):
        name, colon, weight = part.partition(":")
        if name in weights:
            raise ValueError
        weights[name] = read_number(weight) if colon else 1.0
    return weights


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _span(meaning: Meaning) -> str:
    unit = f" {meaning.unit}" if meaning.unit else ""
    return f"between {meaning.minimum:.12g} and {meaning.maximum:.12g}{unit}"


_NUMBER = r"[0-9.eE+-]+"

_KINDS: dict[Any, Kind] = {
    float: Kind(lambda _, meaning: f"a number {_span(meaning)}", read_number, _number),
    int: Kind(lambda _, meaning: f"a whole number {_span(meaning)}", read_whole, _whole),
    bool: Kind(lambda *_: "true or false", _read_switch, _switch),
    Literal: Kind(lambda kind, _: f"one of {', '.join(get_args(kind))}", str, _choice),
    Numbers: Kind(
        lambda _, meaning: f"up to {meaning.most} numbers {_span(meaning)}, as 0.7,0.3",
        lambda text: tuple(read_number(part) for part in _parts(text)),
        _several(_number),
        rf"^({_NUMBER}(,{_NUMBER})*)?$",
    ),
    Counts: Kind(
        lambda _, meaning: f"up to {meaning.most} whole numbers {_span(meaning)}, as 80,60,40",
        lambda text: tuple(read_whole(part) for part in _parts(text)),
        _several(_whole),
        r"^([0-9]+(,[0-9]+)*)?$",
    ),
    LayerWeights: Kind(
        lambda _, meaning: (
            f"layers from {LAYERS[0]} to {LAYERS[-1]}, each once, with weights {_span(meaning)} "
            "that are not all 0, as relu1_1:1,relu3_1:0.5"
        ),
        _read_layers,
        _layers,
        rf"^(relu[1-5]_[1-4](:{_NUMBER})?(,relu[1-5]_[1-4](:{_NUMBER})?)*)?$",
    ),
}
