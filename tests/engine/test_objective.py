"""The objective and its gradient, compared with the plain implementation."""

from dataclasses import astuple, dataclass, field, replace
from functools import cache
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from pastiche.engine import plain
from pastiche.engine.backbone import Backbone
from pastiche.engine.evaluation import evaluate
from pastiche.engine.fast.convolution import convolution_dtype
from pastiche.engine.losses import Term
from pastiche.engine.normalisation import SCALINGS, Weights, term_weights
from pastiche.engine.objective import Objective
from pastiche.engine.plain import Moments, Problem
from pastiche.engine.targets import build_targets, extract_style_features
from pastiche.options import LAYERS, LayerName, Options, Padding, Pooling, Precision, StyleStatistic
from tests.engine.networks import random_backbone

CPU = torch.device("cpu")
FOUR: dict[LayerName, float] = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0}
FIVE: dict[LayerName, float] = {**FOUR, "relu5_1": 1.0}


def picture(height: int, width: int, seed: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64)


CONTENT, STYLE, OTHER = picture(37, 50, 1), picture(45, 33, 2), picture(40, 40, 5)
AT = 1.2 * picture(37, 50, 3) - 0.1  # some of it outside 0 to 1
LEFT = torch.zeros(1, 1, 37, 50, dtype=torch.float64)
LEFT[..., :20] = 1.0
STYLE_MASKS = [picture(45, 33, 6, 1), picture(40, 40, 7, 1)]


@dataclass(frozen=True)
class Case:
    """One use of the options.

    Attributes:
        network: of `random_backbone`.
        centre: what is subtracted from all features.
        weights: of content, style, total variation and gamut.
        bfloat16: how far the value and the gradient may be off in that precision, as shares.
    """

    options: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    centre: float = 0.0
    weights: Weights = field(default_factory=lambda: Weights(18.0, 7.5, 15.0, 1e4))
    styles: tuple[Tensor, ...] = (STYLE,)
    masks: tuple[Tensor, ...] = ()
    style_masks: tuple[Tensor, ...] = ()
    content_map: Tensor | None = None
    bfloat16: tuple[float, float] = (1e-2, 5e-2)


# Rounding makes neighbours equal or swaps their order: the gradient goes to the wrong one.
OF_MAXIMA = (1e-2, 0.4)
# A covariance is a difference: where the mean is far from 0, it has few digits.
OF_FAR_MEANS = (0.25, 0.6)

CLASSIC = Weights(5.0, 100.0, 1e-3, 1e4)
GRAM = {"style_statistic": "gram"}
LAYERS_BY_NAME = {
    "content_layers": {"relu3_2": 1.0, "relu4_2": 3.0},
    "style_layers": {"relu1_2": 2.0, "relu5_4": 0.5},
}
NEURAL_STYLE = {"pooling": "max", "padding": "zeros", "scale": 1.5}

CASES = {
    "as it is by default": Case(),
    "with as many channels as VGG-19": Case(network={"thinner": 1}),
    "Gram matrices": Case(GRAM),
    "centred features": Case(centre=1.0, bfloat16=OF_FAR_MEANS),
    "centred Gram matrices": Case(GRAM, centre=1.0),
    "centred features, and edges of zeros": Case(
        network={"padding": "zeros"}, centre=1.0, bfloat16=OF_FAR_MEANS
    ),
    "max pooling": Case(network={"pooling": "max"}, bfloat16=OF_MAXIMA),
    "mirrored edges": Case(network={"padding": "reflect"}),
    "edges of zeros": Case(network={"padding": "zeros"}),
    "layers by name": Case(LAYERS_BY_NAME),
    "absolute variation": Case({"tv_norm": "absolute"}),
    "gradient normalisation": Case(
        {"gradient_normalisation": True},
        weights=Weights(18.0, 7.5, 15.0, 1.0),
        bfloat16=(1e-2, 0.15),
    ),
    "the paper's sums": Case({"normalisation": "paper", **GRAM}, weights=CLASSIC),
    "neural-style's means": Case(
        {"normalisation": "neural-style", **GRAM},
        network=NEURAL_STYLE,
        weights=CLASSIC,
        bfloat16=OF_MAXIMA,
    ),
    "neural-style-pt's absolute variation": Case(
        {"normalisation": "neural-style", "tv_norm": "absolute", **GRAM},
        network=NEURAL_STYLE,
        weights=CLASSIC,
        bfloat16=OF_MAXIMA,
    ),
    "two styles by losses": Case({"style_weights": (1.0, 3.0)}, styles=(STYLE, OTHER)),
    "two styles by moments": Case(
        {"style_weights": (1.0, 3.0), "style_blend": "statistics"}, styles=(STYLE, OTHER)
    ),
    "two styles by Gram matrices": Case(
        {"style_weights": (1.0, 3.0), "style_blend": "statistics", **GRAM}, styles=(STYLE, OTHER)
    ),
    "two regions": Case(styles=(STYLE, OTHER), masks=(LEFT, 1 - LEFT)),
    "regions that overlap, and parts of styles": Case(
        {"style_weights": (0.2, 0.3), "normalisation": "paper", **GRAM},
        weights=CLASSIC,
        styles=(STYLE, OTHER),
        masks=(picture(37, 50, 8, 1), picture(37, 50, 9, 1)),
        style_masks=tuple(STYLE_MASKS),
    ),
    "two regions by Gram matrices": Case(GRAM, styles=(STYLE, OTHER), masks=(LEFT, 1 - LEFT)),
    "part of one style": Case(style_masks=(STYLE_MASKS[0],), bfloat16=(1e-2, 0.3)),
    "a map of the content's weight": Case(content_map=picture(37, 50, 10, 1)),
}


def network_of(case: Case) -> Backbone:
    """A network with an eighth of VGG-19's channels, unless the case says otherwise."""
    return random_backbone(**({"thinner": 8} | case.network)).centred(case.centre)


def problem_of(case: Case) -> Problem:
    """The problem in the terms of the papers."""
    options, network = Options(**case.options), network_of(case)
    content = plain.features(CONTENT, network)
    contents, styles = layers_of(options)
    constants: dict[LayerName, tuple[float, float]] = {
        layer: {
            "pastiche": (1.0, 1.0),
            "paper": (1 / 2, 1 / (4 * each.shape[1] ** 2)),  # eq. 1 and 4
            "neural-style": (1 / each.numel(), 1 / each.shape[1] ** 4),  # means
        }[options.normalisation]
        for layer, each in content.items()
    }
    style_moments, shares = styles_of(case, options, network)
    return Problem(
        network=network,
        content=content,
        styles=style_moments,
        content_weights={
            layer: case.weights.content * w * constants[layer][0] for layer, w in contents.items()
        },
        style_weights={
            layer: case.weights.style * w * constants[layer][1] for layer, w in styles.items()
        },
        tv_weight=case.weights.tv * pixel_unit(options),
        gamut_weight=case.weights.gamut,
        is_relative=options.normalisation == "pastiche",
        statistic=options.style_statistic,
        shares=shares,
        masks=case.masks or [None] * len(shares),
        content_map=case.content_map,
        tv_norm=options.tv_norm,
        sums_tv=options.normalisation != "pastiche",
    )


def layers_of(options: Options) -> tuple[dict[LayerName, float], dict[LayerName, float]]:
    """The weights of the layers, as shares of 1 if they are relative."""
    default = FOUR
    if options.normalisation != "pastiche":
        default = dict.fromkeys(FIVE, 0.2 if options.normalisation == "paper" else 1.0)
    contents: dict[LayerName, float] = dict(options.content_layers or {"relu4_2": 1.0})
    styles: dict[LayerName, float] = dict(options.style_layers or default)
    if options.normalisation == "pastiche":
        contents = {layer: weight / sum(contents.values()) for layer, weight in contents.items()}
        styles = {layer: weight / sum(styles.values()) for layer, weight in styles.items()}
    return contents, styles


def pixel_unit(options: Options) -> float:
    """The factor of the variation of pixels in 0 to 1 for a normalisation with pixels in 0 to
    255."""
    if options.normalisation == "pastiche":
        return 1.0
    if options.tv_norm == "absolute":
        return 255.0
    return 255.0**2 / (2 if options.normalisation == "neural-style" else 1)


def styles_of(
    case: Case, options: Options, network: Backbone
) -> tuple[list[dict[LayerName, Moments]], list[float]]:
    """The moments of the styles, blended if the options say so, and their shares."""
    masks = case.style_masks or (None,) * len(case.styles)
    styles = [
        {layer: plain.moments(each, mask) for layer, each in plain.features(style, network).items()}
        for style, mask in zip(case.styles, masks, strict=True)
    ]
    weights = options.style_weights or (1.0,) * len(styles)
    blend = [weight / sum(weights) for weight in weights]
    if options.style_blend == "statistics":
        statistic = options.style_statistic
        return [{layer: mix([s[layer] for s in styles], blend, statistic) for layer in LAYERS}], [1]
    if case.masks:
        areas = [mask.mean().item() for mask in case.masks]
        crowd = max(1, sum(areas))
        blend = [len(areas) * b * area / crowd for b, area in zip(blend, areas, strict=True)]
    return styles, blend


@pytest.mark.parametrize("padding", ["replicate", "reflect", "zeros"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 40), (16, 16)])
def test_the_features_of_a_tiny_image_are_those_of_the_plain_network(
    padding: Padding, height: int, width: int
) -> None:
    network, image = random_backbone(thinner=8, padding=padding), picture(height, width, 11)
    found = network.features(image, set(LAYERS))
    for layer, expected in plain.features(image, network).items():
        assert torch.allclose(found[layer], expected, rtol=1e-9, atol=1e-12)


def mix(several: list[Moments], blend: list[float], statistic: StyleStatistic) -> Moments:
    """The weighted mean of Gram matrices, or of means and covariances."""
    pairs = list(zip(blend, several, strict=True))
    mean = torch.stack([b * each.mean for b, each in pairs]).sum(0)
    if statistic == "gram":
        return Moments(mean, torch.stack([b * each.gram for b, each in pairs]).sum(0))
    covariance = torch.stack([b * each.covariance for b, each in pairs]).sum(0)
    return Moments(mean, covariance + mean[:, None] * mean[None, :])


def gradient_of(problem: Problem, case: Case) -> Tensor:
    """The objective's gradient at the pixels. With normalised gradients, the gradient of each
    layer's term at its feature map is divided by its L1 norm, and multiplied by the term's weight
    (neural_style.lua)."""
    at = AT.clone().requires_grad_(True)
    if not case.options.get("gradient_normalisation"):
        return torch.autograd.grad(plain.objective(at, problem), at)[0]
    maps = plain.features(at, problem.network)
    surrogate = plain.pixel_loss(at, problem)
    for (kind, layer), loss in plain.network_losses(maps, problem).items():
        weights = problem.content_weights if kind == "content" else problem.style_weights
        weight = weights[layer]
        (gradient,) = torch.autograd.grad(loss / weight, maps[layer], retain_graph=True)
        normalised = weight * gradient / (gradient.abs().sum() + 1e-8)
        surrogate = surrogate + (normalised * maps[layer]).sum()
    return torch.autograd.grad(surrogate, at)[0]


def objective_of(case: Case, dtype: torch.dtype) -> Objective:
    """The engine's objective, with the convolutions in `dtype`."""
    pixels = torch.float64 if dtype == torch.float64 else torch.float32
    options = Options(size=max(CONTENT.shape[-2:]), **case.options)
    masks = case.style_masks or (None,) * len(case.styles)
    network = network_of(case).to(CPU, dtype)
    styles = [
        extract_style_features(
            style.to(pixels), None if mask is None else mask.to(pixels), network, options
        )
        for style, mask in zip(case.styles, masks, strict=True)
    ]
    targets = build_targets(
        CONTENT.to(pixels),
        styles,
        network,
        options,
        masks=[mask.to(pixels) for mask in case.masks],
        content_map=None if case.content_map is None else case.content_map.to(pixels),
    )
    scaling = SCALINGS[options.normalisation]
    unit = 1.0 if scaling.units is None else scaling.units.variation[options.tv_norm]
    return Objective.build(
        network,
        targets,
        options,
        replace(case.weights, tv=unit * case.weights.tv),
    )


def evaluated(name: str, dtype: torch.dtype) -> tuple[float, Tensor]:
    """The engine's value and gradient."""
    at = AT if dtype == torch.float64 else AT.float()
    evaluation = evaluate(objective_of(CASES[name], dtype), at)
    return evaluation.value.item(), evaluation.gradient.double()


@cache
def expected(name: str) -> tuple[float, Tensor]:
    """The plain value, and its gradient by automatic differentiation."""
    problem = problem_of(CASES[name])
    return plain.objective(AT, problem).item(), gradient_of(problem, CASES[name])


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("name", CASES)
def test_in_float64_it_is_the_plain_objective(name: str) -> None:
    (value, gradient), (plain_value, plain_gradient) = (
        evaluated(name, torch.float64),
        expected(name),
    )
    assert value == pytest.approx(plain_value, rel=1e-9)
    assert distance(gradient, plain_gradient) < 1e-9


@pytest.mark.parametrize("name", CASES)
def test_in_float32_it_is_close(name: str) -> None:
    (value, gradient), (plain_value, plain_gradient) = (
        evaluated(name, torch.float32),
        expected(name),
    )
    assert value == pytest.approx(plain_value, rel=1e-4)
    # One feature that is all but 0, and rectified here and not there, moves it by up to 2e-3.
    assert distance(gradient, plain_gradient) < 1e-2


@pytest.mark.parametrize("name", CASES)
def test_in_bfloat16_it_is_near(name: str) -> None:
    (value, gradient), (plain_value, plain_gradient) = (
        evaluated(name, torch.bfloat16),
        expected(name),
    )
    off_value, off_gradient = CASES[name].bfloat16
    assert value == pytest.approx(plain_value, rel=off_value)
    assert distance(gradient, plain_gradient) < off_gradient


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if "gradient_normalisation" not in case.options]
)
def test_the_gradient_passes_finite_differences(name: str) -> None:
    objective = objective_of(CASES[name], torch.float64)
    direction = picture(37, 50, 4) - 0.5
    slope = (evaluate(objective, AT).gradient * direction).sum().item()
    near = 1e-7
    rise = (
        evaluate(objective, AT + near * direction).value
        - evaluate(objective, AT - near * direction).value
    )
    assert rise.item() / (2 * near) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("padding", get_args(Padding))
def test_centring_subtracts_a_constant_from_all_features(padding: Padding) -> None:
    network = random_backbone(thinner=8, padding=padding)
    before, after = plain.features(AT, network), plain.features(AT, network.centred(1.5))
    for layer, each in before.items():
        torch.testing.assert_close(after[layer], each - 1.5, rtol=1e-10, atol=1e-10)


def test_the_terms_add_up_to_the_value_and_are_reported_by_layer() -> None:
    objective = objective_of(CASES["layers by name"], torch.float64)
    evaluation = evaluate(objective, AT)
    assert evaluation.terms.sum().item() == pytest.approx(evaluation.value.item())
    assert objective.terms == (
        Term("content", "relu3_2"),
        Term("content", "relu4_2"),
        Term("style", "relu1_2"),
        Term("style", "relu5_4"),
        Term("tv"),
        Term("gamut"),
    )


def test_only_the_requested_layers_are_computed() -> None:
    thin = random_backbone(thinner=8)
    shallow = Backbone("shallow", None, {"relu1_1": thin.convolutions["relu1_1"]})
    assert list(shallow.features(CONTENT, {"relu1_1"})) == ["relu1_1"]
    assert list(thin.features(CONTENT, {"relu2_2", "relu1_1"})) == ["relu1_1", "relu2_2"]


def test_every_layer_of_vgg_19_can_be_requested() -> None:
    assert list(random_backbone(thinner=8).features(CONTENT, set(LAYERS))) == list(LAYERS)


def test_the_gamut_term_has_the_same_relative_weight_for_all_weights() -> None:
    objective = objective_of(CASES["as it is by default"], torch.float64)
    content, style = blank = objective.targets.blank_losses()
    default = term_weights(Options(), objective.backbone.units, blank)
    heavier = Options(content_weight=5.0, style_weight=5.0)
    assert default.gamut == pytest.approx(400 * (default.content * content + default.style * style))
    gamut = term_weights(heavier, objective.backbone.units, blank).gamut
    assert gamut == pytest.approx(10 * default.gamut)


def test_only_the_ratio_of_content_and_style_matters() -> None:
    objective = objective_of(CASES["as it is by default"], torch.float64)
    blank = objective.targets.blank_losses()
    one = term_weights(
        Options(content_weight=0.1, style_weight=0.9), objective.backbone.units, blank
    )
    five = term_weights(
        Options(content_weight=0.5, style_weight=4.5), objective.backbone.units, blank
    )
    assert astuple(five) == pytest.approx([5 * weight for weight in astuple(one)])


def test_other_weights_scale_only_their_terms() -> None:
    objective = objective_of(CASES["as it is by default"], torch.float64)
    before = evaluate(objective, AT).terms
    objective.weights.update(Weights(18.0, 2 * 7.5, 15.0, 1e4))
    ratios = (evaluate(objective, AT).terms / before).tolist()
    assert ratios == pytest.approx([1.0] + 4 * [2.0] + 2 * [1.0])


def test_bfloat16_is_used_only_where_the_processor_has_it() -> None:
    flags = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    for pooling in get_args(Pooling):
        chosen = convolution_dtype(CPU, Options(pooling=pooling))
        assert (chosen == torch.bfloat16) == flags


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_the_chosen_precision_is_used(precision: Precision, dtype: torch.dtype) -> None:
    assert convolution_dtype(CPU, Options(precision=precision, pooling="max")) == dtype


def content_scale(side: int, **options: Any) -> float:
    """The factor of the squared differences at a scale, for features of energy 8."""
    scale = SCALINGS["pastiche"].content(torch.tensor(8.0), 100, side, Options(**options))
    return scale.item()


def test_beyond_256_pixels_the_content_weighs_more() -> None:
    assert content_scale(64, size=64) == content_scale(256, size=256) == 1 / 8
    assert content_scale(1024, size=1024) == pytest.approx(4**0.25 / 8)


def test_at_coarse_scales_the_content_weighs_less_in_proportion_to_their_size() -> None:
    assert content_scale(64, size=256) == pytest.approx(content_scale(256, size=256) / 4)


def test_a_start_that_shows_no_content_keeps_its_weight_at_coarse_scales() -> None:
    assert content_scale(64, size=256, start="noise") == content_scale(256, size=256)
