"""One settings object, built at the entry points from `PASTICHE_*` and passed on."""

from math import ceil
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may set, each as an environment variable named `PASTICHE_<NAME>`.

    Raises:
        pydantic.ValidationError: a variable with a value that cannot be used.
    """

    model_config = SettingsConfigDict(env_prefix="PASTICHE_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="The address that the API listens on.")
    published_host: str | None = Field(
        None,
        description="The address of the machine under which the API is reached, where that is not "
        "the one it listens on: in a container. The Compose file sets it.",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8000, description="The port that the API listens on; 0 takes a free one."
    )
    data_folder: Path = Field(
        Path(".pastiche"),
        description="Where a service on one machine keeps its Redis file and its pictures.",
    )
    redis_url: str | None = Field(
        None,
        validation_alias=AliasChoices("PASTICHE_REDIS_URL", "REDIS_URL"),
        description="The Redis with the job records and the queue, `redis://…` or `unix://…`; "
        "`REDIS_URL` is read too. Without it `make serve` starts a Redis of its own.",
    )
    blob_store_url: str | None = Field(
        None,
        description="Where the pictures are stored: `file:///…`, `s3://…`, `gs://…` or `az://…`. "
        "Without it the folder `blobs` in the data folder.",
    )
    weights_folder: Path | None = Field(
        None,
        description="The folder with the pretrained weights, which `pastiche weights` fetches. It "
        "may be several, separated by `:`, the first of which is fetched into. Without it "
        "`~/.cache/pastiche`.",
    )
    max_size_pixels: Annotated[int, Field(ge=64, le=8192)] = Field(
        2048, description="The largest `size` that a job may ask for; larger uploads are reduced."
    )
    memory_megabytes: Annotated[int, Field(ge=256)] | None = Field(
        None,
        description="How much memory one painting may plan with: of the card where there is one. "
        "Without it what is free when it begins. Larger pictures are painted in tiles.",
    )
    upload_limit_megabytes: Annotated[int, Field(ge=1)] = Field(
        25, description="The largest file that is taken as an upload."
    )
    upload_limit_megapixels: Annotated[int, Field(ge=1)] = Field(
        50, description="The most pixels that an uploaded picture may have."
    )
    receive_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        300.0,
        description="How long a request may take to come in, its pictures included; and for how "
        "long an answer waits to be read.",
    )
    first_byte_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        10.0, description="How long a new connection may say nothing."
    )
    connections_limit: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="How many connections the API holds at once. Beyond it those that have said "
        "nothing yet are closed, and without such a one new ones are answered 503. Where it is not "
        "set, half as many as the process may have files open.",
    )
    decode_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        20.0, description="How long the decoding of one upload may take."
    )
    decode_memory_megabytes: Annotated[int, Field(ge=256)] = Field(
        2048,
        description="How much memory a process that decodes uploads, or encodes results, "
        "previews and contact sheets, may take (not on macOS).",
    )
    keys_required: bool = Field(
        False,
        description="Whether callers need a key (`python -m api.keys create OWNER`); each owner "
        "then sees its own jobs only.",
    )
    allowed_hosts: str = Field(
        "",
        description="The names that requests may be addressed to while no keys are required, "
        "separated by commas, beside `localhost` and addresses; `*` allows any name.",
    )
    high_priority_without_keys: bool = Field(
        False,
        description="Whether jobs may be submitted with `priority=high` where no keys are "
        "required; otherwise it is a right of keys (`python -m api.keys create OWNER "
        "--high-priority`).",
    )
    requests_per_minute: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="How many requests one caller may make in a minute; any number where it is not "
        "set. Without keys a caller is an address.",
    )
    jobs_in_flight: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How many jobs of one owner may wait or run; any number where not set."
    )
    megapixel_iterations_per_day: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="How much one caller may have painted in a day, in millions of pixels times "
        "iterations: a standard job of 512 pixels takes about a hundred. Any amount where not set.",
    )
    webhooks_anywhere: bool = Field(
        False,
        description="Whether webhooks may go to addresses that are not public, and over plain "
        "HTTP: to services in the same network.",
    )
    queue_limit: Annotated[int, Field(ge=1)] = Field(
        10_000, description="How many jobs may wait; the next one is answered 503."
    )
    retention_hours: Annotated[float, Field(gt=0)] = Field(
        168.0, description="How long a job and its pictures can be fetched once it is over."
    )
    kept_jobs_per_owner: Annotated[int, Field(ge=1)] = Field(
        10_000,
        description="How many jobs of one owner are retained once they are over. Beyond that the "
        "oldest go before their time, those without a picture first. Without keys all jobs have "
        "one owner.",
    )
    kept_jobs: Annotated[int, Field(ge=1)] = Field(
        100_000, description="The same for the jobs of all owners together."
    )
    lease_seconds: Annotated[float, Field(gt=0)] = Field(
        20.0, description="How long a worker that falls silent keeps its job."
    )
    heartbeat_seconds: Annotated[float, Field(gt=0)] = Field(
        0.5,
        description="How often a worker renews its lease, writes its progress and reads what "
        "the client asks for.",
    )
    checkpoint_seconds: Annotated[float, Field(gt=0)] = Field(
        8.0,
        description="How often a worker keeps what it has painted so far; a job whose worker died "
        "goes on from there. Less often where that would take more than a fiftieth of the time.",
    )
    preview_seconds: Annotated[float, Field(gt=0)] = Field(
        2.0,
        description="How often a worker shows what it has painted so far. Less often where that "
        "would take more than a fiftieth of the time.",
    )
    reconcile_seconds: Annotated[float, Field(gt=0)] = Field(
        1.0, description="How often the reconciler looks for what is to be set right."
    )
    attempts_limit: Annotated[int, Field(ge=1)] = Field(
        3,
        description="After how many attempts in a row that no worker survived, and none of which "
        "came further than those before, a job fails.",
    )
    job_time_limit_seconds: Annotated[int, Field(ge=1)] = Field(
        3600,
        description="How long one attempt at a job may take before the job fails with "
        "`time_limit`; a process that hangs is killed a minute later.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="`text` for people, `json` for programs: a line for each, either way."
    )
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @property
    def kill_after_seconds(self) -> int:
        """How long a process may be at one job: longer than the attempt, which ends by itself
        unless it hangs, and than the last heartbeat that it then sends."""
        return self.job_time_limit_seconds + 60 + ceil(2 * self.heartbeat_seconds)

    @property
    def lease_limit_seconds(self) -> float:
        """How long after its claim the lease of an attempt ends at least that took too long."""
        return self.job_time_limit_seconds + self.lease_seconds

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """In lower case; the name that the API listens on is one of them."""
        names = (name.strip().lower() for name in (*self.allowed_hosts.split(","), self.host))
        return frozenset(name for name in names if name)

    @property
    def upload_limit_bytes(self) -> int:
        return self.upload_limit_megabytes * 1_000_000

    @property
    def memory_bytes(self) -> int | None:
        return None if self.memory_megabytes is None else self.memory_megabytes * 1_000_000

    @property
    def blob_store_location(self) -> str:
        """The URL of the blob store, the data folder's own where none was set."""
        return self.blob_store_url or (self.data_folder / "blobs").resolve().as_uri()

    @property
    def redis_location(self) -> str:
        """The URL of Redis; the usual one of a server on this machine where none was set."""
        return self.redis_url or "redis://localhost:6379/0"
