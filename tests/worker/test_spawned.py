"""A painting process that Celery spawns instead of forking it, as it does on a Mac."""

from pathlib import Path

import pytest

from tests.stack import served
from tests.waiting import until

pytestmark = pytest.mark.slow

SPAWN = """
from billiard import context
context._default_context._default_context = context._concrete_contexts["spawn"]
"""
"""As billiard chooses it on a Mac."""


def test_a_spawned_process_paints_and_returns_its_job_when_the_worker_shuts_down(
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SPAWN)
    with served(tmp_path / "data", PYTHONPATH=str(tmp_path)) as stack:
        stack.wait_for_status(stack.submit(), "succeeded")
        job = stack.submit(iterations=5000)
        until(lambda: stack.get_job(job)["iteration"] > 0)
    log = (tmp_path / "data" / "logs" / "worker.log").read_text()
    assert f"Job {job['id']}: given back" in log
    assert log.count("Ready: backbone") == 1
