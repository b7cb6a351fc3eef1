"""What must stay light, does: importing it brings no torch with it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "api.app",
        "shared.queue",
        "shared.job_store",
        "worker.__main__",
        "worker.reconciler",
        "pastiche",
        "pastiche.options",
        "pastiche.client",
        "pastiche.cli.application",
    ],
)
def test_importing_it_brings_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_options_need_nothing_but_python() -> None:
    code = (
        "import sys, pastiche.options; "
        "sys.exit(bool({'pydantic', 'numpy', 'PIL', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
