"""The page at `/`, the API in Swagger UI at `/docs`, both plain files in `api/web/static`, and the
JavaScript client at `/clients`, which pages of other origins can import if CORS allows it."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles

from api.service import CurrentService, Service
from api.styles.catalogue import EXAMPLES
from shared.settings import Settings

WEB = Path(__file__).parent / "static"
CLIENT = Path(__file__).parents[2] / "clients" / "js"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:{store}; "
    "connect-src 'self'{store}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:{store}; connect-src 'self'{store}; font-src 'self' data:; "
    "frame-ancestors 'none'"
)
"""Swagger UI writes styles and small images into its page."""


class CurrentFiles(StaticFiles):
    """Files that a browser checks by their ETag each time: modules of different versions of the
    service would not work together."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _respond(html: str, policy: str, service: Service) -> HTMLResponse:
    """A page with its policy, which allows the object store if results are redirected there."""
    is_redirected = service.settings.result_redirect_seconds is not None
    store = f" {await service.blobs.find_origin()}" if is_redirected else ""
    headers = {"Content-Security-Policy": policy.format(store=store), "Cache-Control": "no-cache"}
    return HTMLResponse(html, headers=headers)


def install(app: FastAPI, settings: Settings) -> None:
    """Adds the pages and the files that they load."""
    html = (WEB / "index.html").read_text("utf-8")
    for limit in ("upload_limit_megabytes", "max_size_pixels"):
        html = html.replace(f"{{{limit}}}", str(getattr(settings, limit)))
    docs = (WEB / "docs.html").read_text("utf-8")
    for_language_models = (WEB / "llms.txt").read_text("utf-8")
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def show_page(service: CurrentService) -> HTMLResponse:
        return await _respond(html, POLICY, service)

    @router.get("/docs")
    async def show_docs(service: CurrentService) -> HTMLResponse:
        return await _respond(docs, DOCS_POLICY, service)

    @router.get("/llms.txt")
    async def show_page_for_language_models() -> PlainTextResponse:
        return PlainTextResponse(for_language_models)

    app.include_router(router)
    app.mount("/web/examples", StaticFiles(directory=EXAMPLES))
    app.mount("/web", CurrentFiles(directory=WEB))
    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_swagger", "resources")]))
    app.mount("/clients", CurrentFiles(directory=CLIENT))
