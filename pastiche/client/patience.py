"""How long a client tries again, and how long it pauses in between."""

import random
from dataclasses import dataclass, field, replace
from typing import Self

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds in all a client pauses before it gives up.

    Attributes:
        unreachable_seconds: while the service cannot be reached, for one request.
        busy_seconds: while it asks to come again later (429, 503), for one request.
        watching_seconds: while the events of a job cannot be read, since the last one came.
    """

    unreachable_seconds: float = 5.0
    busy_seconds: float = 120.0
    watching_seconds: float = 600.0

    def with_a_job_there(self) -> Self:
        """The same for requests about a job that is painted meanwhile, or a picture that is there:
        they are worth waiting for."""
        patient = max(self.busy_seconds, self.watching_seconds)
        return replace(self, unreachable_seconds=self.watching_seconds, busy_seconds=patient)


@dataclass(slots=True)
class Pauses:
    """Growing pauses until patience ends; each a bit shorter by chance, so that not all who
    lost a service come back at once."""

    patience_seconds: float
    _spent: float = field(default=0.0, init=False)
    _next: float = field(default=FIRST_SECONDS, init=False)

    def take(self, asked_seconds: float | None = None) -> float | None:
        """How long to pause now: what the service asked for, else longer than the last time; None
        where that is more than there is patience for."""
        jittered = self._next * random.uniform(0.75, 1.0)  # noqa: S311 - spreads out retries
        seconds = jittered if asked_seconds is None else asked_seconds
        if self._spent + seconds > self.patience_seconds:
            return None
        self._spent += seconds
        self._next = min(2 * self._next, LONGEST_SECONDS)
        return seconds
