"""Which precision the convolutions run in: what the hardware is fast at, asked and not assumed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pastiche.options import Options


def best_device() -> torch.device:
    """CUDA where there is a card, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def convolution_dtype(device: torch.device, options: Options) -> torch.dtype:
    """The precision in the options; by default bfloat16 where it is fast, else float32.

    Emulated bfloat16 is slower than float32 and rounds for nothing. With max pooling rounding makes
    neighbours equal or turns their order round, and the gradient goes to the wrong one (a relative
    error of 0.2 near the end); the pictures come out the same, as close to style and content.
    """
    if options.precision != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[options.precision]
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
