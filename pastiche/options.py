"""What may be asked for: every option's type, unit, range, default and meaning, declared once.

The engine, the API, the command line and the documentation all read this table. It needs nothing
but Python, so that it can be read where torch is not installed.
"""

import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

Start = Literal["content", "noise", "grey"]
BackboneChoice = Literal["auto", "imagenet", "whitened"]


class OptionError(ValueError):
    """An option with a value that cannot be used; `field` names it, the message says why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reader and a validator need to know of one option.

    `minimum` and `maximum` are inclusive and in `unit`; None where the type is not a number.
    """

    description: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None


def _option(default: Any, description: str, **meaning: Any) -> Any:
    return field(default=default, metadata={"meaning": Meaning(description, **meaning)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a picture is to be painted. Immutable, and valid once it exists.

    Raises:
        OptionError: a value of the wrong type or out of its range; it names the field.
    """

    content_weight: float = _option(
        0.5,
        "α, the weight of the content loss: how much of the photograph stays. "
        "Set against `style_weight`, it is the dial that everybody turns.",
        minimum=0.0,
        maximum=1e6,
    )
    style_weight: float = _option(
        0.5,
        "β, the weight of the style loss: how much of the painting's hand comes in.",
        minimum=0.0,
        maximum=1e6,
    )
    tv_weight: float = _option(
        1.0,
        "γ, the weight of the total variation loss: higher is smoother, 0 turns it off.",
        minimum=0.0,
        maximum=1e6,
    )
    size: int = _option(
        512, "The longest side of the pastiche.", unit="pixels", minimum=16, maximum=8192
    )
    iterations: int = _option(
        200,
        "How many optimiser steps in all; the coarse scales take most of them.",
        unit="steps",
        minimum=1,
        maximum=10_000,
    )
    seed: int = _option(
        0,
        "Draws the noise of the start: the same inputs and seed on the same device give the "
        "same bytes.",
        minimum=0,
        maximum=2**32 - 1,
    )
    start: Start = _option(
        "content",
        "Where the optimisation starts: from the content image, from noise, or from plain grey.",
    )
    backbone: BackboneChoice = _option(
        "auto",
        "The network that looks at the images: `imagenet` (VGG-19 with pretrained weights), "
        "`whitened` (VGG-19 with filters fitted to the two images, nothing to download), or "
        "`auto`: `imagenet` where its weights are in the cache, else `whitened`.",
    )

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Options).items():
            _check(name, kind, getattr(self, name))
        if self.content_weight == 0 and self.style_weight == 0:
            raise OptionError(
                "style_weight", "must be above 0 where content_weight is 0: nothing is asked for."
            )


def meaning_of(name: str) -> Meaning:
    """The description, unit and range of the option called `name`."""
    (meaning,) = (f.metadata["meaning"] for f in fields(Options) if f.name == name)
    assert isinstance(meaning, Meaning)
    return meaning


def wanted(name: str) -> str:
    """What the option called `name` takes, to end a sentence that begins with “must be”."""
    kind, meaning = get_type_hints(Options)[name], meaning_of(name)
    if meaning.minimum is None or meaning.maximum is None:
        return f"one of {', '.join(get_args(kind))}"
    noun = "a number" if kind is float else "a whole number"
    unit = f" {meaning.unit}" if meaning.unit else ""
    return f"{noun} between {meaning.minimum:.12g} and {meaning.maximum:.12g}{unit}"


def _check(name: str, kind: Any, value: Any) -> None:
    if not (_is_choice if get_origin(kind) is Literal else _is_in_range)(name, kind, value):
        raise OptionError(name, f"must be {wanted(name)}, not {value!r}.")


def _is_choice(_: str, kind: Any, value: Any) -> bool:
    return value in get_args(kind)


def _is_in_range(name: str, kind: Any, value: Any) -> bool:
    numbers = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, numbers) or not math.isfinite(value):
        return False
    meaning = meaning_of(name)
    assert meaning.minimum is not None
    assert meaning.maximum is not None
    return meaning.minimum <= value <= meaning.maximum
