"""Describes this machine and its engine. Loads torch, if it is installed."""

import os
import platform
from dataclasses import dataclass
from shutil import which

from pastiche.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How this process would paint.

    Attributes:
        cuda: the version that torch is built with; None if it is built without CUDA.
        precision: the one that `auto` selects.
        backbone: the one that `auto` selects.
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
    """This machine, and the engine if it is installed.

    Attributes:
        has_nvidia_driver: whether an NVIDIA driver is installed.
    """

    python: str
    system: str
    cores: int
    pastiche: str
    has_nvidia_driver: bool
    engine: Engine | None


def describe_machine() -> Machine:
    """Describes this machine."""
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        pastiche=__version__,
        has_nvidia_driver=which("nvidia-smi") is not None,
        engine=_engine(),
    )


def _engine() -> Engine | None:
    try:
        import torch

        from pastiche.engine.backbone_sources import choose_backbone
        from pastiche.engine.fast.convolution import convolution_dtype
        from pastiche.engine.fast.cuda import best_device
        from pastiche.engine.fast.memory import free_memory
        from pastiche.engine.weights import weights_folder
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
