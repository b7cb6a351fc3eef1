"""While no keys are asked for, whoever reaches the API may do everything: also a stranger's page
that is open in a browser on the same machine. What such a page can send is refused here.

A name of the stranger's that is made to point here (DNS rebinding) is told by `Host`, a form or a
script on the stranger's page by `Sec-Fetch-Site` or `Origin`.
"""

import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem_of
from shared.errors import CrossSiteRequest, HostNotAllowed, PasticheError
from shared.settings import Settings

log = logging.getLogger(__name__)

_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked by machines of the operator, under the names that these have in their network."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class TrustedRequests:
    """ASGI middleware.

    Args:
        hosts: names that requests may be addressed to beside loopback names and addresses; `*` is
            any name.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await problem_of(fault)(scope, receive, send)

    def _fault(self, scope: Scope) -> PasticheError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if scope["path"] not in _PROBES and host and not self._is_allowed(host):
            return HostNotAllowed(
                f"This service does not answer to the name {host!r}: the operator can allow it "
                "with PASTICHE_ALLOWED_HOSTS, or require keys."
            )
        if scope["method"] not in _READING and _is_cross_site(headers, host):
            return CrossSiteRequest(
                "Pages of other sites cannot submit or change jobs here: the operator can require "
                "keys, and let them."
            )
        return None

    def _is_allowed(self, host: str) -> bool:
        name = _name_of(host)
        return "*" in self._hosts or name in self._hosts or is_local_name(name) or _is_address(name)


def warn_of_open_service(settings: Settings) -> None:
    """Says at the start that others can reach the service, where no keys keep them out."""
    host = (settings.published_host or settings.host).strip("[]")  # Compose writes [::1]
    if settings.keys_required or is_loopback(host):
        return
    log.warning(
        "The API is open on %s and no keys are required: whoever reaches this address can submit, "
        "see and delete jobs. Set PASTICHE_KEYS_REQUIRED=true, or PASTICHE_HOST=127.0.0.1.",
        host,
    )


def is_local_name(name: str) -> bool:
    """Whether a name means this machine wherever it is looked up (RFC 6761, section 6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return is_local_name(host) or (_is_address(host) and ip_address(host).is_loopback)


def _name_of(host: str) -> str:
    """The name or address in a `Host` header, without port, brackets and final dot."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    """An address cannot be made to point elsewhere."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_cross_site(headers: Headers, host: str) -> bool:
    """Whether a browser sends it for a page of another site. Browsers from before 2023 say only
    `Origin`; other clients neither. Another port of this machine is the same site, not trusted."""
    site = headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return False
    if site == "cross-site":
        return True
    origin = headers.get("origin")
    return origin is not None and origin.rpartition("//")[2].lower() != host.lower()
