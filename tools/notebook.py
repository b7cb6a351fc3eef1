"""Generates the notebook `examples/library.ipynb` from the page for data scientists."""

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "data-science.md"


def generate_notebook() -> str:
    """The notebook, with a code cell for each block of Python on the page, and cells of text."""
    parts = re.split(r"```python\n(.*?)```\n", PAGE.read_text("utf-8"), flags=re.DOTALL)
    cells = [_cell(number, part.strip()) for number, part in enumerate(parts) if part.strip()]
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, text: str) -> dict[str, Any]:
    """A cell, with paths relative to the notebook's folder, in which Jupyter runs it."""
    if number % 2:
        kind, text = "code", text.replace('"examples/', '"')
        more: dict[str, Any] = {"execution_count": None, "outputs": []}
    else:
        kind, text = "markdown", re.sub(r"\]\(([\w-]+\.md)", r"](../docs/\1", text)
        more = {}
    lines = text.splitlines(keepends=True)
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": lines} | more
