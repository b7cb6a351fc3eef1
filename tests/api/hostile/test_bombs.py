"""Small files that cost much to decode, and pictures whose headers are false."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.decoding.decoder import count_decoders
from shared.settings import Settings
from tests import pictures
from tests.api.hostile import bombs
from tests.api.hostile.target import Target
from tests.api.submissions.test_submit import errors_of
from tests.waiting import until

pytestmark = pytest.mark.slow

LARGEST = 4 * b"\xff"
TAKEN, BROKEN, UNKNOWN = None, "picture_broken", "picture_unknown"
TOO_LARGE, TOO_SLOW = "picture_too_large", "picture_too_slow"

PROCESSES = count_decoders(Settings())
"""How many pictures are decoded at once."""

FILES: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "PNG of 25 megapixels": (bombs.png_within_the_limit, TAKEN),
    "PNG of 2500 megapixels": (pictures.bomb, TOO_LARGE),
    "PNG as wide as can be said": (lambda: bombs.png_of(width=2**31 - 1, height=1), TOO_LARGE),
    "PNG of no width": (lambda: bombs.png_of(width=0), UNKNOWN),
    "PNG with a text of a gigabyte": (bombs.png_with_a_text_of_a_gigabyte, TAKEN),
    "PNG with a profile of a gigabyte": (bombs.png_with_a_profile_of_a_gigabyte, TAKEN),
    "PNG with 100,000 texts": (bombs.png_with_a_hundred_thousand_texts, TAKEN),
    "PNG in 100,000 pieces": (bombs.png_in_a_hundred_thousand_pieces, TAKEN),
    "PNG with 100,000 frames": (bombs.png_that_says_it_has_a_hundred_thousand_frames, TAKEN),
    "PNG whose chunk has no end": (bombs.png_whose_chunk_has_no_end, BROKEN),
    "JPEG with a profile in 255 pieces": (bombs.jpeg_with_a_profile_in_255_pieces, TAKEN),
    "JPEG with four billion tags": (bombs.jpeg_with_a_profile_that_is_a_maze, TAKEN),
    "JPEG for fifteen inks": (bombs.jpeg_with_a_profile_of_another_kind, TAKEN),
    "JPEG whose EXIF goes in circles": (lambda: bombs.jpeg_with_exif([], following=8), TAKEN),
    "JPEG turned by a text": (
        lambda: bombs.jpeg_with_exif([(0x0112, 2, 4, b"six\0")]),
        TAKEN,
    ),
    "JPEG turned by a fraction of nothing": (
        lambda: bombs.jpeg_with_exif([(0x0112, 5, 1, b"\x08\0\0\0")]),
        TAKEN,
    ),
    "JPEG turned four billion times": (
        lambda: bombs.jpeg_with_exif([(0x0112, 3, 2**32 - 1, LARGEST)]),
        TAKEN,
    ),
    "JPEG whose EXIF cannot be rewritten": (
        lambda: bombs.jpeg_with_exif([(0x0100, 2, 1, b"\0\0\0\0"), (0x0112, 3, 1, b"\6\0\0\0")]),
        TAKEN,
    ),
    "JPEG with a zip behind": (lambda: bombs.with_a_zip_behind(pictures.jpeg()), TAKEN),
    "WebP whose frame lies outside": (bombs.webp_whose_frame_lies_outside, BROKEN),
    "WebP on a canvas of 64 megapixels": (
        lambda: bombs.webp_with_a_canvas(8000, 8000),
        TOO_LARGE,
    ),
    "WebP on a canvas of 25 megapixels": (lambda: bombs.webp_with_a_canvas(5000, 5000), TAKEN),
    "WebP of 100,000 frames": (lambda: bombs.webp_of_many_frames(100_000), TAKEN),
    "WebP longer than it is": (lambda: bombs.webp_whose_length_lies(2**32 - 2), BROKEN),
    "WebP shorter than it is": (lambda: bombs.webp_whose_length_lies(4), BROKEN),
    "AVIF as large as can be said": (lambda: bombs.avif_with(b"ispe", 4, 2 * LARGEST), UNKNOWN),
    "AVIF larger than its pixels": (
        lambda: bombs.avif_with(b"ispe", 4, b"\0\0\x10\0\0\0\x10\0"),
        TAKEN,
    ),
    "AVIF whose pixels lie elsewhere": (lambda: bombs.avif_with(b"iloc", 4, b"\xff" * 12), UNKNOWN),
    "AVIF whose pixels are noise": (lambda: bombs.avif_with(b"mdat", 0, 50 * b"\xff"), BROKEN),
    "AVIF that nobody can decode": (lambda: bombs.avif_with(b"av1C", 0, LARGEST), UNKNOWN),
    "GIF of 100,000 frames": (lambda: bombs.gif_of_many_frames(100_000), UNKNOWN),
    "PDF": (lambda: b"%PDF-1.7\n" + bytes(1000), UNKNOWN),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>', UNKNOWN),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n", UNKNOWN),
    "TIFF": (lambda: pictures.encoded(pictures.photograph(), "TIFF"), UNKNOWN),
    "ICO": (lambda: pictures.encoded(pictures.photograph(), "ICO"), UNKNOWN),
    "JPEG 2000's first bytes": (lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(1000), UNKNOWN),
}


@pytest.mark.parametrize(("picture", "code"), FILES.values(), ids=FILES)
def test_a_picture_is_decoded_by_its_content_or_refused_by_name(
    picture: Callable[[], bytes], code: str | None, target: Target
) -> None:
    response = target.try_out([("content", pictures.jpeg()), ("style", picture())])
    if code is None:
        assert response.status_code == 200, response.text
    else:
        assert errors_of(response) == {"style": code}


def test_a_hundred_bombs_at_once_are_all_refused_by_name(target: Target) -> None:
    kinds = (
        pictures.bomb(),
        bombs.png_whose_chunk_has_no_end(),
        bombs.webp_with_a_canvas(8000, 8000),
        bombs.avif_with(b"ispe", 4, 2 * LARGEST),
    )

    def refused(picture: bytes) -> list[str]:
        return [*errors_of(target.try_out([("content", picture), ("style", picture)]))]

    with ThreadPoolExecutor(100) as strangers:
        answers = list(strangers.map(refused, kinds * 25))
    assert answers == 100 * [["content", "style"]]


def test_a_valid_picture_waits_for_the_others_and_is_accepted(short_timeout_target: Target) -> None:
    """Each decoding process is busy for as long as one picture may take."""
    files = [("content", bombs.jpeg_with_endless_scans()), ("style", pictures.png())]
    with ThreadPoolExecutor(PROCESSES) as strangers:
        held = [strangers.submit(short_timeout_target.try_out, files) for _ in range(PROCESSES)]
        until(lambda: len([*short_timeout_target.temporary.rglob("*.upload")]) == PROCESSES)
        assert short_timeout_target.try_out().status_code == 200
        codes = {code for each in held for code in errors_of(each.result()).values()}
    assert codes == {TOO_SLOW}
