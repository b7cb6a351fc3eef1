"""Describes the machine of a measurement. Every file of results has this description."""

import platform
from importlib.metadata import version
from pathlib import Path

import torch

from pastiche import Options
from pastiche.engine.fast.convolution import convolution_dtype
from pastiche.engine.fast.cuda import best_device


def machine() -> dict[str, str | int]:
    """The processor or card, the number of threads, and the versions."""
    device = best_device()
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "processor": _processor(),
        "card": card,
        "threads": torch.get_num_threads(),
        "precision": str(convolution_dtype(device, Options())).removeprefix("torch."),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
