"""The Celery application that the API publishes to and the worker consumes from.

A message is a hint that there is work; the records decide which job is painted next. It carries the
id of the job that it was sent for, for the logs.
"""

from celery import Celery

from shared.settings import Settings

PAINT_QUEUE = "paint"
PAINT_TASK = "paint"

MESSAGES_KEY = PAINT_QUEUE
"""The list in Redis where Celery keeps the messages that no worker has taken yet."""


def create_queue(settings: Settings) -> Celery:
    """The queue in Redis, set up so that no message is lost with its worker.

    Celery's guarantees are weaker than those of the records; these settings prevent extra work
    (prefetched messages, results, redelivery of a job that is still being painted).
    """
    redelivery_seconds = 2 * settings.kill_after_seconds
    transport_options = {
        "visibility_timeout": redelivery_seconds,
        "socket_timeout": 10.0,
        "socket_connect_timeout": 5.0,
    }
    queue = Celery("pastiche", broker=broker_url(settings.redis_location))
    queue.conf.update(
        task_default_queue=PAINT_QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_time_limit=settings.kill_after_seconds,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_max_tasks_per_child=500,
        worker_proc_alive_timeout=120.0,  # a child loads torch before it reports that it is up
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a worker does not end where Redis refuses writes
        broker_transport_options=transport_options,
        result_backend_transport_options=transport_options,
        visibility_timeout=redelivery_seconds,
    )
    return queue


def publish(queue: Celery, job_id: str) -> None:
    """Announces a queued job to the workers. Blocks for one round trip to Redis.

    Raises:
        kombu.exceptions.OperationalError: Redis could not be reached.
    """
    queue.send_task(PAINT_TASK, args=(job_id,), task_id=job_id, retry=False, ignore_result=True)


def broker_url(redis_url: str) -> str:
    """The URL of Redis for Celery, which has another form for a socket."""
    scheme, _, rest = redis_url.partition("://")
    if scheme != "unix":
        return redis_url
    path, _, query = rest.partition("?")
    database = query.removeprefix("db=") or "0"
    return f"redis+socket://{path}?virtual_host={database}"
