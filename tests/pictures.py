"""Pictures of every kind that a stranger might send, made on the spot."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms

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


def pixels(data: bytes) -> bytes:
    """Those of a picture file, with their format and number: its metadata does not matter."""
    with Image.open(BytesIO(data)) as picture:
        return f"{picture.mode} {picture.size} ".encode() + picture.tobytes()


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


def profile_of(colour_space: bytes) -> bytes:
    """An ICC profile that says it is for another colour space, as `GRAY` or `CMYK`."""
    profile = bytearray(linear_profile())
    profile[16:20] = colour_space
    return bytes(profile)


def grey_profile() -> bytes:
    """An ICC profile for grey pictures, with no gamma: the numbers are amounts of light."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv" + bytes(8)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 12)
    body = tags + white + curve
    header = struct.pack(">I", 128 + len(body)) + bytes(4) + struct.pack(">I", 0x02200000)
    header += b"mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28) + white[8:20]
    return header.ljust(128, b"\0") + body


def png_of_samples(
    rows: list[bytes], depth: int, colour_type: int, *before: tuple[bytes, bytes]
) -> bytes:
    """A PNG of packed samples, as Pillow does not write them, with chunks before its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    width = len(rows[0]) * 8 // depth // channels
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = ((b"IHDR", header), *before, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def with_png_chunk(png: bytes, name: bytes, payload: bytes, *, before: bytes = b"IDAT") -> bytes:
    """A PNG with one more chunk before the first of another name."""
    at = png.index(before) - 4
    return png[:at] + _chunk(name, payload) + png[at:]


def exif(orientation: int = 6, kind: int = 3, count: int = 1) -> bytes:
    """EXIF with an orientation and nothing else, as it is in a PNG; a JPEG's has `Exif` before."""
    return struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x0112, kind, count, orientation, 0)


def xmp(orientation: int = 6) -> bytes:
    """XMP with an orientation."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>'
    ) % orientation


def lab_profile() -> bytes:
    """An ICC profile for pictures in Lab."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
