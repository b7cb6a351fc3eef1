"""Small files that are made to cost much memory or time when they are decoded."""

import struct
import zlib
from functools import cache
from io import BytesIO
from zipfile import ZipFile

from PIL import Image

from tests import pictures

PNG_START = b"\x89PNG\r\n\x1a\n"


def png_of(*chunks: tuple[bytes, bytes], width: int = 32, height: int = 32) -> bytes:
    """A white PNG with these chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    row = b"\0" + b"\xff" * 3 * min(width, 10_000)
    pixels = zlib.compress(row * min(height, 100))
    whole = ((b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b""))
    return PNG_START + b"".join(chunk(*each) for each in whole)


def chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum


def png_within_the_limit() -> bytes:
    """25 million white pixels in a few kilobytes."""
    return pictures.encoded(Image.new("1", (5000, 5000), 1), "PNG", compress_level=9)


def png_with_a_text_of_a_gigabyte() -> bytes:
    return png_of((b"zTXt", b"Comment\0\0" + _a_compressed_gigabyte()))


def png_with_a_profile_of_a_gigabyte() -> bytes:
    return png_of((b"iCCP", b"profile\0\0" + _a_compressed_gigabyte()))


def png_with_a_hundred_thousand_texts() -> bytes:
    return png_of(*[(b"tEXt", b"Comment\0once more")] * 100_000)


def png_in_a_hundred_thousand_pieces() -> bytes:
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    pieces = chunk(b"IDAT", b"") * 100_000 + chunk(b"IDAT", zlib.compress(bytes(97 * 32)))
    return PNG_START + chunk(b"IHDR", header) + pieces + chunk(b"IEND", b"")


def png_that_says_it_has_a_hundred_thousand_frames() -> bytes:
    return png_of((b"acTL", struct.pack(">II", 100_000, 0)))


def png_whose_chunk_has_no_end() -> bytes:
    return PNG_START + struct.pack(">I", 0x7FFFFFFF) + b"IHDR" + bytes(100)


def jpeg_with_endless_scans() -> bytes:
    """A progressive JPEG whose last scan comes a hundred thousand times: each goes over all of it
    again."""
    picture = pictures.encoded(Image.new("RGB", (6000, 4000), "teal"), "JPEG", progressive=True)
    last = picture.rindex(b"\xff\xda")
    return picture[:last] + picture[last:-2] * (1_000_000 // len(picture[last:-2])) + b"\xff\xd9"


def jpeg_with_a_profile_in_255_pieces() -> bytes:
    pieces = (
        _jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes((number, 255)) + bytes(65_000))
        for number in range(1, 256)
    )
    return _after_the_start(pictures.jpeg(), b"".join(pieces))


def jpeg_with_a_profile_that_is_a_maze() -> bytes:
    """An ICC profile whose tags say that there are four billion of them."""
    profile = bytearray(pictures.linear_profile())
    profile[128:132] = b"\xff\xff\xff\xff"
    return pictures.encoded(pictures.photograph(), "JPEG", icc_profile=bytes(profile))


def jpeg_with_a_profile_of_another_kind() -> bytes:
    """An ICC profile for fifteen inks."""
    profile = bytearray(pictures.linear_profile())
    profile[16:20] = b"FCLR"
    return pictures.encoded(pictures.photograph(), "JPEG", icc_profile=bytes(profile))


def jpeg_with_exif(entries: list[tuple[int, int, int, bytes]], following: int = 0) -> bytes:
    """A JPEG whose EXIF has these entries: tag, type, count, value or offset."""
    table = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    table = struct.pack("<H", len(entries)) + table + struct.pack("<I", following)
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + table
    return _after_the_start(pictures.jpeg(), _jpeg_segment(0xE1, exif))


def webp_whose_frame_lies_outside() -> bytes:
    picture = bytearray(pictures.animation("WEBP"))
    frame = picture.index(b"ANMF") + 8
    picture[frame : frame + 6] = b"\xff" * 6
    return bytes(picture)


def webp_with_a_canvas(width: int, height: int) -> bytes:
    """An animation on a canvas that is larger than its frames."""
    picture = bytearray(pictures.animation("WEBP"))
    canvas = picture.index(b"VP8X") + 12
    picture[canvas : canvas + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(
        3, "little"
    )
    return bytes(picture)


def webp_of_many_frames(count: int) -> bytes:
    picture = pictures.animation("WEBP")
    first = picture.index(b"ANMF")
    frame = picture[first : first + 8 + int.from_bytes(picture[first + 4 : first + 8], "little")]
    body = picture[8:first] + frame * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_whose_length_lies(length: int) -> bytes:
    picture = pictures.encoded(pictures.photograph(), "WEBP")
    return picture[:4] + struct.pack("<I", length) + picture[8:]


def avif_with(box: bytes, at: int, value: bytes) -> bytes:
    """An AVIF with other bytes at a place in its first box of this kind."""
    picture = bytearray(pictures.encoded(pictures.photograph(), "AVIF"))
    start = picture.index(box) + 4 + at
    picture[start : start + len(value)] = value
    return bytes(picture)


def gif_of_many_frames(count: int) -> bytes:
    picture = pictures.animation("GIF")
    first = picture.index(b"\x21\xf9")
    second = picture.index(b"\x21\xf9", first + 1)
    return picture[:first] + picture[first:second] * count + picture[second:]


def with_a_zip_behind(picture: bytes) -> bytes:
    """A picture to some, an archive to others."""
    archive = BytesIO()
    with ZipFile(archive, "w") as files:
        files.writestr("../../run.sh", "#!/bin/sh")
    return picture + archive.getvalue()


@cache
def _a_compressed_gigabyte() -> bytes:
    """A megabyte of zeros a thousand times: what comes of it needs no second look at them."""
    packer = zlib.compressobj(9)
    start = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + again * 1000 + packer.flush()


def _jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _after_the_start(jpeg: bytes, more: bytes) -> bytes:
    return jpeg[:2] + more + jpeg[2:]
