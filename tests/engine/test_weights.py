"""Fetching and loading the pretrained weights, from a real server and a file of the real layout."""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import Tensor
from torchvision.models import VGG19_Weights, vgg19

from pastiche.engine.backbones import choose_backbone
from pastiche.engine.imagenet import DEVIATION, MEAN, Imagenet
from pastiche.engine.weights import (
    IMAGENET,
    CannotFetch,
    MissingWeights,
    WeightsFile,
    fetch,
    main,
    sha256_of,
    weights_folder,
)

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


def chosen(weights: Path) -> Imagenet:
    return Imagenet(weights / IMAGENET.name, hash_prefix=prefix(weights))


def image(seed: int) -> Tensor:
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


def test_its_first_layer_sees_images_as_torchvision_prepares_them(weights: Path) -> None:
    network = chosen(weights).network(image(0), image(1))
    reference = vgg19(weights=None).features[:2]
    state = torch.load(weights / IMAGENET.name, weights_only=True)
    first = {name: state[f"features.0.{name}"] for name in ("weight", "bias")}
    reference[0].load_state_dict(first)
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, DEVIATION))
    with torch.no_grad():
        expected = reference((image(0) - mean) / deviation)
    ours = network.features(image(0))["relu1_1"]
    inside = (..., slice(1, -1), slice(1, -1))  # torchvision's borders are of zeros
    assert torch.allclose(ours[inside], expected[inside], atol=1e-5)


def test_its_deepest_layer_is_torchvision_s_far_from_the_borders(weights: Path) -> None:
    from torch.nn import AvgPool2d, MaxPool2d

    network = chosen(weights).network(image(0), image(1))
    whole = vgg19(weights=None)
    state = torch.load(weights / IMAGENET.name, weights_only=True)
    whole.load_state_dict(state, strict=False)
    layers = [AvgPool2d(2) if isinstance(each, MaxPool2d) else each for each in whole.features[:30]]
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, DEVIATION))
    large = torch.rand(1, 3, 384, 384, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = torch.nn.Sequential(*layers)((large - mean) / deviation)[..., 11:13, 11:13]
        ours = network.features(large)["relu5_1"][..., 11:13, 11:13]
    assert (ours - expected).norm() < 1e-4 * expected.norm()


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
        chosen(tmp_path).network(image(0), image(1))


def test_a_truncated_file_is_refused(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / IMAGENET.name
    path.write_bytes((weights / IMAGENET.name).read_bytes()[:1_000_000])
    with pytest.raises(MissingWeights, match="broken"):
        chosen(tmp_path).network(image(0), image(1))


def test_another_file_of_the_same_layout_is_refused_by_its_hash(weights: Path) -> None:
    source = choose_backbone("imagenet", weights)
    with pytest.raises(MissingWeights, match=f"begins with {prefix(weights)}, not with dcbb9e9d"):
        source.network(image(0), image(1))


def test_the_command_fetches_into_the_folder_it_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--cache", str(tmp_path)], offered(server)) == 0
    assert (tmp_path / "some.pth").read_bytes() == PAYLOAD
    assert "100%" in capsys.readouterr().out


def test_the_command_says_what_can_be_done_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = WeightsFile("http://127.0.0.1:9/some.pth", PREFIX)
    assert main(["--cache", str(tmp_path)], nowhere) == 1
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
    from pastiche import Options, stylize

    source = choose_backbone("imagenet", weights, hash_prefix=prefix(weights))
    picture = stylize(image(0), image(1), Options(size=48, iterations=5), backbone=source)
    assert torch.isfinite(picture).all()
