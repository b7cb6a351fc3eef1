"""A job's life in a worker: claimed, painted, and ended by one transition."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.trace import SpanKind
from redis import RedisError

from pastiche.options import LIVE_OPTIONS, Options
from pastiche.sizes import scales
from shared import logs, tracing, transitions
from shared.errors import WORKER_FAILURES, FailureCode, RecordDamaged
from shared.inputs import Inputs
from shared.jobs import BackboneUsed, read_options
from worker.attempt import (
    Attempt,
    ClaimLost,
    JobCanceled,
    PaintingFailed,
    PaintingSpans,
    WorkerShutdown,
)
from worker.claims import claim_next
from worker.context import WorkerContext
from worker.lease import Lease
from worker.measurements import Measurements

if TYPE_CHECKING:
    from torch import Tensor

    from pastiche.engine.backbone import BackboneSource
    from pastiche.engine.progress import Progress

log = logging.getLogger(__name__)

Outcome = Literal["succeeded", "failed", "handed over", "canceled", "given back", "lost", "left"]

_MESSAGES: dict[Outcome, str] = {
    "succeeded": "committed",
    "lost": "the claim is lost, its work is discarded",
}


def paint(context: WorkerContext) -> None:
    """Claims the next job, loads its images, paints them and commits the picture."""
    # Loads torch, which only a painting process ever does.
    from worker import adapter

    with next_attempt(context) as attempt:
        if attempt is None:
            return
        peak_memory = adapter.begin_peak_memory()
        with adapter.engine_failures():
            pictures = attempt.load()
            options = read_options(attempt.job.id, attempt.options)
            backbone = adapter.choose(options, context.settings)
            precision = adapter.choose_precision(options)
            attempt.report_backbone(
                BackboneUsed(backbone.name, backbone.sha256),
                Measurements(context.capability.device, precision, peak_memory),
            )
            picture, weights = _optimise(pictures, options, backbone, attempt)
        log.info("Job %s: optimised", attempt.job.id)
        with tracing.span("encode"), adapter.engine_failures():
            painted = replace(options, **weights)
            encoded = adapter.encode(
                picture, pictures.content, painted, backbone.name, attempt.job.id
            )
        attempt.commit(encoded)


def _optimise(
    pictures: Inputs[bytes], options: Options, backbone: "BackboneSource", attempt: Attempt
) -> "tuple[Tensor, dict[str, Any]]":
    """Paints to the end, or until the client finishes the job, from the checkpoint of an earlier
    attempt if there is one. Returns the picture, and the weights of the last iteration: a client
    may have changed them since."""
    from pastiche.engine.run import Run
    from worker import adapter

    spans = PaintingSpans()
    adapter.free_cached_memory(options, backbone, attempt)
    images = adapter.decode(pictures, attempt.check)
    checkpoint = adapter.load_checkpoint(images, options, backbone, attempt)
    weights, latest = _weights(checkpoint.options if checkpoint else options), None
    painted = weights
    run = Run(
        images,
        options,
        backbone=backbone,
        resume=checkpoint,
        memory_bytes=attempt.context.settings.memory_bytes,
        check=attempt.check,
        cache=adapter.PREPARED_INPUTS,
    )
    height, width = images.content.shape[-2:]
    del images, checkpoint  # the run has copied them
    # A client that finishes a job gets at least the iteration that it has seen, even if that one
    # has to be painted again.
    seen = attempt.job.progress.iteration if attempt.job.progress else 0
    spans.end_preparation()
    attempt.start_clock(scales(height, width, options))
    progress: Progress | None = None
    try:
        for progress in run:
            spans.add(progress)
            painted = weights
            attempt.report_progress(progress, weights)
            if attempt.is_finish_requested and progress.iteration >= seen:
                break
            if attempt.previews.is_due:
                attempt.report_preview(lambda: adapter.preview(run))
            if attempt.checkpoints.is_due:
                attempt.store_checkpoint(run.save_checkpoint)
            if attempt.options is not latest:
                latest = attempt.options
                requested = _weights(read_options(attempt.job.id, latest))
                if requested != weights:
                    run.update_weights(**requested)
                    weights = requested
    except WorkerShutdown:
        if progress is not None:
            attempt.store_checkpoint(run.save_checkpoint)
        raise
    finally:
        spans.end()
    return run.picture(), painted


def _weights(options: Options) -> dict[str, Any]:
    """The options that a client may change while its picture is painted."""
    return {name: getattr(options, name) for name in LIVE_OPTIONS}


@contextmanager
def next_attempt(context: WorkerContext) -> Iterator[Attempt | None]:
    """Claims the next job and holds its lease until the attempt ends; None if there is none."""
    claimed = claim_next(context)
    if claimed is None:
        yield None
        return
    job, fence = claimed
    with (
        tracing.span(
            "attempt",
            {"pastiche.job.id": job.id, "pastiche.attempt": job.attempt},
            kind=SpanKind.CONSUMER,
            parent=job.traceparent,
            after=job.attempt_traceparent,
        ),
        logs.about(job_id=job.id, request_id=job.request_id, trace_id=tracing.trace_id()),
        context.capability.free_memory.painting(),
        Lease(job, fence, context.jobs, context.settings, context.wake_ups) as lease,
    ):
        log.info("Job %s: attempt %d", job.id, job.attempt)
        attempt = Attempt(job, fence, context, lease)
        attempt.report_trace()
        try:
            with _end_by_transition(attempt):
                yield attempt
        except RedisError as error:  # the worker ends while Redis is away: the lease will run out
            log.warning("Job %s: left as it is, Redis refused or did not answer: %s", job.id, error)
            _trace_outcome("left")


@contextmanager
def _end_by_transition(attempt: Attempt) -> Iterator[None]:
    """Runs the transition for the reason that ended the attempt, and deletes unused blobs."""
    job_id = attempt.job.id
    outcome: Outcome = "failed"
    code: FailureCode | None = None
    try:
        yield
    except ClaimLost:
        outcome = "lost"
    except WorkerShutdown:
        outcome = "given back"
    except JobCanceled:
        outcome = "canceled"
    except PaintingFailed as error:
        code = error.code
    except RecordDamaged as error:
        log.error("%s", error)
        code = "record_damaged"
    except RedisError:
        raise
    except Exception:  # the attempt's edge: an error in one job must not stop the worker
        log.exception("Job %s: unexpected error", job_id)
        code = "internal_error"
    else:
        outcome = "succeeded"
    message = code or _MESSAGES.get(outcome, outcome)
    log.log(logging.WARNING if code else logging.INFO, "Job %s: %s", job_id, message)
    _trace_outcome(outcome)
    if outcome == "given back":
        attempt.release()
        return
    if outcome == "lost":
        _delete_unused(attempt)
        return
    committed: transitions.Committed = "ok"  # if the picture was committed
    if outcome == "canceled":
        committed = attempt.confirm_cancel()
    elif code is not None:
        tracing.fail(code)
        if code in WORKER_FAILURES and attempt.hand_over(code):
            log.info("Job %s: handed over to another worker", job_id)
            _trace_outcome("handed over")
            return
        committed = attempt.fail(code)
    if committed == "ok":
        attempt.checkpoints.delete_all()
    else:
        _trace_outcome("lost")
        _delete_unused(attempt)


def _trace_outcome(outcome: Outcome) -> None:
    """Sets on the attempt's span how it ended."""
    tracing.set_attributes({"pastiche.outcome": outcome})


def _delete_unused(attempt: Attempt) -> None:
    """Deletes the unused blobs that the attempt wrote, if the job is gone or over."""
    try:
        job = attempt.context.jobs.run(transitions.read(attempt.job.id))
    except (RedisError, RecordDamaged):
        return
    if job is None or job.is_over:
        attempt.checkpoints.delete_own()
        attempt.previews.delete_unused(job.blobs if job else frozenset())
