"""The worker's image fetches the weights before it contains the whole library."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]

RUN_MODULE = """
import runpy
import sys

folder, *site_packages, module = sys.argv[1:]
sys.path[:0] = [folder, *site_packages]
sys.argv[1:] = ["--help"]
runpy.run_module(module, run_name="__main__")
"""


def test_the_image_contains_every_module_that_fetches_its_weights(tmp_path: Path) -> None:
    dockerfile = (ROOT / "Dockerfile.worker").read_text("utf-8")
    copies = re.findall(r"^COPY (pastiche/\S+) /build/fetch/(\S+)$", dockerfile, re.MULTILINE)
    for source, target in copies:
        _copy(ROOT / source, tmp_path / target)
    (module,) = re.findall(r"python -m (\S+) vgg16", dockerfile)
    # Without site: this environment's link to the whole library does not count.
    command = [sys.executable, "-S", "-c", RUN_MODULE, str(tmp_path)]
    done = subprocess.run(
        [*command, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), module],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "vgg16" in done.stdout


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
