"""Which precision the convolutions run in: what the hardware is fast at, asked and not assumed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pastiche.options import Options


def best_device() -> torch.device:
    """CUDA where there is a card, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def convolution_dtype(device: torch.device, options: Options) -> torch.dtype:
    """What is asked for; else bfloat16 where it is fast and costs nothing, or float32.

    Emulated bfloat16 is slower than float32 and rounds for nothing. With max pooling it is not
    used: rounding makes neighbours equal or turns their order round, and the gradient then goes to
    the wrong one (measured: a relative error of 0.17, where average pooling has 0.016).
    """
    if options.precision != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[options.precision]
    if options.pooling == "max":
        return torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        native = _processor_has_bfloat16()
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """On CUDA cuDNN's algorithms that add in a fixed order, so that the same job gives the same
    bytes, and float32 with all its digits; nothing elsewhere."""
    cudnn = torch.backends.cudnn
    # What is not named here is not left as it is: `enabled` would be off.
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _processor_has_bfloat16() -> bool:
    """AVX512-BF16 or AMX; oneDNN's own check passes on processors that only emulate it."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name)()) for name in asked if hasattr(torch.cpu, name))
