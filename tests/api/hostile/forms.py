"""Multipart forms written by hand, byte by byte."""

from tests import pictures
from tests.api.hostile.sockets import head, receive_for
from tests.api.hostile.target import Target

BOUNDARY = b"x"
END = b"--x--\r\n"


def part(name: bytes, value: bytes, *lines: bytes, file_name: bytes | None = None) -> bytes:
    """One field of a form: a file if it has a file name."""
    disposition = b'Content-Disposition: form-data; name="%s"' % name
    if file_name is not None:
        disposition += b'; filename="%s"' % file_name
    return b"\r\n".join((b"--" + BOUNDARY, disposition, *lines, b"", value, b""))


def pair(file_name: bytes = b"photo.jpg") -> bytes:
    """The two pictures that a job needs, as fields."""
    content = part(b"content", pictures.jpeg(), file_name=file_name)
    return content + part(b"style", pictures.png(), file_name=file_name)


def answer_to(target: Target, body: bytes, content_type: str | None = None) -> bytes:
    """Everything that the API sends in response to a form."""
    kind = content_type or "multipart/form-data; boundary=x"
    return receive_for(target, head(f"Content-Type: {kind}", f"Content-Length: {len(body)}") + body)
