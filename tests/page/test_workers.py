"""What paints, at the foot of the page."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shared.job_store import JobStore
from shared.workers import Worker, register_worker
from tests.conftest import RunningApi
from tests.page.actions import paint
from tests.waiting import until

H100 = Worker(
    "h-1",
    "vgg19",
    "NVIDIA H100",
    64_000_000,
    rate=12_345_678.0,
    backbones=("vgg19", "whitened"),
    computed_in="bfloat16",
    device_bytes=85_000_000_000,
    is_painting=True,
)


def wait_for_h100(page: Page) -> None:
    """Lets the time of the page pass until it shows the worker."""

    def is_shown() -> bool:
        page.clock.run_for(10_000)
        return page.get_by_text("Painted by 1 worker: NVIDIA H100, 85 GB").is_visible()

    until(is_shown)


def test_without_a_worker_the_page_says_that_jobs_wait(page: Page) -> None:
    expect(page.get_by_text("No worker is running: jobs wait.")).to_be_visible()
    expect(page.locator("#workers details")).to_be_hidden()


def test_the_workers_are_shown_with_their_devices_and_in_detail(page: Page, jobs: JobStore) -> None:
    cpu = Worker("c-1", "whitened", "CPU, 8 threads", 4_000_000, backbones=("whitened",))
    second = Worker("h-2", "vgg19", "NVIDIA H100", 64_000_000, device_bytes=85_000_000_000)
    named = Worker("t-1", "vgg19", "NVIDIA A100 40GB", 30_000_000, device_bytes=42_000_000_000)
    for worker in (H100, second, cpu, named):
        jobs.run(register_worker(worker, ttl_seconds=60))
    page.reload()
    summary = page.locator("#workers summary")
    expect(summary).to_have_text(
        "Painted by 4 workers: CPU, 8 threads; 2 × NVIDIA H100, 85 GB; NVIDIA A100 40GB"
    )
    expect(page.get_by_text("No worker is running")).to_be_hidden()
    summary.click()
    lines = page.locator("#workers li")
    expect(lines.nth(0)).to_have_text("CPU, 8 threads · whitened · float32 · up to 4 megapixels")
    expect(lines.nth(1)).to_have_text(
        "NVIDIA H100, 85 GB · vgg19 (also whitened) · bfloat16 · up to 64 megapixels · "
        "12 megapixel iterations/s · painting"
    )
    assert Axe().run(page).response["violations"] == []


def test_a_worker_that_starts_while_a_job_waits_is_shown(
    page: Page, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    page.clock.install()
    page.goto(str(api.http.base_url))
    paint(page, files)
    expect(page.get_by_text("No worker is running")).to_be_visible()
    jobs.run(register_worker(H100, ttl_seconds=60))
    wait_for_h100(page)


def test_a_worker_that_starts_after_the_page_is_shown(
    page: Page, api: RunningApi, jobs: JobStore
) -> None:
    page.clock.install()
    page.goto(str(api.http.base_url))
    expect(page.get_by_text("No worker is running")).to_be_visible()
    jobs.run(register_worker(H100, ttl_seconds=60))
    wait_for_h100(page)


def test_nothing_is_shown_of_workers_that_cannot_be_listed(page: Page) -> None:
    expect(page.locator("#workers")).to_be_visible()
    page.route("**/workers", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.evaluate("""async () => {
            const { WorkersView } = await import("/web/workers.js");
            new WorkersView(document.getElementById("workers"), () => false);
        }""")
    expect(page.locator("#workers")).to_be_hidden()
