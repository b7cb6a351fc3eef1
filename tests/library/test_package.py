"""The names in `pastiche`, and what importing it does not load."""

import subprocess
import sys
from pathlib import Path

import pastiche

ROOT = Path(__file__).parents[2]


def test_its_names_are_listed_and_can_be_imported() -> None:
    assert {"Client", "stylize", "Options", "preset", "__version__"} <= set(dir(pastiche))
    for name in dir(pastiche):
        assert getattr(pastiche, name) is not None


def test_it_loads_neither_torch_nor_httpx_before_they_are_needed() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import pastiche, sys; dir(pastiche); print(*sys.modules)"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {"torch", "httpx", "numpy", "PIL", "rich"}.isdisjoint(loaded)


def test_all_its_names_are_imported_without_httpx_and_torch() -> None:
    code = (
        "import sys; sys.modules |= dict.fromkeys(['httpx', 'torch']);"
        "from pastiche import *; print(preset('draft') != Options())"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (imported.stdout, imported.stderr) == ("True\n", "")


def test_the_client_does_not_load_torch() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys; from pastiche import Client; print(*sys.modules)"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "httpx" in loaded
    assert "torch" not in loaded
