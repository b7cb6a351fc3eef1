"""`pastiche doctor`: what is here, what is there, and what would be faster."""

from collections.abc import Iterator
from dataclasses import asdict

import typer

from pastiche.cli.arguments import DEFAULT, Json, Key, Url, client_of
from pastiche.cli.exits import code_of, guarded
from pastiche.cli.machine import Engine, Machine, this_machine
from pastiche.cli.screen import json_line, line
from pastiche.client import ClientError, InvalidAddress, Readiness


@guarded
def doctor(as_json: Json = False, url: Url = DEFAULT, key: Key = None) -> None:
    """Say what is here: the machine, the engine, the service and its workers; and what would be
    faster. Ends well where a picture can be painted, by the service or with --local."""
    machine = this_machine()
    try:
        with client_of(url, key) as client:
            service: Readiness | ClientError = client.readiness()
    except InvalidAddress:
        raise
    except ClientError as error:
        service = error
    advice = [*_about_here(machine), *_about_there(service)]
    if as_json:
        json_line(
            {
                "machine": asdict(machine),
                "service": str(service) if isinstance(service, ClientError) else service.raw,
                "advice": advice,
            }
        )
    else:
        for words in (*_machine(machine), *_service(url, service), *_advice(advice)):
            line(words)
    if isinstance(service, ClientError) and machine.engine is None:
        raise typer.Exit(code_of(service))


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
    for words in advice:
        yield f"Advice    {words}"


def _about_here(machine: Machine) -> Iterator[str]:
    engine = machine.engine
    if engine is None:
        return
    if machine.has_card and engine.cuda is None:
        yield "There is a card, and this torch is built without CUDA: install one that has it."
    elif engine.device == "CPU":
        yield "A CUDA card would be much faster; until then --preset draft is the quickest."
    if engine.device == "CPU" and engine.threads < machine.cores // 2:
        yield f"torch paints with {engine.threads} threads: OMP_NUM_THREADS holds it lower?"
    if engine.backbone == "whitened":
        yield "With the pretrained weights (pastiche weights vgg16) paintings are much better."


def _about_there(service: Readiness | ClientError) -> Iterator[str]:
    if isinstance(service, ClientError):
        yield "No service answers: make serve starts one; PASTICHE_URL says where it is."
    elif not service.workers:
        yield "No worker lives: jobs are taken, and wait until one does."
