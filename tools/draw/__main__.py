"""`python -m tools.draw [name ...]`: draw all example pictures, or only the named ones."""

import argparse
import sys
import time

from tools.draw.gallery import NAMES, write


def main() -> None:
    """Draws the named pictures."""
    parser = argparse.ArgumentParser(prog="python -m tools.draw", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    names = parser.parse_args().names or NAMES
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        parser.error(f"no picture is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in names:
        start = time.perf_counter()
        path = write(name)
        seconds = time.perf_counter() - start
        sys.stdout.write(f"{path}  {path.stat().st_size / 1024:.0f} KiB  {seconds:.0f} s\n")


if __name__ == "__main__":
    main()
