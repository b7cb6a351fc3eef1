"""`pastiche doctor`: describes this machine, the service, and what would be faster."""

from collections.abc import Iterator
from dataclasses import asdict

import typer

from pastiche.cli.arguments import DEFAULT, Json, Key, Url, make_client
from pastiche.cli.exits import exit_code, exits_on_error
from pastiche.cli.machine import Engine, Machine, describe_machine
from pastiche.cli.screen import json_line, line
from pastiche.client import ClientError, InvalidAddress, Readiness


@exits_on_error
def doctor(as_json: Json = False, url: Url = DEFAULT, key: Key = None) -> None:
    """Describe this machine, the engine, the service and its workers, and what would be faster.

    Succeeds if a picture can be painted, by the service or with --local."""
    machine = describe_machine()
    try:
        with make_client(url, key) as client:
            service: Readiness | ClientError = client.readiness()
    except InvalidAddress:
        raise
    except ClientError as error:
        service = error
    advice = [*_local_advice(machine), *_service_advice(service)]
    if as_json:
        json_line(
            {
                "machine": asdict(machine),
                "service": str(service) if isinstance(service, ClientError) else service.raw,
                "advice": advice,
            }
        )
    else:
        for text in (*_machine(machine), *_service(url, service), *_advice(advice)):
            line(text)
    if isinstance(service, ClientError) and machine.engine is None:
        raise typer.Exit(exit_code(service))


def _machine(machine: Machine) -> Iterator[str]:
    yield f"Here      Pastiche {machine.pastiche}, Python {machine.python}"
    yield f"          {machine.system}, {machine.cores} cores"
    if machine.engine is None:
        yield "Engine    not installed (pip install '.[engine]' in the project's folder)"
    else:
        yield from _engine(machine.engine)


def _engine(engine: Engine) -> Iterator[str]:
    cuda = f"CUDA {engine.cuda}" if engine.cuda else "without CUDA"
    yield f"Engine    torch {engine.torch}, {cuda}"
    threads = f", {engine.threads} threads" if engine.device == "CPU" else ""
    yield f"          {engine.device}{threads}, {engine.free_bytes / 1e9:.1f} GB free"
    yield f"          precision {engine.precision}, backbone {engine.backbone}"


def _service(url: str, service: Readiness | ClientError) -> Iterator[str]:
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


def _advice(advice: list[str]) -> Iterator[str]:
    for sentence in advice:
        yield f"Advice    {sentence}"


def _local_advice(machine: Machine) -> Iterator[str]:
    engine = machine.engine
    if engine is None:
        return
    if machine.has_nvidia_driver and engine.cuda is None:
        yield "There is an NVIDIA GPU, but this torch is built without CUDA: install one with CUDA."
    elif engine.device == "CPU":
        yield "A CUDA GPU would be much faster; without one, --preset draft is the quickest."
    if engine.device == "CPU" and engine.threads < machine.cores // 2:
        yield f"torch uses {engine.threads} threads only: is OMP_NUM_THREADS set?"
    if engine.backbone == "whitened":
        yield "With pretrained weights, pictures are much better: pastiche weights vgg16"


def _service_advice(service: Readiness | ClientError) -> Iterator[str]:
    if isinstance(service, ClientError):
        yield "No service responds: start one with make serve, or set PASTICHE_URL."
    elif not service.workers:
        yield "No worker is running: jobs are accepted, and wait until one is."
