"""Each request is a span, made by FastAPI itself; its log lines say which trace it is in."""

from collections.abc import MutableMapping
from typing import Any

from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import logs, tracing

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""What machines ask every few seconds: nobody looks for it among the traces."""


def telemetry(is_traced: bool) -> TelemetryConfig:
    """What FastAPI tells of requests: a span each or nothing at all. Metrics and logs are ours."""
    return {
        "tracing": is_traced,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": _is_probe,
    }


class TraceIds:
    """ASGI middleware: what is logged in a request has the id of its trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with logs.about(trace_id=tracing.trace_id()):
            await self._app(scope, receive, send)


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope["path"] in PROBES
