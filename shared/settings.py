"""The settings: one object, made at the entry points from `PASTICHE_*` and passed on."""

from math import ceil
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.redis_connections import parse_redis_url
from shared.secret_files import SecretFiles

_SIGNING_SCHEMES = frozenset({"s3", "gs", "az"})
"""The schemes of the stores that sign URLs."""

RetentionHours = Annotated[float, Field(gt=0, le=876_000)]
"""At most a hundred years: later times cannot be written as dates."""


class Settings(BaseSettings):
    """The settings of an operator, each an environment variable named `PASTICHE_<NAME>`. For a
    secret one, `PASTICHE_<NAME>_FILE` may name a file that contains it.

    Raises:
        pydantic.ValidationError: the value of a variable is invalid.
        pydantic_settings.SettingsError: the file of a secret cannot be used.
    """

    model_config = SettingsConfigDict(
        env_prefix="PASTICHE_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # an input may be a password
    )

    host: str = "127.0.0.1"
    """The address that the API listens on."""

    published_host: str | None = None
    """The address at which the API is reached, if it differs from the one it listens on, as in a
    container. The Compose file sets it."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port that the API listens on; 0 selects a free one."""

    data_folder: Path = Path(".pastiche")
    """The folder for the Redis file and the pictures of a service on one machine."""

    redis_url: SecretStr | None = Field(
        None, validation_alias=AliasChoices("PASTICHE_REDIS_URL", "REDIS_URL")
    )
    """The [Redis](deployment.md#redis) for the job records and the queue: `redis://…`, `rediss://…`
    with TLS, `redis+sentinel://…`, `rediss+sentinel://…` or `unix://…`. `REDIS_URL` is also read.
    It may contain a password: `PASTICHE_REDIS_URL_FILE` may name a file that contains the URL. If
    it is not set, `make serve` starts a Redis of its own."""

    blob_store_url: str | None = None
    """Where pictures are stored: `file:///…`, `s3://…`, `gs://…` or `az://…`. If it is not set,
    they are in the folder `blobs` of the data folder."""

    result_redirect_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    """If it is set, `GET /jobs/{id}/result` redirects (307) to a signed URL of the object store,
    which is valid for this many seconds, so that the API does not send the pictures itself. Clients
    must be able to reach the store. Requires an object store."""

    direct_uploads: bool = False
    """Whether clients may send [pictures to the object store](api.md#direct-uploads) itself, by
    signed URLs. The store cannot limit their size. Clients must be able to reach it. Requires an
    object store."""

    weights_folder: Path | None = None
    """The folder with the pretrained weights, into which `pastiche weights` downloads them. It can
    be several folders, separated by `:`; downloads go into the first. If it is not set,
    `~/.cache/pastiche`."""

    max_size_pixels: Annotated[int, Field(ge=64, le=8192)] = 2048
    """The largest `size` of a job; larger uploads are reduced."""

    memory_megabytes: Annotated[int, Field(ge=256)] | None = None
    """How much memory one painting may use: memory of the GPU if there is one. If it is not set, a
    painting uses the memory that is free when it starts. Pictures that need more are painted in
    tiles."""

    upload_limit_megabytes: PositiveInt = 25
    """The size limit of an uploaded file. If you raise it, also raise the proxy's body limit, to
    three times this value, so that two files fit as base64: `PASTICHE_BODY_LIMIT` of the Compose
    file for production, `proxy-body-size` of the Ingress in Kubernetes."""

    upload_limit_megapixels: PositiveInt = 50
    """The pixel limit of an uploaded picture."""

    uploads_in_flight_megabytes: PositiveInt = 800
    """How much one API process holds at once in temporary files, for uploads that are not stored
    yet; beyond that, further uploads are answered with 503. Must be less than the size of the
    `/tmp` volume."""

    picture_urls: bool = True
    """Whether a picture may be named by an `https://` URL, from which the API fetches it."""

    picture_url_timeout_seconds: PositiveFloat = 20.0
    """How long fetching a picture from a URL may take, with its redirects."""

    picture_urls_anywhere: bool = False
    """Whether pictures may be fetched from addresses that are not public, and over plain HTTP: from
    services in the same network."""

    receive_timeout_seconds: PositiveFloat = 300.0
    """How long receiving a request may take, including its pictures, and how long a response waits
    for the client to read it."""

    first_byte_timeout_seconds: PositiveFloat = 10.0
    """How long a new connection may stay silent before it is closed."""

    connections_limit: PositiveInt | None = None
    """How many connections the API holds open. Beyond the limit, it closes connections that have
    sent nothing yet; if there are none, it answers new ones with 503. If it is not set, the limit
    is half of the number of files that the process may open."""

    decode_timeout_seconds: PositiveFloat = 20.0
    """How long decoding one upload may take."""

    decode_memory_megabytes: Annotated[int, Field(ge=256)] = 2048
    """How much memory each process may use that decodes uploads or encodes results, previews and
    contact sheets (not on macOS). The API runs one such process for each core, but no more than its
    container has memory for."""

    keys_required: bool = False
    """Whether callers need an API key (`python -m api.keys create OWNER`). Each owner then sees
    only their own jobs."""

    allowed_hosts: str = ""
    """The host names that are allowed while no keys are required, separated by commas, in addition
    to `localhost` and IP addresses; `*` allows any name."""

    cors_origins: str = ""
    """The origins whose pages may use the API from a browser, separated by commas, such as
    `https://app.example`; `*` allows every page. While no keys are required, such a page may do
    everything."""

    high_priority_without_keys: bool = False
    """Whether `priority=high` is allowed while no keys are required; otherwise a key needs this
    right (`python -m api.keys create OWNER --high-priority`)."""

    requests_per_minute: PositiveInt | None = None
    """How many requests a caller may send per minute; no limit if it is not set. Without keys, a
    caller is an address."""

    jobs_in_flight: PositiveInt | None = None
    """How many jobs of one owner may be queued or running; no limit if it is not set."""

    megapixel_iterations_per_day: PositiveInt | None = None
    """How much painting a caller may request per day, in millions of pixels times iterations: a
    standard job of 512 pixels takes about a hundred. No limit if it is not set."""

    webhooks_anywhere: bool = False
    """Whether webhooks may be sent to addresses that are not public, and over plain HTTP: to
    services in the same network."""

    queue_limit: PositiveInt = 10_000
    """How many jobs may be queued; further ones are answered with 503."""

    retention_hours: RetentionHours = 168.0
    """How long a finished job and its pictures can be fetched, at most 876,000 (a hundred years).
    `keep` of a job can only shorten it. A change applies to jobs that end after it."""

    kept_jobs_per_owner: PositiveInt = 10_000
    """How many finished jobs of one owner are retained. Beyond the limit, the oldest are deleted
    early, those without a picture first. A lower limit takes effect within minutes. Without keys,
    all jobs have one owner."""

    kept_jobs: PositiveInt = 100_000
    """The same limit for the jobs of all owners together."""

    picture_retention_hours: RetentionHours = 168.0
    """How long an uploaded picture (`POST /pictures`) is retained after its last use, at most
    876,000 (a hundred years)."""

    kept_pictures_per_owner: PositiveInt = 1000
    """How many uploaded pictures of one owner are retained. Beyond the limit, the least recently
    used ones are deleted. Without keys, all pictures have one owner."""

    kept_pictures: PositiveInt = 10_000
    """The same limit for the uploaded pictures of all owners together."""

    styles_folder: Path | None = None
    """A folder with the operator's own style images, `<name>.jpg`, `.png` or `.webp`, which jobs
    name as `style=style:<name>`. Names may contain a to z, 0 to 9, `_` and `-`."""

    lease_seconds: PositiveFloat = 20.0
    """How long a worker keeps its job without a heartbeat."""

    heartbeat_seconds: PositiveFloat = Field(0.5, validate_default=True)
    """How often a worker renews its lease, writes its progress and reads the client's requests. At
    most half of `PASTICHE_LEASE_SECONDS`."""

    checkpoint_seconds: PositiveFloat = 8.0
    """How often a worker saves its state, from which the next attempt resumes if the worker dies.
    It saves less often if saving would take more than 2 % of the time."""

    preview_seconds: PositiveFloat = 2.0
    """How often a worker stores a preview. It does so less often if that would take more than 2 %
    of the time."""

    reconcile_seconds: PositiveFloat = 1.0
    """How often the reconciler looks for lost and expired jobs."""

    attempts_limit: PositiveInt = 3
    """A job fails after this many attempts in a row that failed because of their worker, such as
    one that died, and that made no progress beyond the earlier ones."""

    job_time_limit_seconds: PositiveInt = 3600
    """How long one attempt at a job may take before the job fails with `time_limit`; a process that
    hangs is killed a minute later."""

    log_format: Literal["text", "json"] = "text"
    """`text` for people, `json` for programs; one line per record in both."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources of settings: arguments, then files of secrets, then variables."""
        return init_settings, SecretFiles(settings_cls), env_settings

    @property
    def retention_seconds(self) -> float:
        return 3600 * self.retention_hours

    @property
    def kill_after_seconds(self) -> int:
        """After how long at one job a process is killed. An attempt that does not hang ends by
        itself, and sends its last heartbeat, before that."""
        return self.job_time_limit_seconds + 60 + ceil(2 * self.heartbeat_seconds)

    @property
    def lease_limit_seconds(self) -> float:
        """If the lease of an attempt ends this long after its claim, the attempt took too long."""
        return self.job_time_limit_seconds + self.lease_seconds

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """The allowed host names in lower case, including the one that the API listens on."""
        names = (name.strip().lower() for name in (*self.allowed_hosts.split(","), self.host))
        return frozenset(name for name in names if name)

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_redis_url(url.get_secret_value())
        return url

    @field_validator("heartbeat_seconds")
    @classmethod
    def _check_heartbeat(cls, seconds: float, info: ValidationInfo) -> float:
        lease_seconds = info.data.get("lease_seconds")  # missing if it is itself invalid
        if lease_seconds is not None and seconds > lease_seconds / 2:
            raise ValueError(
                f"this must be at most half of PASTICHE_LEASE_SECONDS, which is {lease_seconds:g}, "
                "or workers lose their jobs"
            )
        return seconds

    @field_validator("log_level", mode="before")
    @classmethod
    def _ignore_case(cls, level: object) -> object:
        return level.strip().upper() if isinstance(level, str) else level

    @field_validator("result_redirect_seconds", "direct_uploads")
    @classmethod
    def _check_signing(cls, value: int | None, info: ValidationInfo) -> int | None:
        url = info.data.get("blob_store_url") or ""
        if value and urlsplit(url).scheme not in _SIGNING_SCHEMES:
            raise ValueError("signed URLs need an object store (s3://, gs:// or az://)")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, text: str) -> str:
        for origin in _split_origins(text) - {"*"}:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f"{origin!r} is not an origin such as https://app.example")
        return text

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The origins whose pages may use the API, in lower case and without a final slash."""
        return _split_origins(self.cors_origins)

    @property
    def upload_limit_bytes(self) -> int:
        return self.upload_limit_megabytes * 1_000_000

    @property
    def submission_limit_bytes(self) -> int:
        """How large all files of a submission may be together: enough for two of the largest files,
        because masks and further styles are smaller."""
        return 2 * self.upload_limit_bytes

    @property
    def uploads_in_flight_bytes(self) -> int:
        return self.uploads_in_flight_megabytes * 1_000_000

    @property
    def decode_memory_bytes(self) -> int:
        return self.decode_memory_megabytes * 1_000_000

    @property
    def memory_bytes(self) -> int | None:
        return None if self.memory_megabytes is None else self.memory_megabytes * 1_000_000

    @property
    def blob_store_location(self) -> str:
        """The URL of the blob store: by default a folder in the data folder."""
        return self.blob_store_url or (self.data_folder / "blobs").resolve().as_uri()

    @property
    def redis_location(self) -> str:
        """The URL of Redis with its password: by default, a server on this machine."""
        if self.redis_url is None:
            return "redis://localhost:6379/0"
        return self.redis_url.get_secret_value()


def _split_origins(text: str) -> frozenset[str]:
    origins = (origin.strip().lower().rstrip("/") for origin in text.split(","))
    return frozenset(origin for origin in origins if origin)
