"""The presets `neural-style` and `paper` in the engine, compared with their sources."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche import Options, preset
from pastiche.engine.backbone import Backbone
from pastiche.engine.inputs import Inputs
from pastiche.engine.normalisation import SCALINGS, Scaling, term_weights
from pastiche.engine.prepared import PreparedInputs
from pastiche.engine.whitened import Whitened
from pastiche.network_layers import content_layer_weights, style_layer_weights
from pastiche.options import Resampling
from pastiche.sizes import Scale, style_size
from tests.engine.networks import random_backbone
from tests.engine.pictures import CONTENT, STYLE

pytestmark = pytest.mark.usefixtures("thin_backbone")

FIVE = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
MEAN_PIXEL = (123.68, 116.779, 103.939)  # red, green, blue


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


F_MAP, P_MAP = random(1, 6, 5, 7), random(1, 6, 5, 7, seed=1)
ROWS, STYLE_ROWS = F_MAP[0].flatten(1), random(6, 35, seed=2)  # (N, M)


def content_term(scaling: Scaling) -> float:
    scale = scaling.content(P_MAP.square().sum(), P_MAP.numel(), 512, Options())
    return ((F_MAP - P_MAP).square().sum() * scale).item()


def style_term(scaling: Scaling) -> float:
    found, target = (rows @ rows.T / rows.shape[1] for rows in (ROWS, STYLE_ROWS))
    return ((found - target).square().sum() * scaling.style(target)).item()


def test_neural_style_s_content_term_is_the_mean_square() -> None:
    expected = F.mse_loss(F_MAP, P_MAP)
    assert content_term(SCALINGS["neural-style"]) == pytest.approx(expected.item())


def test_neural_style_s_style_term_is_the_mean_square_of_gram_matrices_by_elements() -> None:
    found, target = (rows @ rows.T / rows.numel() for rows in (ROWS, STYLE_ROWS))
    expected = F.mse_loss(found, target)
    assert style_term(SCALINGS["neural-style"]) == pytest.approx(expected.item())


def test_the_paper_s_content_term_is_half_the_sum_of_squares() -> None:
    expected = 0.5 * (F_MAP - P_MAP).square().sum()  # eq. 1
    assert content_term(SCALINGS["paper"]) == pytest.approx(expected.item())


def test_the_paper_s_style_term_is_that_of_its_fourth_equation() -> None:
    filters, positions = ROWS.shape
    grams = [rows @ rows.T for rows in (ROWS, STYLE_ROWS)]  # eq. 3
    expected = (grams[0] - grams[1]).square().sum() / (4 * filters**2 * positions**2)  # eq. 4
    assert style_term(SCALINGS["paper"]) == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("options", "weight"), [(preset("neural-style"), 1.0), (preset("paper"), 1 / 5)]
)
def test_five_style_layers_weigh_the_same_and_the_content_is_relu4_2(
    options: Options, weight: float
) -> None:
    assert content_layer_weights(options) == {"relu4_2": 1.0}
    assert style_layer_weights(options, "vgg19") == dict.fromkeys(FIVE, weight)


def prepare(options: Options, inputs: Inputs) -> PreparedInputs:
    network = random_backbone(thinner=8).to(torch.device("cpu"), torch.float32)
    return PreparedInputs.prepare(inputs, options, Random(network))


class Random:
    """A backbone with random filters."""

    name, sha256 = "random", None

    def __init__(self, network: Backbone) -> None:
        self._network = network

    def network(self, *_: object) -> Backbone:
        return self._network


@pytest.mark.parametrize("name", ["neural-style", "paper"])
def test_weights_are_taken_as_they_are(name: str) -> None:
    options = preset("neural-style") if name == "neural-style" else preset("paper")
    prepared = prepare(options, Inputs(CONTENT, (STYLE,)))
    network = prepared.network
    targets = prepared.build_targets(_scale(48, 64), options)
    weights = term_weights(options, network.units, targets.blank_losses())
    assert (weights.content, weights.style) == (options.content_weight, options.style_weight)
    # 0.001 · ½ Σ d², of pixels in 0 to 255; the paper has none.
    expected = 0.001 * 0.5 * 255**2 if name == "neural-style" else 0.0
    assert weights.tv == pytest.approx(expected)


def test_neural_style_starts_from_a_trace_of_noise_on_the_mean_pixel() -> None:
    options = preset("neural-style", seed=3)
    start = prepare(options, Inputs(CONTENT, (STYLE,))).start((48, 64), options)
    pixels = 255 * start[0].double()
    for channel, mean in zip(pixels, MEAN_PIXEL, strict=True):
        assert channel.mean().item() == pytest.approx(mean, abs=1e-3)
        assert channel.std().item() == pytest.approx(0.001, rel=0.1)


def test_a_start_from_the_mean_has_its_noise_whatever_the_style_weighs() -> None:
    options = Options(start="mean", start_noise=0.1, content_weight=1e6)
    start = PreparedInputs.prepare(Inputs(CONTENT, (STYLE,)), options, Whitened()).start(
        (48, 64), options
    )
    assert start[0, 0].std().item() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("resampling", ["bicubic", "bilinear"])
def test_images_are_resized_with_the_chosen_filter(resampling: Resampling) -> None:
    options = Options(size=64, resampling=resampling, start_noise=0.0)
    prepared = prepare(options, Inputs(CONTENT, (STYLE,)))
    expected = F.interpolate(CONTENT, (48, 64), mode=resampling, antialias=True)
    assert torch.equal(prepared.start((48, 64), options), expected.clamp(0, 1))
    looked_at = prepared.build_targets(_scale(48, 64), options).contents[0].features
    with torch.no_grad():
        found = prepared.network.features(expected.clamp(0, 1), {"relu4_2"})["relu4_2"]
    torch.testing.assert_close(looked_at, found)


def test_a_small_style_image_is_enlarged_as_those_tools_do() -> None:
    """It is enlarged to the pastiche's longest side. Our own normalisation does not enlarge it."""
    for options, side in ((preset("neural-style"), 512), (preset("paper"), 512), (Options(), 100)):
        assert max(style_size((STYLE.shape[2], STYLE.shape[3]), 512, options)) == side


def _scale(height: int, width: int) -> Scale:
    return Scale(max(height, width), (height, width), 1)
