"""How far a running job is: its progress, and its loss curves so far."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pastiche.options import LIVE_OPTIONS
from shared.stored_json import json_object, known_fields

TERMS = ("content", "style", "tv")
"""The losses that all records name; `gamut` was added later."""


def rest_of(total: float, terms: Iterable[float]) -> float:
    """The part of a total that is in none of the terms: the gamut loss, in a record without it."""
    return max(0.0, total - sum(terms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a running job is.

    Attributes:
        work: the share of the cost that is done, in 0 to 1.
        losses: `content`, `style`, `tv` and `gamut`, each with its weight in it, and `total`,
            their sum.
    """

    iteration: int
    iterations: int
    scale: int
    scales: int
    work: float
    eta_seconds: float | None
    losses: dict[str, float]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        known = known_fields(cls, json_object(text))
        losses = known["losses"]
        if "gamut" not in losses:
            losses["gamut"] = rest_of(losses["total"], (losses[name] for name in TERMS))
        return cls(**known)


DIGITS = 6
"""How many significant digits of the losses are stored."""

_COLUMNS = ("iterations", "scales", *TERMS, "gamut", "total")


@dataclass(slots=True)
class Losses:
    """Loss curves: columns of the same length, and the weights, which are not a column.

    The columns are each iteration, its scale, and the terms after it. The terms are those of the
    objective, with their weights; they add up to `total`. They jump where the weights were changed
    or a finer scale began.

    Attributes:
        weights: those that were used, each with the first `iteration` that used them.
    """

    iterations: list[int] = field(default_factory=list)
    scales: list[int] = field(default_factory=list)
    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    tv: list[float] = field(default_factory=list)
    gamut: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    weights: list[dict[str, Any]] = field(default_factory=list)

    def add(self, progress: Progress, weights: Mapping[str, float]) -> None:
        """Adds an iteration, with the weights that it used."""
        self.iterations.append(progress.iteration)
        self.scales.append(progress.scale)
        for name, value in progress.losses.items():
            getattr(self, name).append(float(f"{value:.{DIGITS}g}"))
        newest = dict(self.weights[-1]) if self.weights else {}
        newest.pop("iteration", None)
        if newest != weights:
            self.weights.append({"iteration": progress.iteration, **weights})

    def until(self, iteration: int) -> "Losses":
        """The losses before an iteration."""
        count = sum(each < iteration for each in self.iterations)
        return Losses(
            **{name: getattr(self, name)[:count] for name in _COLUMNS},
            weights=[each for each in self.weights if each["iteration"] < iteration],
        )

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Losses":
        """The curves in a file. A file of an older version may lack the gamut and the weights. In a
        file of a newer version, columns and forms of weights that are unknown here are left out.

        Raises:
            ValueError: there are no curves in it.
        """
        try:
            columns = json.loads(text)
            if "gamut" not in columns:
                terms = zip(*(columns[name] for name in TERMS), columns["total"], strict=True)
                columns["gamut"] = [rest_of(total, others) for *others, total in terms]
            losses = cls(**{name: _column(name, columns[name]) for name in _COLUMNS})
            losses.weights = _usable_weights(columns.get("weights"))
        except (TypeError, KeyError) as error:
            raise ValueError("The file contains no loss curves.") from error
        if len({len(columns[name]) for name in _COLUMNS}) != 1:
            raise ValueError("The loss curves have different lengths.")
        return losses


def _column(name: str, values: Any) -> list[Any]:
    """A column of a file.

    Raises:
        TypeError: it is not a list of numbers, or of integers if it has to be.
    """
    kinds = int if name in ("iterations", "scales") else (int, float)
    if not isinstance(values, list) or not all(isinstance(each, kinds) for each in values):
        raise TypeError(f"{name} is not a list of numbers.")
    return values


def _usable_weights(weights: Any) -> list[dict[str, Any]]:
    """The weights of a file; none if they have another form."""
    usable = isinstance(weights, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("iteration"), int)
        and all(isinstance(each.get(name), int | float) for name in LIVE_OPTIONS)
        for each in weights
    )
    return weights if usable else []
