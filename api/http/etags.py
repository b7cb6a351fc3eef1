"""Whether a client has what it asks for already (RFC 9110, section 13.1.2)."""

from fastapi import Request


def unchanged(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag: itself, as a weak one, or `*`."""
    known = request.headers.get("if-none-match", "")
    names = (name.strip().removeprefix("W/") for name in known.split(","))
    return any(name in (etag, "*") for name in names)
