"""The API as one ASGI application: its parts, its routes, its errors."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI

from api.access import authentication
from api.access.quotas import Quotas, RateLimitHeaders
from api.access.trusted_requests import TrustedRequests
from api.decoding.decoder import Decoder
from api.decoding.scratch import scratch_folder, second_look
from api.events import endpoints as event_endpoints
from api.events.subscriptions import Watching
from api.http import docs_page, openapi, problems
from api.http.access_log import hide_queries
from api.http.middleware import BodyLimit
from api.http.negotiation import BlankQueries
from api.http.protection import Protection
from api.http.request_ids import RequestIds
from api.http.routing import HeadRequests, TrailingSlashes
from api.http.tracing import TraceIds, telemetry
from api.jobs import endpoints as job_endpoints
from api.jobs import finishing, results, showing
from api.jobs.caches import Glances
from api.jobs.encoded_results import EncodedResults
from api.ops import endpoints as ops_endpoints
from api.ops import exposition
from api.ops.readiness import ReadinessCheck
from api.ops.request_times import RequestTimes, TimeRequests
from api.service import Service
from api.submissions import endpoints as submission_endpoints
from api.sweeps import endpoints as sweep_endpoints
from api.web import page
from shared import logs, tracing
from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore
from shared.queue import create_queue
from shared.settings import Settings

_ROOM_FOR_FIELDS_BYTES = 1_000_000
_FULL_SIZE_PICTURES = 2
"""How many of the largest files one request may hold; masks and further styles are smaller."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; settings come from the environment where none are given."""
    settings = settings or Settings()
    logs.configure(settings)
    hide_queries()
    is_traced = tracing.begin("pastiche-api")
    request_times = RequestTimes()
    app = FastAPI(
        title="Pastiche",
        version=version("pastiche"),
        summary="Neural style transfer: a photograph, painted in the style of a painting.",
        lifespan=_lifespan(settings, request_times),
        generate_unique_id_function=openapi.operation_id,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=telemetry(is_traced),
    )
    body_limit = _FULL_SIZE_PICTURES * settings.upload_limit_bytes + _ROOM_FOR_FIELDS_BYTES
    app.add_middleware(BodyLimit, limit_bytes=body_limit)
    if not settings.keys_required:
        app.add_middleware(TrustedRequests, hosts=settings.allowed_host_names)
    app.add_middleware(RateLimitHeaders)
    app.add_middleware(TimeRequests, times=request_times)
    if is_traced:
        app.add_middleware(TraceIds)
    app.add_middleware(RequestIds)
    app.add_middleware(Protection, allows_embedding=settings.keys_required)
    app.add_middleware(BlankQueries)
    app.add_middleware(TrailingSlashes)
    app.add_middleware(HeadRequests)
    for room in (
        job_endpoints,
        submission_endpoints,
        sweep_endpoints,
        event_endpoints,
        finishing,
        showing,
        results,
        authentication,
        ops_endpoints,
        exposition,
    ):
        app.include_router(room.router)
    page.install(app, settings)
    docs_page.install(app)
    problems.install(app)
    openapi.install(app)
    return app


def _lifespan(
    settings: Settings, request_times: RequestTimes
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs = AsyncJobStore.connect(settings.redis_location)
        blobs, decoder = BlobStore.open(settings.blob_store_location), Decoder(settings)
        with scratch_folder() as scratch:
            service = Service(
                settings=settings,
                jobs=jobs,
                glances=Glances(jobs),
                blobs=blobs,
                queue=create_queue(settings),
                decoder=decoder,
                encoded_results=EncodedResults(blobs, decoder, scratch),
                scratch=scratch,
                watching=Watching(jobs),
                quotas=Quotas(settings, jobs),
                readiness=ReadinessCheck(jobs, blobs),
                request_times=request_times,
            )
            app.state.service = service
            await service.decoder.warm_up()
            async with service.watching.running(), second_look():
                yield
            service.decoder.close()
        await service.jobs.close()
        service.queue.close()
        await to_thread.run_sync(tracing.end)

    return lifespan
