"""Figures on the pages are those of the committed results of the benchmarks."""

import json
import re
from typing import Any

from tests.docs.test_pages import ROOT


def page(path: str) -> str:
    """The text of a page, on one line."""
    return " ".join((ROOT / path).read_text("utf-8").split())


def results(name: str) -> dict[str, Any]:
    found = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_memory_of_a_picture_on_a_gpu_is_that_of_a_complete_job() -> None:
    gpu = results("gpu")
    small, large = (gpu[size]["peak_megabytes"] / 1000 for size in ("1024", "3840"))
    sentence = f"A picture of 1024 px takes {small:.1f} GB of the GPU's memory, one of 3840 px"
    assert f"{sentence} {large:.0f} GB" in page("README.md")
    performance = page("docs/performance.md")
    assert f"| 1024 px, the standard preset | 0.8, with {small:.1f} GB |" in performance
    assert f"| 3840×2880 px, the standard preset | 3.6, with {large:.1f} GB |" in performance


def test_the_memory_of_an_iteration_on_a_gpu_is_the_measured_one() -> None:
    performance = page("docs/performance.md")
    for iteration in results("gpu")["iterations"]:
        measured = f"{iteration['size']} px | {iteration['milliseconds']:.2g} ms"
        memory = f"{iteration['peak_megabytes'] / 1000:.1f} GB"
        assert re.search(rf"\| {measured} \| [^|]*\| {memory} \|", performance), measured


def test_the_memory_of_redis_in_the_long_run_is_the_measured_one() -> None:
    used = results("soak")["redis_used_megabytes"]
    reliability = page("docs/reliability.md")
    assert f"it used {used['means'][0]:.1f} MB at first, {used['means'][-1]:.1f} MB" in reliability
    assert f"at most {used['most']:.1f} MB" in reliability
