"""A few hundred damaged pictures; `make fuzz` throws many thousands."""

from itertools import islice

import pytest

from tests.api.hostile.barrage import Tally, thrown
from tests.api.hostile.mutations import mutants
from tests.api.hostile.siege import Siege

pytestmark = pytest.mark.slow

PICTURES = 300


def test_damaged_pictures_are_taken_or_refused_by_name(siege: Siege) -> None:
    tally = Tally()
    for tally in thrown(islice(mutants(seed=2), PICTURES), siege):
        assert tally.decoders_lost == 0
    assert tally.pictures == PICTURES
    assert {"picture_broken", "picture_unknown"} <= tally.faults.keys()
