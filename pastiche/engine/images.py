"""Pictures to tensors, (1, 3, H, W) in 0 to 1, and back; resizing, and noise."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from pastiche.options import Resampling
from pastiche.pictures import AnySource, as_mask, on_white, read_picture

MAX_CUDA_REDUCTION = 40
"""How many times smaller a side may become on CUDA. torch's kernel
(`upsample_gen2d_aa_out_cuda_template`) has no memory for bicubic weights beyond 47, and refuses."""


def read_image(source: AnySource, name: str = "The picture") -> Tensor:
    """A picture as a tensor, (1, 3, H, W), float32 in 0 to 1: upright, in sRGB, with white behind
    what is transparent.

    Args:
        source: a path, the bytes of a file, an open file, a Pillow picture, or an array.
        name: the picture's name in error messages.

    Raises:
        UnreadablePicture: it cannot be read; the message is a sentence that says why.
    """
    pixels = np.asarray(on_white(read_picture(source, name)), dtype=np.float32) / 255.0  # (H, W, 3)
    return torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).contiguous()


def read_mask(source: AnySource, name: str = "The mask") -> Tensor:
    """A picture as a mask, (1, 1, H, W), float32 in 0 to 1: its lightness, and 0 where it is
    transparent.

    Raises:
        UnreadablePicture: it cannot be read; the message is a sentence that says why.
    """
    pixels = np.asarray(as_mask(read_picture(source, name)), dtype=np.float32) / 255.0  # (H, W)
    return torch.from_numpy(pixels)[None, None].contiguous()


def to_pil(image: Tensor) -> Image.Image:
    """A tensor, (1, 3, H, W), as an RGB picture. Values outside 0 to 1 are clipped."""
    pixels = (image[0].detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def resize(image: Tensor, size: tuple[int, int], resampling: Resampling = "bicubic") -> Tensor:
    """The image at another (H, W), antialiased. Values may overshoot 0 to 1."""
    if image.shape[-2:] == size:
        return image
    reduction = max(old / new for old, new in zip(image.shape[-2:], size, strict=True))
    source = image.cpu() if image.is_cuda and reduction > MAX_CUDA_REDUCTION else image
    resized = F.interpolate(source, size, mode=resampling, antialias=True, align_corners=False)
    return resized.to(image.device)


def resize_picture(
    image: Tensor, size: tuple[int, int], resampling: Resampling = "bicubic"
) -> Tensor:
    """`resize`, with the result clamped to 0 to 1: for images that are not optimised."""
    return resize(image, size, resampling).clamp(0, 1)


def normal_noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Noise of standard deviation 1 on the CPU: the same, whatever torch's defaults are."""
    return torch.randn(shape, generator=generator, device="cpu", dtype=torch.float32)
