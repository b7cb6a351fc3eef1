"""The objective and its gradient against a plain implementation of the papers' equations."""

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.evaluation import evaluate
from pastiche.engine.normalisation import SCALINGS
from pastiche.engine.objective import Evaluation, Objective, Term, Weights
from pastiche.engine.precision import convolution_dtype
from pastiche.engine.scene import weights_of
from pastiche.engine.targets import Painted, look_at, targets_of
from pastiche.options import LAYERS, Options, Pooling, Precision
from tests.engine import plain
from tests.engine.plain import Wanted, random_backbone

CPU = torch.device("cpu")


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
    """One use of the options, in our words and in the papers'.

    Attributes:
        bfloat16: how far the value and the gradient may be off in that precision, as shares.
    """

    options: dict[str, Any] = field(default_factory=dict)
    wanted: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)  # of random_backbone
    styles: tuple[Tensor, ...] = (STYLE,)
    masks: tuple[Tensor, ...] = ()
    style_masks: tuple[Tensor, ...] = ()
    content_map: Tensor | None = None
    bfloat16: tuple[float, float] = (1e-2, 5e-2)


# Rounding makes neighbours equal or turns their order round: the gradient goes to the wrong one.
OF_MAXIMA = (1e-2, 0.4)
# A covariance is a difference: where the mean is far from 0, it has few digits.
OF_FAR_MEANS = (0.25, 0.6)

CLASSIC = {"gamma": 1e-3, "alpha": 5.0, "beta": 100.0, "statistic": "gram"}
GRAM = {"style_statistic": "gram"}

CASES = {
    "as it is by default": Case(),
    "with as many channels as VGG-19": Case(network={"thinner": 1}),
    "Gram matrices": Case(GRAM, {"statistic": "gram"}),
    "centred features": Case(wanted={"centre": 1.0}, bfloat16=OF_FAR_MEANS),
    "centred Gram matrices": Case(GRAM, {"statistic": "gram", "centre": 1.0}),
    "centred features, and edges of zeros": Case(
        wanted={"centre": 1.0}, network={"padding": "zeros"}, bfloat16=OF_FAR_MEANS
    ),
    "max pooling": Case(network={"pooling": "max"}, bfloat16=OF_MAXIMA),
    "mirrored edges": Case(network={"padding": "reflect"}),
    "edges of zeros": Case(network={"padding": "zeros"}),
    "layers by name": Case(
        {
            "content_layers": {"relu3_2": 1.0, "relu4_2": 3.0},
            "style_layers": {"relu1_2": 2.0, "relu5_4": 0.5},
        },
        {
            "content_layers": {"relu3_2": 1.0, "relu4_2": 3.0},
            "style_layers": {"relu1_2": 2.0, "relu5_4": 0.5},
        },
    ),
    "absolute variation": Case({"tv_norm": "absolute"}, {"absolute": True}),
    "gradient normalisation": Case(
        {"gradient_normalisation": True},
        {"normalises_gradients": True, "gamut": 1.0},
        bfloat16=(1e-2, 0.15),
    ),
    "the paper's sums": Case(
        {"normalisation": "paper", **GRAM},
        {"normalisation": "paper", "style_layers": dict.fromkeys(plain.FIVE, 0.2), **CLASSIC},
    ),
    "neural-style's means": Case(
        {"normalisation": "neural-style", **GRAM},
        {"normalisation": "neural-style", "style_layers": plain.FIVE, **CLASSIC},
        network={"pooling": "max", "padding": "zeros", "scale": 1.5},
        bfloat16=OF_MAXIMA,
    ),
    "neural-style-pt's absolute variation": Case(
        {"normalisation": "neural-style", "tv_norm": "absolute", **GRAM},
        {
            "normalisation": "neural-style",
            "absolute": True,
            "style_layers": plain.FIVE,
            **CLASSIC,
        },
        network={"pooling": "max", "padding": "zeros", "scale": 1.5},
        bfloat16=OF_MAXIMA,
    ),
    "two styles by losses": Case(
        {"style_weights": (1.0, 3.0)}, {"blend": (1.0, 3.0)}, styles=(STYLE, OTHER)
    ),
    "two styles by moments": Case(
        {"style_weights": (1.0, 3.0), "style_blend": "statistics"},
        {"blend": (1.0, 3.0), "blends_statistics": True},
        styles=(STYLE, OTHER),
    ),
    "two styles by Gram matrices": Case(
        {"style_weights": (1.0, 3.0), "style_blend": "statistics", **GRAM},
        {"blend": (1.0, 3.0), "blends_statistics": True, "statistic": "gram"},
        styles=(STYLE, OTHER),
    ),
    "two regions": Case(wanted={"blend": (1, 1)}, styles=(STYLE, OTHER), masks=(LEFT, 1 - LEFT)),
    "regions that overlap, and parts of styles": Case(
        {"style_weights": (0.2, 0.3), "normalisation": "paper", **GRAM},
        {
            "blend": (0.2, 0.3),
            "normalisation": "paper",
            "style_layers": dict.fromkeys(plain.FIVE, 0.2),
            **CLASSIC,
        },
        styles=(STYLE, OTHER),
        masks=(picture(37, 50, 8, 1), picture(37, 50, 9, 1)),
        style_masks=tuple(STYLE_MASKS),
    ),
    "two regions by Gram matrices": Case(
        GRAM, {"blend": (1, 1), "statistic": "gram"}, styles=(STYLE, OTHER), masks=(LEFT, 1 - LEFT)
    ),
    "part of one style": Case(style_masks=(STYLE_MASKS[0],), bfloat16=(1e-2, 0.3)),
    "a map of the content's weight": Case(content_map=picture(37, 50, 10, 1)),
}


def network_of(case: Case) -> Backbone:
    """With an eighth of VGG-19's channels unless the case says otherwise."""
    return random_backbone(**({"thinner": 8} | case.network))


def wanted_of(case: Case) -> Wanted:
    return Wanted(
        CONTENT,
        case.styles,
        masks=case.masks,
        style_masks=case.style_masks,
        content_map=case.content_map,
        **case.wanted,
    )


def objective_of(case: Case, dtype: torch.dtype) -> Objective:
    """Ours, with the convolutions in `dtype`."""
    pixels = torch.float64 if dtype == torch.float64 else torch.float32
    options = Options(**case.options)
    masks = case.style_masks or (None,) * len(case.styles)
    wanted = wanted_of(case)
    network = network_of(case).centred(wanted.centre).to(CPU, dtype)
    painted = [
        Painted(style.to(pixels), None if mask is None else mask.to(pixels))
        for style, mask in zip(case.styles, masks, strict=True)
    ]
    targets = targets_of(
        CONTENT.to(pixels),
        look_at(painted, network, options),
        network,
        options,
        masks=[mask.to(pixels) for mask in case.masks],
        content_map=None if case.content_map is None else case.content_map.to(pixels),
    )
    scaling = SCALINGS[options.normalisation]
    gamma = wanted.gamma
    if options.normalisation != "pastiche":
        assert scaling.units is not None
        gamma = gamma * scaling.units.variation[options.tv_norm]
    return Objective(
        network,
        targets,
        Weights(wanted.alpha, wanted.beta, gamma, wanted.gamut),
        tv_norm=options.tv_norm,
        variation_is_summed=scaling.variation_is_summed,
        normalises_gradients=options.gradient_normalisation,
    )


def looked_at(objective: Objective, image: Tensor) -> Evaluation:
    (evaluation,) = evaluate([objective], image)
    return evaluation


def evaluated(name: str, dtype: torch.dtype) -> tuple[float, Tensor]:
    """Our value and gradient."""
    at = AT if dtype == torch.float64 else AT.float()
    evaluation = looked_at(objective_of(CASES[name], dtype), at)
    return evaluation.value.item(), evaluation.gradient.double()


@cache
def expected(name: str) -> tuple[float, Tensor]:
    """The plain value, and its gradient by automatic differentiation."""
    case = CASES[name]
    network, wanted = network_of(case), wanted_of(case)
    return plain.objective(AT, network, wanted).item(), plain.gradient(AT, network, wanted)


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("name", CASES)
def test_in_float64_it_is_the_papers_objective(name: str) -> None:
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
    "name", [name for name, case in CASES.items() if "normalises_gradients" not in case.wanted]
)
def test_the_gradient_passes_finite_differences(name: str) -> None:
    objective = objective_of(CASES[name], torch.float64)
    direction = picture(37, 50, 4) - 0.5
    slope = (looked_at(objective, AT).gradient * direction).sum().item()
    near = 1e-7
    rise = (
        looked_at(objective, AT + near * direction).value
        - looked_at(objective, AT - near * direction).value
    )
    assert rise.item() / (2 * near) == pytest.approx(slope, rel=1e-5)


def test_the_terms_add_up_to_the_value_and_are_told_by_layer() -> None:
    objective = objective_of(CASES["layers by name"], torch.float64)
    evaluation = looked_at(objective, AT)
    assert evaluation.terms.sum().item() == pytest.approx(evaluation.value.item())
    assert objective.terms == (
        Term("content", "relu3_2"),
        Term("content", "relu4_2"),
        Term("style", "relu1_2"),
        Term("style", "relu5_4"),
        Term("tv"),
        Term("gamut"),
    )


def test_only_the_layers_that_are_asked_for_are_computed() -> None:
    thin = random_backbone(thinner=8)
    shallow = Backbone("shallow", None, {"relu1_1": thin.convolutions["relu1_1"]})
    assert list(shallow.features(CONTENT, {"relu1_1"})) == ["relu1_1"]
    assert list(thin.features(CONTENT, {"relu2_2", "relu1_1"})) == ["relu1_1", "relu2_2"]


def test_every_layer_of_vgg_19_can_be_asked_for() -> None:
    assert list(random_backbone(thinner=8).features(CONTENT, set(LAYERS))) == list(LAYERS)


def test_the_gamut_weighs_as_much_against_any_weights() -> None:
    objective = objective_of(CASES["as it is by default"], torch.float64)
    default = weights_of(Options(), objective.targets, objective.backbone)
    louder = weights_of(
        Options(content_weight=5.0, style_weight=5.0), objective.targets, objective.backbone
    )
    content, style = objective.targets.blank()
    assert default.gamut == pytest.approx(400 * (default.content * content + default.style * style))
    assert louder.gamut == pytest.approx(10 * default.gamut)


def test_other_weights_scale_their_own_terms_alone() -> None:
    objective = objective_of(CASES["as it is by default"], torch.float64)
    doubled = objective.weighted(replace(objective.weights, style=2 * objective.weights.style))
    ratios = (looked_at(doubled, AT).terms / looked_at(objective, AT).terms).tolist()
    assert ratios == pytest.approx([1.0] + 4 * [2.0] + 2 * [1.0])


def test_bfloat16_is_used_only_where_the_processor_has_it() -> None:
    flags = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    for pooling in get_args(Pooling):
        chosen = convolution_dtype(CPU, Options(pooling=pooling))
        assert (chosen == torch.bfloat16) == flags


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_precision_that_is_asked_for_is_used(precision: Precision, dtype: torch.dtype) -> None:
    assert convolution_dtype(CPU, Options(precision=precision, pooling="max")) == dtype


def test_beyond_256_pixels_the_content_weighs_more() -> None:
    energy, scale = torch.tensor(8.0), SCALINGS["pastiche"].content
    assert scale(energy, 100, 64) == scale(energy, 100, 256) == 1 / 8
    assert (scale(energy, 100, 1024) / scale(energy, 100, 256)).item() == pytest.approx(4**0.25)
