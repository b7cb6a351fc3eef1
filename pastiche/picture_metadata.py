"""What of a picture file is needed: its pixels, its colour profile and which way is up.

Texts, thumbnails, further frames, trailers and broken metadata are left out before a decoder sees
the file. Needs nothing but Python.
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
    """A picture file without what is not needed.

    Attributes:
        data: what the decoder gets.
        profile: its ICC profile; None where it has none, or where the decoder is to look for it.
        orientation: as in EXIF, 1 to 8; None where the decoder is to look for it.
        transparent_colour: of a PNG, the one colour that is transparent, in samples of `depth`.
        depth: bits of a sample.
        is_complete: whether it has an end; without one, the last pixels may be missing.
    """

    data: bytes
    profile: bytes | None = None
    orientation: int | None = None
    transparent_colour: tuple[int, ...] | None = None
    depth: int = 8
    is_complete: bool = True


def parse(data: bytes) -> PictureFile:
    """The parts that are needed. What is no valid file is left as it is, for the decoder to refuse;
    this never raises."""
    if data.startswith(_SOI):
        return _jpeg(data)
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 33:
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PictureFile(_webp(data), orientation=1)
    if data[4:8] == b"ftyp":
        return PictureFile(_AVIF_EXIF.sub(rb"\1free", data))
    return PictureFile(data)


def exif_orientation(tiff: bytes) -> int:
    """The orientation in an EXIF block without its `Exif` prefix; 1, upright, where it has none or
    is broken. As in browsers, it must be one 16-bit number."""
    found = _find_exif(tiff, 0x0112)
    if found is None:
        return 1
    order, kind, count, at = found
    (orientation,) = struct.unpack_from(f"{order}H", tiff, at)
    return orientation if (kind, count) == (3, 1) and 1 <= orientation <= 8 else 1


def exif_text(tiff: bytes, tag: int) -> bytes:
    """A text of more than three characters in an EXIF block without its `Exif` prefix; empty where
    it has none or is broken."""
    found = _find_exif(tiff, tag)
    if found is None or found[1] != 2 or found[2] <= 4:
        return b""
    order, _, count, at = found
    start = int.from_bytes(tiff[at : at + 4], "little" if order == "<" else "big")
    return tiff[start : start + count].rstrip(b"\0")


def _find_exif(tiff: bytes, tag: int) -> tuple[str, int, int, int] | None:
    """The byte order of an EXIF block, and the type of an entry in its first table, how many values
    it has, and where those are, or where it says where they are."""
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
"""Markers of JPEG that no length follows."""

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: bytes) -> PictureFile:
    """Without EXIF, XMP, thumbnails and comments, which come before the pixels, and without what
    follows the end: a phone's trailer, a video, a second picture."""
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
        profile=_joined(profiles),
        orientation=exif_orientation(exif or b""),
        is_complete=has_end,
    )


def _joined(pieces: list[bytes]) -> bytes | None:
    """A profile from its numbered pieces, None where one is missing (ICC.1, annex B.4)."""
    pieces = sorted(pieces)
    if not pieces or any(len(each) < 2 or each[1] != len(pieces) for each in pieces):
        return None
    return b"".join(each[2:] for each in pieces)


def _png(data: bytes) -> PictureFile:
    """The pixels and what they need. Chunks of metadata count where they stand before the pixels,
    as in browsers."""
    depth, colour_type = data[24], data[25]
    parts, ahead = [_PNG], dict[bytes, bytes]()
    pixels_begun = False
    for name, start, end in png_chunks(data):
        payload_end = end - 4
        if name == b"IDAT":
            pixels_begun = True
            if end > len(data):  # cut off; its decoder knows whether a pixel is missing
                parts.append(_png_chunk(name, data[start:payload_end]))
                break
        if name in (b"IHDR", b"PLTE", b"IDAT") or (name == b"tRNS" and colour_type == 3):
            parts.append(data[start - 8 : end])
        elif name == b"IEND":
            break
        elif not pixels_begun and name in (b"tRNS", b"iCCP", b"eXIf"):
            ahead.setdefault(name, data[start:payload_end])
    parts.append(_png_chunk(b"IEND", b""))
    return PictureFile(
        b"".join(parts),
        profile=_inflated_profile(ahead.get(b"iCCP", b"")),
        orientation=exif_orientation(ahead.get(b"eXIf", b"")),
        transparent_colour=_samples(
            ahead.get(b"tRNS", b""), {0: 1, 2: 3}.get(colour_type, 0), depth
        ),
        depth=depth,
    )


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each chunk, where its payload starts, and where it ends with its checksum: beyond
    the end of the file where it is cut off."""
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


def _inflated_profile(payload: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a zero, the method 0, and a zlib stream."""
    _, _, rest = payload.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(rest[1:], LONGEST_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if profile and unpacker.eof else None


_AVIF_EXIF = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})Exif", re.DOTALL)
"""The entry of the EXIF in the list of items of an AVIF (ISO/IEC 14496-12, section 8.11.6). Under
another name the decoder does not read it, and does not refuse a picture where it is broken."""


def _samples(payload: bytes, count: int, depth: int) -> tuple[int, ...] | None:
    """Two bytes for each, of which the lowest `depth` bits count (PNG, section 11.3.1.1)."""
    if not count or len(payload) < 2 * count:
        return None
    return tuple(each & (2**depth - 1) for each in struct.unpack_from(f">{count}H", payload))


def _webp(data: bytes) -> bytes:
    """A WebP without EXIF, XMP and further frames, so that these may be cut off; the file as it is
    where it has none. A last chunk that lacks nothing but its padding gets it back."""
    if data[12:16] != b"VP8X":  # with one chunk alone
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
