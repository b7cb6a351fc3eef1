"""The results of `benchmarks.likeness`: their file, and the table in `docs/engine.md`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.pairs import RESULTS

FILE = RESULTS / "likeness.json"
PAGE = Path("docs/engine.md")

BEGINS, ENDS = "<!-- likeness: make likeness -->", "<!-- end of likeness -->"

Numbers = Mapping[str, float]
"""`style` and `content`, as `Likeness` has them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture that was painted and measured.

    Attributes:
        size: its longest side in pixels.
        seconds: how long painting took.
        at_common_size, at_own_size: its likeness, measured at 320 px and at its own size.
    """

    content: str
    style: str
    preset: str
    size: int
    backbone: str
    seconds: float
    at_common_size: Numbers
    at_own_size: Numbers

    @property
    def pair(self) -> str:
        return f"{self.content} × {self.style}"

    @property
    def painted_with(self) -> tuple[str, str, int]:
        """What the rows of one column have in common."""
        return self.backbone, self.preset, self.size

    def sentence(self) -> str:
        return (
            f"{self.pair}, {_column(self)}: at 320 px {_cell(self.at_common_size)}, "
            f"at its own size {_cell(self.at_own_size)}; {self.seconds:.1f} s"
        )


def read() -> list[Row]:
    """Every row that was measured so far."""
    return [Row(**row) for row in _read_file().get("rows", [])]


def measured_on() -> Mapping[str, str | int]:
    """The machine that the newest row was measured on."""
    machine_found: Mapping[str, str | int] = _read_file()["machine"]
    return machine_found


def _read_file() -> dict[str, Any]:
    """The contents of the file, empty if it does not exist yet."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return found


def write(row: Row) -> None:
    """Adds a row, or replaces the one of the same picture, and updates the table."""
    others = [
        each for each in read() if (each.pair, each.painted_with) != (row.pair, row.painted_with)
    ]
    rows = sorted([*others, row], key=lambda each: (each.painted_with, each.pair))
    found = {"machine": machine(), "rows": [asdict(each) for each in rows]}
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8"), rows, machine()), "utf-8")


def page(text: str, rows: Sequence[Row], painted_on: Mapping[str, str | int]) -> str:
    """The text of the page with the table of these rows, and the machine that painted them."""
    before, _, rest = text.partition(BEGINS)
    _, found, after = rest.partition(ENDS)
    assert found, f"{PAGE} has lost the markers of its table of likenesses"
    where = painted_on["card"] or painted_on["processor"]
    return f"{before}{BEGINS}\n{table(rows)}\nPainted on an {where}.\n{ENDS}{after}"


def table(rows: Sequence[Row]) -> str:
    """A line for each pair, with two columns for each preset and size, in Markdown."""
    painted = {each.painted_with: _column(each) for each in sorted(rows, key=_by_size)}
    by_picture = {(each.pair, each.painted_with): each for each in rows}
    head = ["style at content distance"]
    head += [
        f"{words}, {seen}"
        for words in painted.values()
        for seen in ("seen at 320 px", "at its own size")
    ]
    lines = [head, ["---"] * len(head)]
    for pair in dict.fromkeys(each.pair for each in rows):
        found = [by_picture.get((pair, each)) for each in painted]
        lines.append([pair, *(cell for row in found for cell in _cells(row))])
    lines.append(["**highest of each**", *_highest(rows, painted)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _by_size(row: Row) -> tuple[str, int, str]:
    return row.backbone, row.size, row.preset


def _column(row: Row) -> str:
    network = "" if row.backbone == "vgg16" else f"{row.backbone}, "
    return f"{network}{row.preset}, {row.size} px"


def _cells(row: Row | None) -> tuple[str, str]:
    return ("", "") if row is None else (_cell(row.at_common_size), _cell(row.at_own_size))


def _cell(numbers: Numbers) -> str:
    return f"{numbers['style']:.2f} / {numbers['content']:.2f}"


def _highest(rows: Sequence[Row], painted: Iterable[tuple[str, str, int]]) -> list[str]:
    cells = []
    for each in painted:
        column = [row for row in rows if row.painted_with == each]
        at_each_size = [row.at_common_size for row in column], [row.at_own_size for row in column]
        cells += [
            _cell({key: max(row[key] for row in measured) for key in ("style", "content")})
            for measured in at_each_size
        ]
    return cells
