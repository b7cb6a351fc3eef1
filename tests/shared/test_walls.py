"""Some modules must start fast: importing them does not import torch, and painting does not import
sympy."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "module",
    [
        "api.app",
        "shared.celery_app",
        "shared.job_store",
        "worker.__main__",
        "worker.reconciler",
        "pastiche",
        "pastiche.options",
        "pastiche.client",
        "pastiche.cli.app",
    ],
)
def test_importing_it_does_not_import_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_options_need_nothing_but_python() -> None:
    code = (
        "import sys, pastiche.options; "
        "sys.exit(bool({'pydantic', 'numpy', 'PIL', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_client_needs_no_pillow_until_it_is_given_a_pillow_picture() -> None:
    code = "import sys, pastiche.client; sys.exit(bool({'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_reader_of_pictures_needs_no_numpy() -> None:
    code = "import sys, pastiche.pictures; sys.exit(bool({'numpy', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("service", ["api", "worker", "reconciler"])
def test_without_a_collector_nothing_is_loaded_that_exports_traces(service: str) -> None:
    begin = {
        "api": "import api.app; api.app.create_app()",
        "worker": "import worker.__main__; from shared import tracing; tracing.begin('worker')",
        "reconciler": "import worker.reconciler; from shared import tracing; tracing.begin('r')",
    }
    code = (
        f"{begin[service]}\n"
        "import sys\n"
        "exporting = {'opentelemetry.sdk.trace', 'opentelemetry.exporter', 'google.protobuf'}\n"
        "sys.exit(bool(exporting & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_with_a_collector_the_exporter_is_loaded() -> None:
    code = (
        "import sys; from shared import tracing; "
        "sys.exit(not tracing.begin('api') or 'opentelemetry.exporter' not in sys.modules)"
    )
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    process = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert process.returncode == 0


def test_painting_does_not_import_sympy() -> None:
    """It takes a second or more, at the first iteration of each worker."""
    code = (
        "import sys, torch\n"
        "if 'sympy' in sys.modules: sys.exit()\n"
        "from pastiche import Options, stylize_tensors\n"
        "content, style = torch.rand(2, 1, 3, 32, 32)\n"
        "stylize_tensors(content, style, Options(size=32, iterations=2))\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
