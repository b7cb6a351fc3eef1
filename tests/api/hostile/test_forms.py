"""Forms that no browser sends."""

import json

import pytest

from tests import pictures
from tests.api.hostile.forms import END, answer_to, pair, part
from tests.api.hostile.sockets import status_of
from tests.api.hostile.target import Target
from tests.processes import needs_proc

pytestmark = pytest.mark.slow


def errors_in(said: bytes) -> dict[str, str]:
    """The invalid fields and the code of each."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    return {error["field"]: error["code"] for error in json.loads(body)["errors"]}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=str(number))
        for number, name in enumerate(
            [
                b"../../../../etc/passwd",
                b"..\\\\..\\\\boot.ini",
                b"C:\\\\CON",
                b"/dev/stdin",
                b"%2e%2e%2f%2e%2e%2fescaped",
                b"-rf",
                b"|id;`id`$(id)",
                b"\xe2\x80\xaegpj.exe",
                "🖼️ 画像 صورة.jpg".encode(),
                b"\xff\xfe\xfd",
                b"a\tb",
                b".",
                b"",
                b"n" * 4000,
            ]
        )
    ],
)
def test_a_file_name_is_never_more_than_a_name(name: bytes, target: Target) -> None:
    assert status_of(answer_to(target, pair(name) + END)) == 200


def test_ten_thousand_parts_are_refused(target: Target) -> None:
    body = b"".join(part(b"field-%d" % number, b"1") for number in range(10_000))
    assert status_of(answer_to(target, body + END)) == 400


def test_ten_thousand_files_are_refused(target: Target) -> None:
    body = part(b"style", b"1", file_name=b"a") * 10_000
    assert status_of(answer_to(target, body + END)) == 400


def test_a_part_with_endless_headers_is_refused(target: Target) -> None:
    lines = [b"X-%d: 1" % number for number in range(100_000)]
    assert status_of(answer_to(target, part(b"content", b"1", *lines) + END)) == 400


def test_a_part_with_one_endless_header_is_refused(target: Target) -> None:
    assert status_of(answer_to(target, part(b"content", b"1", b"X: " + bytes(10_000_000)))) == 400


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(pair(), id="no end"),
        pytest.param(pair()[:-1500], id="cut off in a file"),
        pytest.param(b"--y\r\n" + pair() + END, id="another boundary"),
        pytest.param(b"preamble" + pair() + END, id="boundary not at a line's start"),
        pytest.param(pair().replace(b"\r\n", b"\n") + END, id="lines end with LF"),
        pytest.param(b"--x\r\n\r\nhello\r\n" + END, id="no disposition"),
        pytest.param(b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END, id="no name"),
        pytest.param(b"--x\r\n" * 200_000, id="parts without heads"),
        pytest.param(b"\r\n" * 1_000_000, id="empty lines"),
    ],
)
def test_what_is_no_whole_form_is_refused(body: bytes, target: Target) -> None:
    assert status_of(answer_to(target, body)) == 400


@pytest.mark.parametrize(
    "boundary",
    ["", '""', "x" * 300, '"x\\"', "x; boundary=y", "=x", "\xff", "(", "x\t", "'x'"],
)
def test_a_boundary_that_is_not_in_the_body_is_refused(boundary: str, target: Target) -> None:
    kind = f"multipart/form-data; boundary={boundary}"
    body = (b"--z\r\n" + pair() + END).replace(b"--x", b"--z")
    assert status_of(answer_to(target, body, kind)) == 400


@pytest.mark.parametrize(
    "charset",
    ["undefined", "unicode_escape", "punycode", "utf-7", "utf-16", "rot13", "zlib", "n" * 9000],
)
def test_a_form_in_another_encoding_than_utf_8_is_refused(charset: str, target: Target) -> None:
    body = pair() + part(b"size", b"\\ud800+2AA-\xff") + END
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    assert status_of(answer_to(target, body, kind)) == 415


def test_a_form_that_declares_utf_8_is_accepted(target: Target) -> None:
    kind = 'multipart/form-data; charset="UTF-8"; boundary=x'
    assert status_of(answer_to(target, pair() + END, kind)) == 200


@pytest.mark.parametrize(
    "kind",
    [
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "text/plain",
        "\xff",
        ";",
    ],
)
def test_other_types_where_a_form_belongs_are_refused(kind: str, target: Target) -> None:
    body = json.dumps({"content": "…", "style": "…", "size": 256}).encode()
    assert status_of(answer_to(target, body, kind)) == 415


def test_a_field_that_comes_twice_is_refused_by_name(target: Target) -> None:
    body = pair() + part(b"size", b"256") + part(b"size", b"512") + END
    assert errors_in(answer_to(target, body)) == {"size": "repeated_field"}


def test_a_text_beside_a_file_of_the_same_name_is_refused_by_name(target: Target) -> None:
    body = part(b"content", b"photo.jpg") + pair() + END
    assert errors_in(answer_to(target, body))["content"] in ("not_a_file", "repeated_field")


def test_a_text_longer_than_any_option_is_refused_by_name(target: Target) -> None:
    body = pair() + part(b"size", b"9" * 1_000_000) + END
    assert errors_in(answer_to(target, body)) == {"size": "text_too_long"}


@pytest.mark.parametrize(
    "name", [b"", b"\xed\xa0\x80", b"a\0b", b"__proto__", "größe".encode(), b"size[]", b"n" * 4000]
)
def test_an_unknown_field_is_refused_by_name(name: bytes, target: Target) -> None:
    errors = errors_in(answer_to(target, pair() + part(name, b"1") + END))
    assert list(errors.values()) == ["unknown_field"]


@pytest.mark.parametrize("value", [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"1\r\nX-Injected: 1"])
def test_a_value_that_is_no_text_is_refused_by_name(value: bytes, target: Target) -> None:
    said = answer_to(target, pair() + part(b"size", value) + END)
    assert errors_in(said) == {"size": "invalid_value"}
    assert b"\r\nX-Injected" not in said


def test_a_file_in_base64_is_not_decoded(target: Target) -> None:
    lines = (b"Content-Transfer-Encoding: base64", b"Content-Type: image/png")
    body = part(b"content", b"iVBORw0KGgo=", *lines, file_name=b"a.png")
    body += part(b"style", pictures.png(), file_name=b"b.png") + END
    assert errors_in(answer_to(target, body)) == {"content": "picture_unknown"}


@needs_proc
def test_a_hundred_files_in_one_form_are_not_held_in_memory(target: Target) -> None:
    before = target.memory_bytes
    body = part(b"style", bytes(500_000), file_name=b"a") * 90 + END
    assert status_of(answer_to(target, body)) == 422
    assert target.memory_bytes - before < 30_000_000
