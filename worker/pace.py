"""How fast this process paints, by its last jobs."""

from dataclasses import dataclass

_NEWEST_COUNTS = 0.3


@dataclass(slots=True)
class Pace:
    """Pixels times iterations a second, everything from claim to commit included; None at first."""

    rate: float | None = None

    def note(self, work: int, seconds: float) -> None:
        """One more job was painted, whole."""
        fresh = work / max(seconds, 1e-3)
        if self.rate is None:
            self.rate = fresh
        else:
            self.rate += _NEWEST_COUNTS * (fresh - self.rate)
