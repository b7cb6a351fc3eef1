"""Measures a painting: how fast it is, and how much memory it needs."""

import json
from collections.abc import Callable
from dataclasses import asdict
from time import monotonic

from shared.jobs import PaintingStats


class Measurements:
    """The measurements of one attempt, as fields of its job's record.

    Args:
        device: the name of the device that paints.
        precision: of the network's features.
        peak_memory: how much memory the process had at most so far; None if that is not known.
    """

    def __init__(self, device: str, precision: str, peak_memory: Callable[[], int | None]) -> None:
        self._device, self._precision, self._peak_memory = device, precision, peak_memory
        self._iterations = 0
        self._first_at = self._newest_at = 0.0

    def add_iteration(self) -> None:
        """Adds an iteration that is done."""
        self._newest_at = monotonic()
        if not self._iterations:
            self._first_at = self._newest_at
        self._iterations += 1

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the record, as they are now."""
        # From the end of the first iteration, which takes longer: it waits for the preparation.
        seconds = self._newest_at - self._first_at
        rate = round((self._iterations - 1) / seconds, 3) if seconds > 0 else None
        stats = PaintingStats(self._device, self._precision, rate, self._peak_memory())
        return {"stats": json.dumps(asdict(stats))}
