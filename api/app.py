"""The API as one ASGI application: its parts, its routes, its errors."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from prometheus_client import Histogram
from pydantic.alias_generators import to_camel

from api import web
from api.access import authentication
from api.access.cross_origin import CrossOrigin
from api.access.quotas import RateLimitHeaders
from api.access.trusted_requests import TrustedRequests
from api.decoding.scratch import remove_abandoned_later, scratch_folder
from api.events import endpoints as events
from api.http import openapi, problems
from api.http.middleware import (
    BlankQueries,
    BodyLimit,
    HeadRequests,
    RequestIds,
    SecurityHeaders,
    TraceIds,
    TrailingSlashes,
    UnexpectedErrors,
    configure_telemetry,
    hide_queries_in_access_log,
)
from api.jobs import endpoints as jobs
from api.jobs import results
from api.ops import endpoints as ops
from api.ops.metrics import RequestTimer, make_request_times
from api.options import endpoints as options
from api.pictures import direct_uploads
from api.pictures import endpoints as pictures
from api.service import Service
from api.styles import endpoints as styles
from api.submissions import endpoints as submissions
from api.sweeps import endpoints as sweeps
from api.webhooks import endpoints as webhooks
from api.workers import endpoints as workers
from pastiche.version import __version__
from shared import logs, tracing
from shared.settings import Settings

_FEATURES = (
    jobs,
    submissions,
    sweeps,
    events,
    results,
    pictures,
    direct_uploads,
    styles,
    options,
    workers,
    webhooks,
    authentication,
    ops,
)
"""Modules with a router each, in the order of the documentation."""

_FORM_FIELDS_BYTES = 1_000_000


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Settings come from the environment by default."""
    settings = settings or Settings()
    logs.configure(settings)
    hide_queries_in_access_log()
    is_traced = tracing.begin("pastiche-api")
    request_times = make_request_times()
    app = FastAPI(
        title="Pastiche",
        version=__version__,
        summary="Neural style transfer: a photograph, painted in the style of a painting.",
        description=openapi.DESCRIPTION,
        contact=openapi.CONTACT,
        license_info=openapi.LICENSE,
        servers=openapi.SERVERS,
        openapi_tags=openapi.TAGS,
        lifespan=_lifespan(settings, request_times),
        generate_unique_id_function=lambda route: to_camel(route.name),  # `getJob`, for clients
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=configure_telemetry(is_traced),
    )
    base64_bytes = settings.submission_limit_bytes * 4 // 3
    body_limit = base64_bytes + _FORM_FIELDS_BYTES
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(BodyLimit, limit_bytes=body_limit)
    origins = settings.allowed_origins
    if not settings.keys_required:
        app.add_middleware(TrustedRequests, hosts=settings.allowed_host_names, origins=origins)
    if origins:
        app.add_middleware(CrossOrigin, origins=origins)
    app.add_middleware(RateLimitHeaders)
    app.add_middleware(RequestTimer, times=request_times)
    if is_traced:
        app.add_middleware(TraceIds)
    app.add_middleware(RequestIds)
    app.add_middleware(SecurityHeaders, allows_embedding=settings.keys_required)
    app.add_middleware(BlankQueries)
    app.add_middleware(TrailingSlashes)
    app.add_middleware(HeadRequests)
    for feature in _FEATURES:
        app.include_router(feature.router)
    web.install(app, settings)
    problems.install(app)
    openapi.install(app)
    return app


def _lifespan(
    settings: Settings, request_times: Histogram
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with scratch_folder() as scratch:
            app.state.service = service = Service(settings, scratch, request_times)
            await service.decoder.warm_up()
            async with service.subscriptions.run(), remove_abandoned_later():
                yield
            service.decoder.close()
        await service.jobs.close()
        service.queue.close()
        await to_thread.run_sync(tracing.end)

    return lifespan
