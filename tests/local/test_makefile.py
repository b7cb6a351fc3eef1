"""Which variables the Makefile takes from the environment."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def evaluate(tmp_path: Path, expression: str, *words: str, **environment: str) -> str:
    """The value of an expression in the Makefile."""
    (tmp_path / "shown.mk").write_text(f"shown: ; @echo {expression}\n")
    return subprocess.run(
        ["make", "-f", "Makefile", "-f", str(tmp_path / "shown.mk"), "shown", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_short_names_are_taken_from_the_command_line_alone(tmp_path: Path) -> None:
    shown = "$$PASTICHE_HOST:$$PASTICHE_PORT $(SIZE) $(STYLE)"
    short = {"HOST": "x86_64-conda-linux-gnu", "PORT": "1", "SIZE": "9", "STYLE": "clang"}
    default = "127.0.0.1:8000 examples/images/style/swirls.jpg"
    assert evaluate(tmp_path, shown, **short) == default
    words = ("HOST=0.0.0.0", "PORT=9000", "SIZE=512", "STYLE=monet.jpg")
    assert evaluate(tmp_path, shown, *words, **short) == "0.0.0.0:9000 512 monet.jpg"


def test_the_address_is_taken_from_settings_of_the_environment(tmp_path: Path) -> None:
    settings = {"PASTICHE_HOST": "::1", "PASTICHE_PORT": "9000"}
    shown = "$$PASTICHE_HOST $$PASTICHE_PORT"
    assert evaluate(tmp_path, shown, **settings) == "::1 9000"
    assert evaluate(tmp_path, shown, "PORT=9001", **settings) == "::1 9001"
