"""How far a running job is: its progress, and its loss curves so far."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

from shared.stored_json import json_object, known_fields

TERMS = ("content", "style", "tv")
"""The losses that records have had by name from the beginning; `gamut` came later."""


def rest_of(total: float, terms: Iterable[float]) -> float:
    """What of a total no term names: the gamut's cost, where a record has no name for it."""
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
        return json.dumps({name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        known = known_fields(cls, json_object(text))
        losses = known["losses"]
        if "gamut" not in losses:
            losses["gamut"] = rest_of(losses["total"], (losses[name] for name in TERMS))
        return cls(**known)


DIGITS = 6
"""Of the losses, how many significant ones are stored."""


@dataclass(slots=True)
class Losses:
    """Columns of the same length: what each iteration was, and what each term was after it.

    The terms are those of the objective with their weights in them; they add up to `total`. Where
    the weights were changed on the way, or a finer scale began, they jump.
    """

    iterations: list[int] = field(default_factory=list)
    scales: list[int] = field(default_factory=list)
    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    tv: list[float] = field(default_factory=list)
    gamut: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)

    def add(self, progress: Progress) -> None:
        """What one more iteration gave."""
        self.iterations.append(progress.iteration)
        self.scales.append(progress.scale)
        for name, value in progress.losses.items():
            getattr(self, name).append(float(f"{value:.{DIGITS}g}"))

    def until(self, iteration: int) -> "Losses":
        """Those before an iteration."""
        count = sum(each < iteration for each in self.iterations)
        return Losses(**{name: column[:count] for name, column in asdict(self).items()})

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Losses":
        """The curves in a file. One from before the gamut had a column has it in `total` alone, and
        one from a newer version may have more columns.

        Raises:
            ValueError: it holds none.
        """
        try:
            columns = json.loads(text)
            if "gamut" not in columns:
                terms = zip(*(columns[name] for name in TERMS), columns["total"], strict=True)
                columns["gamut"] = [rest_of(total, others) for *others, total in terms]
            losses = cls(**{each.name: columns[each.name] for each in fields(cls)})
        except (TypeError, KeyError) as error:
            raise ValueError("No loss curves.") from error
        if len({len(column) for column in asdict(losses).values()}) != 1:
            raise ValueError("Loss curves of different lengths.")
        return losses
