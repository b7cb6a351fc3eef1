"""`python -m pastiche.engine.weights`: fetches weights, or lists those that are installed.

It does the same as `pastiche weights`, but needs none of the command line's packages.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pastiche.engine.weights.fetch import fetch
from pastiche.engine.weights.files import (
    FILES,
    CannotFetch,
    WeightsFile,
    find,
    weights_folder,
)
from pastiche.standard_streams import replace_unencodable_characters


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetches the weights of a backbone, or lists the backbones. Returns the exit code."""
    replace_unencodable_characters()
    parser = argparse.ArgumentParser(
        prog="python -m pastiche.engine.weights",
        description="Fetch the weights of a pretrained backbone, or list those installed.",
    )
    parser.add_argument(
        "backbone", nargs="?", choices=list(FILES), help="its name; omit it to list all"
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE_OR_URL",
        help="a file or URL that contains the weights",
    )
    parsed = parser.parse_args(arguments)
    if parsed.backbone is None and parsed.source is not None:
        parser.error("--from needs the name of a backbone.")
    return run(parsed.backbone, parsed.source)


def run(backbone: str | None, source: str | None = None) -> int:
    """`main`, with parsed arguments."""
    if backbone is None:
        for line in listing():
            sys.stdout.write(f"{line}\n")
        return 0
    try:
        on_progress = _draw if sys.stdout.isatty() else lambda *_: None
        path = fetch(backbone, source, on_progress=on_progress)
    except CannotFetch as error:
        _clear()
        sys.stderr.write(f"{error}\n")
        return 1
    _clear()
    sys.stdout.write(f"The {backbone} weights are at {path}.\n")
    return 0


def listing(folder: Path | None = None) -> Iterator[str]:
    """A table of the backbones: the file each needs, its size, and whether it is installed."""
    yield f"{'backbone':<12} {'state':<9} {'size':>7}  file"
    for backbone, file in FILES.items():
        path = find(file, folder) or weights_folder(folder) / file.name
        yield f"{backbone:<12} {_state(file, path):<9} {file.megabytes:>4} MB  {path}"
        yield f"{'':<31} from {file.origin}"
    yield f"{'whitened':<12} {'ready':<9} {'':>7}  needs none"


def _state(file: WeightsFile, path: Path) -> str:
    """`ready`, `missing`, or `damaged`, if the file's digest is wrong."""
    if not path.exists():
        return "missing"
    return "ready" if file.is_whole(path) else "damaged"


def _draw(have: int, whole: int | None) -> None:
    """Draws a progress bar on one line of the terminal."""
    share = have / whole if whole else 0.0
    bar = "█" * round(40 * share)
    size = f"/{whole / 1e6:.0f}" if whole else ""
    sys.stdout.write(f"\r{bar:<40} {share:4.0%}  {have / 1e6:.0f}{size} MB")
    sys.stdout.flush()


def _clear() -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
