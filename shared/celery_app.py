"""The Celery application that the API publishes to and the worker consumes from.

A message is a hint that there is work; the records decide which job is painted next. It carries the
id of the job that it was sent for, for the logs.
"""

from typing import Any
from urllib.parse import quote

from celery import Celery
from kombu.utils.url import as_url

from shared.redis_connections import RedisAddress, parse_redis_url
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
    address = parse_redis_url(settings.redis_location)
    transport_options: dict[str, Any] = {
        "visibility_timeout": redelivery_seconds,
        "socket_timeout": 10.0,
        "socket_connect_timeout": 5.0,
    }
    if address.sentinels:
        transport_options["master_name"] = address.primary
        transport_options["sentinel_kwargs"] = address.sentinel_arguments
    queue = Celery("pastiche", broker=broker_url(address))
    queue.conf.update(
        broker_use_ssl=address.tls,
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
        worker_redirect_stdouts=False,  # of a spawned process, they would hide its logs
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a worker does not end if Redis refuses writes
        broker_transport_options=transport_options,
        result_backend_transport_options=transport_options,
        visibility_timeout=redelivery_seconds,
    )
    return queue


def publish(queue: Celery, job_id: str) -> None:
    """Announces a queued job to the workers. Blocks for one round trip to Redis.

    Raises:
        kombu.exceptions.OperationalError: Redis could not be reached, or refused.
    """
    queue.send_task(PAINT_TASK, args=(job_id,), task_id=job_id, retry=False, ignore_result=True)


def broker_url(address: RedisAddress) -> str:
    """The URL of Redis in Celery's form. It contains neither the arguments for TLS nor the name by
    which Sentinels know the primary."""
    given = address.arguments
    user, password, database = given.get("username"), given.get("password"), str(given.get("db", 0))
    if "path" in given:
        path = quote(given["path"].removeprefix("/"))
        url = as_url("socket", user=user, password=password, path=path)
        return f"redis+{url}?virtual_host={database}"
    scheme = "sentinel" if address.sentinels else "redis"
    servers = address.sentinels or ((given.get("host", "localhost"), given.get("port", 6379)),)
    return ";".join(as_url(scheme, host, port, user, password, database) for host, port in servers)
