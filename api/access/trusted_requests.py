"""Refuses requests of other sites' pages while no keys are required. Without keys, whoever reaches
the API may do everything, including any page that is open in a browser on the same machine.

`Host` reveals another site's name that is made to point here (DNS rebinding). `Sec-Fetch-Site` or
`Origin` reveals a form or a script on another site's page.
"""

import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.middleware import PROBES, Middleware
from api.http.problems import make_problem_response
from shared.errors import CrossSiteRequest, HostNotAllowed, PasticheError
from shared.settings import Settings

log = logging.getLogger(__name__)

_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class TrustedRequests(Middleware):
    """
    Args:
        hosts: names that requests may be addressed to besides loopback names and addresses; `*` is
            any name.
        origins: whose pages are trusted like the service's own; `*` is every origin.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], origins: frozenset[str]) -> None:
        super().__init__(app)
        self._hosts, self._origins = hosts, origins

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._find_error(scope)
        response = self.app if error is None else make_problem_response(error)
        await response(scope, receive, send)

    def _find_error(self, scope: Scope) -> PasticheError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _parse_name(host)
        allowed = self._hosts & {name, "*"} or _is_local(name) or _is_address(name)
        if scope["path"] not in PROBES and host and not allowed:
            return HostNotAllowed(
                f"This service does not answer to the name {host!r}: the operator can allow it "
                "with PASTICHE_ALLOWED_HOSTS, or require keys."
            )
        is_trusted = self._origins & {headers.get("origin", "").lower(), "*"}
        is_reading = scope["method"] in _READING_METHODS
        if not is_reading and not is_trusted and _is_cross_site(headers, host):
            return CrossSiteRequest(
                "Pages of other sites cannot submit or change jobs here: the operator can allow "
                "their origin with PASTICHE_CORS_ORIGINS."
            )
        return None


def warn_of_open_service(settings: Settings) -> None:
    """Logs a warning if others can reach the service and no keys are required."""
    host = (settings.published_host or settings.host).strip("[]")  # Compose writes [::1]
    is_loopback = _is_address(host) and ip_address(host).is_loopback
    if settings.keys_required or is_loopback or _is_local(host):
        return
    log.warning(
        "The API is open on %s and no keys are required: whoever reaches this address can submit, "
        "see and delete jobs. Set PASTICHE_KEYS_REQUIRED=true, or PASTICHE_HOST=127.0.0.1.",
        host,
    )


def _is_local(name: str) -> bool:
    """Whether a name always means this machine (RFC 6761, section 6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def _parse_name(host: str) -> str:
    """The name or address in a `Host` header, without port, brackets and final dot."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    """Whether a name is an address, which cannot be made to point elsewhere."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_cross_site(headers: Headers, host: str) -> bool:
    """Whether a browser sends the request for a page of another site. Browsers from before 2023
    send only `Origin`; other clients send neither header. Another port of this machine is the same
    site, and not trusted."""
    site = headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return False
    if site == "cross-site":
        return True
    origin = headers.get("origin")
    return origin is not None and origin.rpartition("//")[2].lower() != host.lower()
