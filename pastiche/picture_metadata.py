"""Reduces a picture file to what is needed: its pixels, its colour profile and its orientation.

Texts, thumbnails, further frames, trailers and broken metadata are removed before a decoder sees
the file. This module needs only Python.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_PROFILE_BYTES = 16_000_000
"""A compressed profile that is longer is ignored."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SOI = b"\xff\xd8"


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file, reduced to what is needed.

    Attributes:
        data: what the decoder gets.
        profile: its ICC profile. None if it has none, or if the decoder should look for it.
        orientation: as in EXIF, 1 to 8. None if the decoder should look for it.
        transparent_colour: the one transparent colour of a PNG, in samples of `depth`.
        depth: the bits of a sample.
        is_complete: whether it has an end marker. Without it, the last pixels may be missing.
    """

    data: bytes
    profile: bytes | None = None
    orientation: int | None = None
    transparent_colour: tuple[int, ...] | None = None
    depth: int = 8
    is_complete: bool = True


def parse(data: bytes) -> PictureFile:
    """Extracts the parts that are needed. An invalid file is left as it is, and the decoder will
    refuse it. This never raises."""
    if data.startswith(_SOI):
        return _parse_jpeg(data)
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 33:
        return _parse_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PictureFile(_parse_webp(data), orientation=1)
    if data[4:8] == b"ftyp":
        return PictureFile(_AVIF_EXIF.sub(rb"\1free", data))
    return PictureFile(data)


def exif_orientation(tiff: bytes) -> int:
    """The orientation in an EXIF block without its `Exif` prefix; 1, upright, if it has none or is
    broken. As in browsers, it must be one 16-bit number."""
    found = _find_exif(tiff, 0x0112)
    if found is None:
        return 1
    order, kind, count, at = found
    (orientation,) = struct.unpack_from(f"{order}H", tiff, at)
    return orientation if (kind, count) == (3, 1) and 1 <= orientation <= 8 else 1


def exif_text(tiff: bytes, tag: int) -> bytes:
    """A text of more than three characters in an EXIF block without its `Exif` prefix; empty if it
    has none or is broken."""
    found = _find_exif(tiff, tag)
    if found is None or found[1] != 2 or found[2] <= 4:
        return b""
    order, _, count, at = found
    start = int.from_bytes(tiff[at : at + 4], "little" if order == "<" else "big")
    return tiff[start : start + count].rstrip(b"\0")


def _find_exif(tiff: bytes, tag: int) -> tuple[str, int, int, int] | None:
    """Finds an entry in the first table of an EXIF block: the byte order, the entry's type, the
    number of its values, and the position of the values or of the offset to them."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (table,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, table)
        for at in range(table + 2, table + 2 + 12 * count, 12):
            found, kind, values, _ = struct.unpack_from(f"{order}HHIH", tiff, at)
            if found == tag:
                return order, kind, values, at + 8
    except struct.error:  # it points outside itself
        pass
    return None


_STANDALONE = (0x01, *range(0xD0, 0xD9))
"""The markers of JPEG that have no length after them."""

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _parse_jpeg(data: bytes) -> PictureFile:
    """A JPEG without EXIF, XMP, thumbnails and comments, which come before the pixels, and without
    anything after the end, such as a phone's trailer, a video or a second picture."""
    parts, profiles, exif = [_SOI], list[bytes](), None
    at, first_scan = 2, None
    while found := (_MARKER if first_scan is None else _MARKER_AFTER_SCAN).search(data, at):
        marker, start = data[found.end() - 1], found.end()
        if marker == 0xD9 or (marker == 0xD8 and first_scan is not None):  # or a second picture
            break
        if marker in _STANDALONE:
            at = start
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if end < start + 2 or end > len(data):
            return PictureFile(data, orientation=1)
        at = end
        if first_scan is not None:
            continue
        payload = data[start + 2 : end]
        if marker == 0xDA:
            first_scan = found.start()
        elif marker == 0xE1 and exif is None and payload.startswith(b"Exif\0\0"):
            exif = payload[6:]
        elif marker == 0xE2 and payload.startswith(b"ICC_PROFILE\0"):
            profiles.append(payload[12:])
        elif marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            parts.append(data[found.start() : end])
    if first_scan is None:
        return PictureFile(data, orientation=1)
    has_end = found is not None and data[found.end() - 1] == 0xD9
    end_of_scans = len(data) if found is None else found.end() if has_end else found.start()
    scans = data[first_scan:end_of_scans]
    return PictureFile(
        b"".join((*parts, scans if has_end else scans.rstrip(b"\xff"))),
        profile=_join_profile(profiles),
        orientation=exif_orientation(exif or b""),
        is_complete=has_end,
    )


def _join_profile(pieces: list[bytes]) -> bytes | None:
    """Joins the numbered pieces of a profile. None if one is missing (ICC.1, annex B.4)."""
    pieces = sorted(pieces)
    if not pieces or any(len(each) < 2 or each[1] != len(pieces) for each in pieces):
        return None
    return b"".join(each[2:] for each in pieces)


def _parse_png(data: bytes) -> PictureFile:
    """A PNG with only the chunks for its pixels. As in browsers, metadata counts only before the
    pixels."""
    depth, colour_type = data[24], data[25]
    parts, metadata = [_PNG], dict[bytes, bytes]()
    pixels_begun = False
    for name, start, end in png_chunks(data):
        payload_end = end - 4
        if name == b"IDAT":
            pixels_begun = True
            if end > len(data):  # cut off: the decoder will notice if a pixel is missing
                parts.append(_png_chunk(name, data[start:payload_end]))
                break
        if name in (b"IHDR", b"PLTE", b"IDAT") or (name == b"tRNS" and colour_type == 3):
            parts.append(data[start - 8 : end])
        elif name == b"IEND":
            break
        elif not pixels_begun and name in (b"tRNS", b"iCCP", b"eXIf"):
            metadata.setdefault(name, data[start:payload_end])
    parts.append(_png_chunk(b"IEND", b""))
    return PictureFile(
        b"".join(parts),
        profile=_inflate_profile(metadata.get(b"iCCP", b"")),
        orientation=exif_orientation(metadata.get(b"eXIf", b"")),
        transparent_colour=_parse_samples(
            metadata.get(b"tRNS", b""), {0: 1, 2: 3}.get(colour_type, 0), depth
        ),
        depth=depth,
    )


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each chunk, the start of its payload, and the end of the chunk with its checksum.
    In a file that is cut off, the end may be beyond the end of the file."""
    at = len(_PNG)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) and name != b"IDAT":
            if name == b"IHDR":  # for the decoder to refuse
                yield name, at + 8, end
            return
        yield name, at + 8, end
        at = end


def _png_chunk(name: bytes, payload: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + payload))
    return struct.pack(">I", len(payload)) + name + payload + checksum


def _inflate_profile(payload: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a zero, the method 0, and a zlib stream."""
    _, _, rest = payload.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(rest[1:], LONGEST_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if profile and unpacker.eof else None


_AVIF_EXIF = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})Exif", re.DOTALL)
"""The EXIF entry in the list of items of an AVIF (ISO/IEC 14496-12, section 8.11.6). It is renamed
so that the decoder does not read it, and does not refuse a picture whose EXIF is broken."""


def _parse_samples(payload: bytes, count: int, depth: int) -> tuple[int, ...] | None:
    """Parses samples of two bytes, of which the lowest `depth` bits count (PNG, 11.3.1.1)."""
    if not count or len(payload) < 2 * count:
        return None
    return tuple(each & (2**depth - 1) for each in struct.unpack_from(f">{count}H", payload))


def _parse_webp(data: bytes) -> bytes:
    """A WebP without EXIF, XMP and further frames, so that a file that is cut off within these is
    still complete. A last chunk without its padding gets it back."""
    if data[12:16] != b"VP8X":  # only one chunk
        length = int.from_bytes(data[16:20], "little")
        return data + b"\0" if length % 2 and len(data) == 20 + length else data
    parts, at = list[bytes](), 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        is_further_frame = name == b"ANMF" and any(each.startswith(name) for each in parts)
        if name not in (b"EXIF", b"XMP ") and not is_further_frame:
            if length % 2 and end == len(data) + 1:
                data += b"\0"
            if end > len(data):
                return data
            parts.append(data[at:end])
        at = end
    if len(parts) < 2 or sum(map(len, parts)) + 12 == len(data):
        return data
    header = bytearray(parts[0])
    header[8:9] = bytes((header[8] & ~0x0C,))  # neither EXIF nor XMP
    body = b"".join((b"WEBP", header, *parts[1:]))
    return b"RIFF" + struct.pack("<I", len(body)) + body
