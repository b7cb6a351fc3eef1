"""Pictures as arrays, (height, width, 3): red, green and blue from 0 to 1."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Array: TypeAlias = npt.NDArray[Any]
Point: TypeAlias = tuple[float, float]


def pixel_grid(width: int, height: int) -> tuple[Array, Array]:
    """The x and y of every pixel's centre, in units of the picture's height."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return (x / height).astype(np.float32), (y / height).astype(np.float32)


def smoothstep(start: float, end: float, value: Array) -> Array:
    """A smooth transition from 0 at `start` to 1 at `end`. `start` may be larger."""
    t: Array = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def mix(under: Array, over: Array, cover: Array | float) -> Array:
    """Blends `over` on `under`. `cover`, from 0 to 1, is one number, or one for each pixel."""
    share = np.asarray(cover)
    if share.ndim == under.ndim - 1:
        share = share[..., None]
    return np.asarray(under + (np.asarray(over) - under) * share)


def rgb(code: str) -> Array:
    """A colour from its hexadecimal code, such as `"f2d49b"`."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)], np.float32)


def gradient(value: Array, stops: list[tuple[float, str]]) -> Array:
    """Colours looked up in a row of (position, hexadecimal colour) stops."""
    places = [place for place, _ in stops]
    colours = np.stack([rgb(code) for _, code in stops])
    channels = [np.interp(value, places, colours[:, i]) for i in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def blur(picture: Array, sigma_pixels: float) -> Array:
    """Gaussian blur by the Fourier transform, with mirrored edges."""
    margin = int(3 * sigma_pixels) + 1
    margins = [(margin, margin)] * 2 + [(0, 0)] * (picture.ndim - 2)
    padded = np.pad(picture, margins, mode="symmetric")
    height, width = padded.shape[:2]
    across = np.exp(-2 * (np.pi * sigma_pixels * np.fft.rfftfreq(width)) ** 2)
    down = np.exp(-2 * (np.pi * sigma_pixels * np.fft.fftfreq(height)) ** 2)
    kernel = down[:, None] * across
    if picture.ndim == 3:
        kernel = kernel[..., None]
    spectrum = np.fft.rfft2(padded, axes=(0, 1)) * kernel
    full = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1))
    return full[margin:-margin, margin:-margin].astype(np.float32)


def polygon_mask(width: int, height: int, outlines: list[list[Point]], finer: int = 4) -> Array:
    """How much of each pixel the polygons cover; points in units of the height."""
    scale = height * finer
    image = Image.new("L", (width * finer, height * finer))
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon([(x * scale, y * scale) for x, y in outline], fill=255)
    small = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def to_image(picture: Array) -> Image.Image:
    """The array as a picture with eight bits per channel."""
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
