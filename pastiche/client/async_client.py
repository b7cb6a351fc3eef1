"""`AsyncClient`: a service, spoken to on an event loop, asyncio's or trio's."""

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Self, Unpack

import httpx

from pastiche.client import flows, watching
from pastiche.client.awaiting import AsyncDriver
from pastiche.client.client import Several, id_of
from pastiche.client.events import Event
from pastiche.client.patience import Patience
from pastiche.client.pictures import Picture
from pastiche.client.records import (
    Estimate,
    Format,
    Job,
    LossCurves,
    Readiness,
    Status,
    Sweep,
)
from pastiche.client.transport import DEFAULT_URL, LIMITS, Address
from pastiche.client.wishes import JobWishes, Submission, SweepWishes


class AsyncClient:
    """A Pastiche service: as `Client`, with every method awaited, or iterated by `async for`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        patience: Patience | None = None,
        upload_limit_megabytes: float = 25,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._address = Address(url, key, timeout_seconds)
        self._is_own = http is None
        self._http = http or httpx.AsyncClient(limits=LIMITS)
        self._driver = AsyncDriver(self._address, self._http)
        self._patience = patience or Patience()
        self._limit_bytes = round(upload_limit_megabytes * 1e6)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._address.url

    async def aclose(self) -> None:
        """Closes the connections, but those of an httpx client of one's own."""
        if self._is_own:
            await self._http.aclose()

    async def paint(
        self,
        content: Picture,
        style: Several,
        *,
        format: Format = "png",
        watch: Callable[[Event], None] | None = None,
        idempotency_key: str | None = None,
        **wishes: Unpack[JobWishes],
    ) -> bytes:
        """As `Client.paint`."""
        return await self._driver.run(
            flows.paint(
                self._wanted(content, style, wishes, idempotency_key), format, self._patience
            ),
            watch,
        )

    async def submit(
        self,
        content: Picture | None = None,
        style: Several | None = None,
        *,
        idempotency_key: str | None = None,
        **wishes: Unpack[JobWishes],
    ) -> Job:
        """As `Client.submit`."""
        return await self._driver.run(
            flows.submit(self._wanted(content, style, wishes, idempotency_key), self._patience)
        )

    async def estimate(
        self,
        content: Picture | None = None,
        style: Several | None = None,
        **wishes: Unpack[JobWishes],
    ) -> Estimate:
        """As `Client.estimate`."""
        return await self._driver.run(
            flows.estimate(self._wanted(content, style, wishes), self._patience)
        )

    async def job(self, job: Job | str) -> Job:
        """As `Client.job`."""
        return await self._driver.run(flows.look(id_of(job), self._patience))

    def jobs(self, status: Status | None = None, *, page_size: int = 100) -> AsyncIterator[Job]:
        """As `Client.jobs`."""
        return self._driver.iterate(flows.listed(status, page_size, self._patience))

    def watch(self, job: Job | str) -> AsyncIterator[Event]:
        """As `Client.watch`."""
        return self._driver.iterate(watching.watched(id_of(job), self._patience))

    async def wait(self, job: Job | str, *, watch: Callable[[Event], None] | None = None) -> Job:
        """As `Client.wait`."""
        return await self._driver.run(flows.awaited(id_of(job), self._patience), watch)

    async def result(self, job: Job | str, format: Format = "png") -> bytes:
        """As `Client.result`."""
        return await self._driver.run(flows.result(id_of(job), format, self._patience))

    async def preview(self, job: Job | str) -> bytes | None:
        """As `Client.preview`."""
        return await self._driver.run(flows.preview(id_of(job), self._patience))

    async def losses(self, job: Job | str) -> LossCurves:
        """As `Client.losses`."""
        return await self._driver.run(flows.losses(id_of(job), self._patience))

    async def reweigh(
        self,
        job: Job | str,
        *,
        content_weight: float | None = None,
        style_weight: float | None = None,
        tv_weight: float | None = None,
    ) -> Job:
        """As `Client.reweigh`."""
        weights = {
            "content_weight": content_weight,
            "style_weight": style_weight,
            "tv_weight": tv_weight,
        }
        return await self._driver.run(flows.reweigh(id_of(job), weights, self._patience))

    async def cancel(self, job: Job | str) -> Job:
        """As `Client.cancel`."""
        return await self._driver.run(flows.cancel(id_of(job), self._patience))

    async def finish(self, job: Job | str) -> Job:
        """As `Client.finish`."""
        return await self._driver.run(flows.finish(id_of(job), self._patience))

    async def retry(self, job: Job | str) -> Job:
        """As `Client.retry`."""
        return await self._driver.run(flows.retry(id_of(job), self._patience))

    async def delete(self, job: Job | str) -> None:
        """As `Client.delete`."""
        await self._driver.run(flows.erase("jobs", id_of(job), self._patience))

    async def sweep(
        self,
        content: Picture,
        style: Several,
        *,
        idempotency_key: str | None = None,
        **wishes: Unpack[SweepWishes],
    ) -> Sweep:
        """As `Client.sweep`."""
        return await self._driver.run(
            flows.sweep(self._wanted(content, style, wishes, idempotency_key), self._patience)
        )

    async def look_at_sweep(self, sweep: Sweep | str) -> Sweep:
        """As `Client.look_at_sweep`."""
        return await self._driver.run(flows.look_at_sweep(id_of(sweep), self._patience))

    def watch_sweep(self, sweep: Sweep | str) -> AsyncIterator[Sweep]:
        """As `Client.watch_sweep`."""
        return self._driver.iterate(flows.watch_sweep(id_of(sweep), self._patience))

    async def sheet(self, sweep: Sweep | str, format: Format = "png", *, cell: int = 256) -> bytes:
        """As `Client.sheet`."""
        return await self._driver.run(flows.sheet(id_of(sweep), format, cell, self._patience))

    async def cancel_sweep(self, sweep: Sweep | str) -> Sweep:
        """As `Client.cancel_sweep`."""
        return await self._driver.run(flows.cancel_sweep(id_of(sweep), self._patience))

    async def delete_sweep(self, sweep: Sweep | str) -> None:
        """As `Client.delete_sweep`."""
        await self._driver.run(flows.erase("sweeps", id_of(sweep), self._patience))

    async def readiness(
        self,
    ) -> Readiness:
        """As `Client.readiness`."""
        return await self._driver.run(flows.readiness())

    def _wanted(
        self,
        content: Picture | None,
        style: Several | None,
        wishes: Mapping[str, object],
        key: str | None = None,
    ) -> Submission:
        asked = {"content": content, "style": style, **wishes}
        return Submission(asked, key, self._limit_bytes)
