"""`python -m tests.api.hostile --pictures 20000`: uploads mutated pictures, by default forever."""

import argparse
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.api.hostile.mutant_submissions import Outcomes, submit_mutants
from tests.api.hostile.mutations import mutants
from tests.api.hostile.target import running_target
from tests.conftest import running_redis

_PRINT_EVERY = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console = Console(soft_wrap=True)
    outcomes = Outcomes()
    with (
        TemporaryDirectory(prefix="pastiche-hostile-") as name,
        running_redis(Path(name)) as redis_url,
        running_target(redis_url, Path(name)) as target,
    ):
        for outcomes in submit_mutants(islice(mutants(arguments.seed), arguments.pictures), target):
            if outcomes.submissions.total() % _PRINT_EVERY == 0:
                console.print(str(outcomes), highlight=False)
        target.assert_unharmed()
    console.print(str(outcomes), highlight=False)


if __name__ == "__main__":
    main()
