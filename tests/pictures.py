"""Pictures of every kind that a stranger might send, made on the spot."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of this kind."""
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def photograph(width: int = 96, height: int = 64) -> Image.Image:
    """A smooth picture with some detail, in RGB."""
    y, x = np.mgrid[0:height, 0:width]
    channels = (x * 255 // width, y * 255 // height, (x * y) % 256)
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def jpeg(width: int = 96, height: int = 64) -> bytes:
    return encoded(photograph(width, height), "JPEG")


def png(width: int = 96, height: int = 64) -> bytes:
    return encoded(photograph(width, height), "PNG")


def halves(left: tuple[int, ...], right: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    """64×32 pixels: one colour on the left half, another on the right."""
    picture = Image.new(mode, (64, 32), left)
    picture.paste(right, (32, 0, 64, 32))
    return picture


def animation(kind: str) -> bytes:
    """Two frames: red, then blue."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def rotated_by_exif() -> bytes:
    """Stored lying down with red on the left; upright, it is 32×64 with red at the top."""
    picture = halves(RED, BLUE)
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn clockwise by 90 degrees
    exif[0x010F] = "A camera's maker"
    return encoded(picture, "JPEG", exif=exif, quality=95)


def sixteen_bit_grey() -> bytes:
    """A 16-bit PNG, half of full white: mid-grey everywhere."""
    samples = np.full((32, 32), 32768, dtype=np.uint16)
    return encoded(Image.fromarray(samples), "PNG")


def palette_with_transparency() -> bytes:
    """A palette PNG: opaque red on the left, transparent on the right."""
    picture = Image.new("P", (64, 32), 0)
    picture.putpalette([*RED, *GREEN])
    picture.paste(1, (32, 0, 64, 32))
    return encoded(picture, "PNG", transparency=1)


def linear_profile() -> bytes:
    """An ICC profile with the primaries of sRGB and no gamma: the numbers are amounts of light."""
    primaries = {
        b"rXYZ": (0.4360, 0.2225, 0.0139),
        b"gXYZ": (0.3851, 0.7169, 0.0971),
        b"bXYZ": (0.1431, 0.0606, 0.7141),
        b"wtpt": (0.9642, 1.0, 0.8249),
    }
    tags = {
        name: b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in xyz)
        for name, xyz in primaries.items()
    }
    curve = b"curv" + bytes(8)  # no entries: the identity
    tags |= {name: curve for name in (b"rTRC", b"gTRC", b"bTRC")}
    table, data = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        offset = 128 + 4 + 12 * len(tags) + len(data)
        table += name + struct.pack(">II", offset, len(tag))
        data += tag
    body = table + data
    white = struct.pack(">3i", *(round(v * 65536) for v in primaries[b"wtpt"]))
    header = struct.pack(">I", 128 + len(body)) + bytes(4) + struct.pack(">I", 0x02200000)
    header += b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + body


def bomb(side: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes that says it is `side` by `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data) for name, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum
