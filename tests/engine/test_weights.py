"""Fetching and loading the pretrained weights, from a real server and a file of the real layout."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import VGG19_Weights, vgg19

from pastiche import Options, stylize
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbones import choose_backbone
from pastiche.engine.pretrained import CAFFE_INPUT, IMAGENET_INPUT, Pretrained
from pastiche.engine.weights import (
    CAFFE,
    IMAGENET,
    CannotFetch,
    MissingWeights,
    WeightsFile,
    fetch,
    main,
    sha256_of,
    weights_folder,
)
from pastiche.options import BackboneChoice

PAYLOAD = bytes(range(256)) * 20_000
PREFIX = hashlib.sha256(PAYLOAD).hexdigest()[:8]


class Server(ThreadingHTTPServer):
    """Serves `PAYLOAD`; can break off the first answer half-way."""

    breaks_off = False
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        first = int(re.findall(r"\d+", asked)[0]) if asked else 0
        if first >= len(PAYLOAD):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(PAYLOAD) - first))
        self.end_headers()
        body = PAYLOAD[first:]
        if self.server.breaks_off:
            self.server.breaks_off = False
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def offered(server: Server, hash_prefix: str = PREFIX) -> WeightsFile:
    return WeightsFile(f"http://127.0.0.1:{server.server_port}/some.pth", hash_prefix)


def test_the_file_is_fetched_checked_and_put_in_place(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = fetch(offered(server), tmp_path / "new", lambda *numbers: told.append(numbers))
    assert path.read_bytes() == PAYLOAD
    assert told[-1] == (len(PAYLOAD), len(PAYLOAD))
    assert [each.name for each in path.parent.iterdir()] == ["some.pth"]


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        fetch(offered(server), tmp_path)
    assert len(server.asked) == 1


def test_a_download_that_broke_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.breaks_off = True
    with pytest.raises(CannotFetch, match="goes on from there"):
        fetch(offered(server), tmp_path)
    path = fetch(offered(server), tmp_path)
    assert path.read_bytes() == PAYLOAD
    assert server.asked == [None, f"bytes={len(PAYLOAD) // 2}-"]


def test_a_part_that_is_whole_already_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "some.part").write_bytes(PAYLOAD)
    assert fetch(offered(server), tmp_path).read_bytes() == PAYLOAD


def test_other_bytes_than_were_promised_are_thrown_away(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CannotFetch, match="was promised"):
        fetch(offered(server, hash_prefix="00000000"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_it_says_where_the_file_may_be_put(tmp_path: Path) -> None:
    nowhere = WeightsFile("http://127.0.0.1:9/some.pth", PREFIX)
    with pytest.raises(CannotFetch, match=re.escape(str(tmp_path / "some.pth"))):
        fetch(nowhere, tmp_path)


def test_the_url_and_the_hash_are_torchvision_s() -> None:
    assert IMAGENET.url == VGG19_Weights.IMAGENET1K_V1.url
    assert IMAGENET.name == f"vgg19-{IMAGENET.hash_prefix}.pth"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision lays it out, with random filters and no classifier's bulk."""
    torch.manual_seed(0)
    state = {
        name: tensor
        for name, tensor in vgg19(weights=None).state_dict().items()
        if name.startswith("features")
    }
    folder = tmp_path_factory.mktemp("weights")
    torch.save(state, folder / IMAGENET.name)
    return folder


def prefix(weights: Path) -> str:
    """What the hash of the test's file begins with."""
    return sha256_of(weights / IMAGENET.name)[:8]


def chosen(weights: Path) -> Pretrained:
    file = replace(IMAGENET, hash_prefix=prefix(weights))
    return Pretrained("imagenet", weights / IMAGENET.name, file, IMAGENET_INPUT)


def network_of(source: Pretrained, **options: Any) -> Backbone:
    return source.network([image(0), image(1)], {"relu5_1"}, Options(**options))


def image(seed: int) -> Tensor:
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


def as_torchvision_has_it(weights: Path, layers: int) -> torch.nn.Sequential:
    """The network's first layers, with the filters of the test's file."""
    whole = vgg19(weights=None)
    whole.load_state_dict(torch.load(weights / IMAGENET.name, weights_only=True), strict=False)
    first: torch.nn.Sequential = whole.features[:layers]
    return first


def prepared(images: Tensor) -> Tensor:
    """An image as torchvision's documentation prepares it."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (images - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)


def test_padded_with_zeros_and_max_pooled_it_is_torchvision_s_network(weights: Path) -> None:
    network = network_of(chosen(weights), padding="zeros", pooling="max")
    with torch.no_grad():
        expected = as_torchvision_has_it(weights, 30)(prepared(image(0)))
        ours = network.features(image(0), {"relu5_1"})["relu5_1"]
    assert (ours - expected).norm() < 1e-4 * expected.norm()


def test_the_caffe_network_sees_blue_first_in_0_to_255_less_the_mean(weights: Path) -> None:
    file = replace(CAFFE, hash_prefix=prefix(weights))
    source = Pretrained("caffe", weights / IMAGENET.name, file, CAFFE_INPUT)
    ours = network_of(source, padding="zeros").features(image(0), {"relu1_1"})["relu1_1"]
    blue_first = 255 * image(0).flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = as_torchvision_has_it(weights, 2)(blue_first)
    assert (ours - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize("file", [IMAGENET, CAFFE], ids=lambda file: file.name)
def test_each_pretrained_backbone_is_looked_for_under_its_published_name(
    file: WeightsFile, weights: Path, tmp_path: Path
) -> None:
    choice: BackboneChoice = "imagenet" if file is IMAGENET else "caffe"
    (tmp_path / file.name).symlink_to(weights / IMAGENET.name)
    source = choose_backbone(choice, tmp_path)
    assert (source.name, source.sha256) == (choice, sha256_of(tmp_path / file.name))


def test_auto_takes_it_where_its_file_is(weights: Path, tmp_path: Path) -> None:
    assert choose_backbone("auto", weights).name == "imagenet"
    assert choose_backbone("auto", tmp_path).name == "whitened"
    assert choose_backbone("whitened", weights).name == "whitened"


def test_its_hash_is_the_file_s(weights: Path) -> None:
    assert choose_backbone("imagenet", weights).sha256 == sha256_of(weights / IMAGENET.name)


def test_asked_for_without_its_file_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="make weights"):
        choose_backbone("imagenet", tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a file of weights", pytest.param(None, id="another network")],
)
def test_a_file_that_is_no_vgg_19_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / IMAGENET.name
    if content is None:
        torch.save({"features.0.weight": torch.zeros(1)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(MissingWeights, match=re.escape(str(path))):
        network_of(chosen(tmp_path))


def test_a_truncated_file_is_refused(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / IMAGENET.name
    path.write_bytes((weights / IMAGENET.name).read_bytes()[:1_000_000])
    with pytest.raises(MissingWeights, match="broken"):
        network_of(chosen(tmp_path))


def test_another_file_of_the_same_layout_is_refused_by_its_hash(weights: Path) -> None:
    source = choose_backbone("imagenet", weights)
    assert isinstance(source, Pretrained)
    with pytest.raises(MissingWeights, match=f"begins with {prefix(weights)}, not with dcbb9e9d"):
        network_of(source)


def test_the_command_fetches_into_the_folder_it_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--cache", str(tmp_path)], {"imagenet": offered(server)}) == 0
    assert (tmp_path / "some.pth").read_bytes() == PAYLOAD
    assert "100%" in capsys.readouterr().out


def test_the_command_says_what_can_be_done_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = WeightsFile("http://127.0.0.1:9/some.pth", PREFIX)
    assert main(["--cache", str(tmp_path)], {"imagenet": nowhere}) == 1
    said = capsys.readouterr().err
    assert nowhere.url in said
    assert str(tmp_path / "some.pth") in said
    assert "whitened" in said


def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(tmp_path))
    assert weights_folder() == tmp_path


def test_it_paints(weights: Path) -> None:
    picture = stylize(image(0), image(1), Options(size=48, iterations=5), backbone=chosen(weights))
    assert torch.isfinite(picture).all()
