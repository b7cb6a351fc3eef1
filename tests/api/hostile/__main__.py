"""`python -m tests.api.hostile --pictures 20000`: mutated pictures without end, as uploads."""

import argparse
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.api.hostile.barrage import Tally, thrown
from tests.api.hostile.mutations import mutants
from tests.api.hostile.siege import besieged
from tests.conftest import running_redis

_TELL_EVERY = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console = Console(soft_wrap=True)
    tally = Tally()
    with (
        TemporaryDirectory(prefix="pastiche-siege-") as name,
        running_redis(Path(name)) as redis_url,
        besieged(redis_url, Path(name)) as siege,
    ):
        for tally in thrown(islice(mutants(arguments.seed), arguments.pictures), siege):
            if tally.submissions.total() % _TELL_EVERY == 0:
                console.print(str(tally), highlight=False)
        siege.assert_unharmed()
    console.print(str(tally), highlight=False)


if __name__ == "__main__":
    main()
