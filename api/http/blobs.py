"""Responses with a blob, streamed from the blob store."""

import logging

from fastapi.responses import StreamingResponse
from starlette.types import Send

from shared.blob_store import BLOB_STORE_ERRORS

log = logging.getLogger(__name__)


class BlobResponse(StreamingResponse):
    """Sends a blob with a Content-Length. If the store fails before the end, the connection is
    closed: the client sees that the body is too short, and may repeat the request."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except BLOB_STORE_ERRORS as error:
            log.warning("Storage: a response was cut off: %s", error)
