"""The loss curves of a job: each term at each iteration."""

import json
from dataclasses import asdict, dataclass, field, fields

from shared.jobs import TERMS, Progress, rest_of

DIGITS = 6
"""How many significant ones are kept."""


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
