"""The plans of the strips of the documentation: a pair of examples, and values of an option."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tools.paint.painter import example

Pictures = tuple[tuple[str, Path], ...]
"""Further pictures, with the names of their fields."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a strip.

    Attributes:
        more: further pictures that it is painted with.
    """

    label: str
    content: str = "harbour"
    style: str = "swirls"
    options: Mapping[str, str] = field(default_factory=dict)
    more: Pictures = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A strip.

    Attributes:
        shown: labelled pictures that are shown before the painted ones.
    """

    tiles: tuple[Tile, ...]
    shown: tuple[tuple[Path, str], ...] = ()


def plans(folder: Path) -> dict[str, Plan]:
    """All strips by their names. Masks that some of them need are drawn into the folder."""
    return {
        "alpha": _alphas(),
        "tv": _of("tv_weight", ("0", "1", "10")),
        "style-statistic": _of("style_statistic", ("moments", "gram")),
        "style-layers": _style_layers(),
        "style-scale": _of("style_scale", ("0.5", "1", "2")),
        "style-mask": _style_masks(folder),
        "colour": _of("colour", ("style", "palette", "luminance", "statistics"), style="wave"),
        "blend": _blends(),
        "masks": _masks(folder),
        "content-layers": _of("content_layers", ("relu2_2", "relu3_2", "relu4_2")),
        "content-map": _content_maps(folder),
        "gradient-normalisation": _of("gradient_normalisation", ("false", "true")),
        "size": _of("size", ("256", "512", "1024")),
        "scales": _of("scales", ("1", "2", "4")),
        "start": _starts(),
        "start-noise": _of("start_noise", ("0", "0.1", "0.3")),
        "iterations": _of("iterations", ("10", "40", "100")),
        "network": _networks(),
        "whitened": _whitened(),
        "content-alone": _contents_alone(),
        "style-alone": _styles_alone(),
    }


def _of(option: str, values: tuple[str, ...], style: str = "swirls") -> Plan:
    """One option at several values."""
    words = option.replace("_", " ")
    return Plan(
        tuple(Tile(f"{words}: {value}", style=style, options={option: value}) for value in values)
    )


def _alphas() -> Plan:
    return Plan(
        tuple(
            # The font that comes with Pillow has no Greek letters.
            Tile(f"content {alpha:g}, style {1 - alpha:g}", options=_weights(alpha))
            for alpha in (0.8, 0.5, 0.1)
        )
    )


def _weights(alpha: float) -> dict[str, str]:
    return {"content_weight": f"{alpha:g}", "style_weight": f"{1 - alpha:g}"}


def _style_layers() -> Plan:
    """From the first layer down to one layer more than by default."""
    deeper = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"
    return Plan(
        (
            Tile("relu1_1 alone", options={"style_layers": "relu1_1"}),
            Tile("down to relu3_1", options={"style_layers": "relu1_1,relu2_1,relu3_1"}),
            Tile("down to relu4_1 (default)"),
            Tile("down to relu5_1", options={"style_layers": deeper}),
        )
    )


def _starts() -> Plan:
    """With few iterations, because after many the start is no longer visible."""
    few = {"scale_iterations": "20,20,20"}
    given = (("start_image", example("content", "still_life")),)
    return Plan(
        (
            Tile("start: content", options={**few, "start": "content"}),
            Tile("start: noise", options={**few, "start": "noise"}),
            Tile("start: grey", options={**few, "start": "grey"}),
            Tile("start: image (a still life)", options={**few, "start": "image"}, more=given),
        )
    )


def _masks(folder: Path) -> Plan:
    """The sky in one style, and the rest in another."""
    sky, ground = folder / "sky.png", folder / "ground.png"
    mask = _rectangle((640, 480), (0, 0, 640, 285))
    mask.save(sky)
    ImageChops.invert(mask).save(ground)
    both = (("style", example("style", "fire")), ("mask", sky), ("mask", ground))
    return Plan(
        (
            Tile("first style alone"),
            Tile("second style alone", style="fire"),
            Tile("each where its mask is", more=both),
        ),
        shown=((sky, "mask of the first style"),),
    )


def _style_masks(folder: Path) -> Plan:
    """Only a part of the painting counts."""
    style = example("style", "cubist")
    with Image.open(style) as painting:
        width, height = painting.size
    half = folder / "half.png"
    _rectangle((width, height), (0, 0, width // 2, height)).save(half)
    return Plan(
        (
            Tile("all of it", style="cubist"),
            Tile("its white half", style="cubist", more=(("style_mask", half),)),
        ),
        shown=((style, "the style image"), (half, "style mask")),
    )


def _content_maps(folder: Path) -> Plan:
    """The photograph counts only on one side."""
    left = folder / "left.png"
    _rectangle((640, 480), (0, 0, 320, 480)).save(left)
    return Plan(
        (Tile("everywhere"), Tile("where the map is white", more=(("content_map", left),))),
        shown=((left, "content map"),),
    )


def _rectangle(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """White within the box, with a soft edge."""
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(box, fill="white")
    return mask.filter(ImageFilter.GaussianBlur(6))


def _blends() -> Plan:
    other = (("style", example("style", "stained_glass")),)
    return Plan(
        (
            Tile("swirls alone"),
            Tile("swirls 0.5, stained glass 0.5", options={"style_weights": "0.5,0.5"}, more=other),
            Tile("stained glass alone", style="stained_glass"),
        )
    )


def _networks() -> Plan:
    return Plan(
        (
            Tile("max pooling"),
            Tile("average pooling", options={"pooling": "average"}),
            Tile("padding: zeros", options={"padding": "zeros"}),
        )
    )


def _whitened() -> Plan:
    """The pair, painted with each network."""
    content, style = example("content", "harbour"), example("style", "swirls")
    return Plan(
        (
            Tile("vgg16, downloaded once"),
            Tile("whitened, without any download", options={"backbone": "whitened"}),
        ),
        shown=((content, "the photograph"), (style, "the painting")),
    )


def _contents_alone() -> Plan:
    """What the feature maps of a layer preserve of the photograph: from noise, without style."""
    alone = {"style_weight": "0", "tv_weight": "0", "start": "noise", "content_weight": "1"}
    return Plan(
        tuple(
            Tile(layer, options={**alone, "content_layers": layer})
            for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_2", "relu5_1")
        )
    )


def _styles_alone() -> Plan:
    """What the statistics down to a layer preserve of the painting: from noise, without content."""
    alone = {"content_weight": "0", "start": "noise", "style_weight": "1"}
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    return Plan(
        tuple(
            Tile(
                f"down to {layers[last]}" if last else layers[0],
                options={**alone, "style_layers": ",".join(layers[: last + 1])},
            )
            for last in range(len(layers))
        )
    )
