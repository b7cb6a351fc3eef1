"""Installing packages without uv: an index with one small wheel and no uv."""

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIST_INFO = "tinywheel-1.0.dist-info"
WHEEL_FILES = {
    "tinywheel.py": "",
    f"{DIST_INFO}/METADATA": "Metadata-Version: 2.1\nName: tinywheel\nVersion: 1.0\n",
    f"{DIST_INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{DIST_INFO}/RECORD": "",
}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A package index over HTTP that has only `tinywheel`."""
    project = tmp_path / "index/tinywheel"
    project.mkdir(parents=True)
    with zipfile.ZipFile(project / "tinywheel-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in WHEEL_FILES.items():
            wheel.writestr(name, text)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_pip_installs_the_packages_if_uv_is_unavailable(tmp_path: Path, index: str) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))
    }

    install = subprocess.run(
        ["requirements/packages", venv, "tinywheel"],
        cwd=ROOT,
        env={**environment, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index},
        capture_output=True,
        text=True,
    )

    assert install.returncode == 0, install.stderr
    assert "uv could not install the packages; pip tries." in install.stdout
    subprocess.run([venv / "bin/python", "-c", "import tinywheel"], check=True)
