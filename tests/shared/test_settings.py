"""Settings come from the environment, and the documentation names every one of them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.settings import Settings


def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_LEASE_SECONDS", "7.5")
    assert Settings().lease_seconds == 7.5


def test_redis_url_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:1")
    assert Settings().redis_location == "redis://elsewhere:1"
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://here:2")
    assert Settings().redis_location == "redis://here:2"


def test_a_value_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()


@pytest.mark.parametrize(
    "variables",
    [
        {"PASTICHE_HEARTBEAT_SECONDS": "30"},
        {"PASTICHE_HEARTBEAT_SECONDS": "5", "PASTICHE_LEASE_SECONDS": "6"},
        {"PASTICHE_LEASE_SECONDS": "0.6"},
    ],
)
def test_a_lease_that_ends_before_two_heartbeats_is_refused(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=r"(?s)heartbeat_seconds.*PASTICHE_LEASE_SECONDS"):
        Settings()


@pytest.mark.parametrize("name", ["RETENTION_HOURS", "PICTURE_RETENTION_HOURS"])
@pytest.mark.parametrize("hours", ["876001", "inf", "nan"])
def test_a_retention_that_no_date_can_express_is_refused(
    name: str, hours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PASTICHE_{name}", hours)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
    monkeypatch.setenv(f"PASTICHE_{name}", "876000")
    Settings()


def test_a_log_level_may_be_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"


def test_an_unknown_log_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_LOG_LEVEL", "verbose")
    with pytest.raises(ValidationError, match=r"(?s)log_level.*'DEBUG'"):
        Settings()


def test_without_a_url_the_pictures_are_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path / "a folder")
    assert settings.blob_store_location == (tmp_path / "a folder" / "blobs").as_uri()


def test_an_invalid_redis_url_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://user:s3cret@host?unknown=1")
    with pytest.raises(ValidationError, match="unknown") as refused:
        Settings()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("location", ["", "file:///pictures", "memory:///", "https://s3.example"])
def test_redirects_need_a_store_that_signs_urls(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASTICHE_RESULT_REDIRECT_SECONDS", "60")
    monkeypatch.setenv("PASTICHE_BLOB_STORE_URL", "s3://bucket/folder")
    assert Settings().result_redirect_seconds == 60
    monkeypatch.setenv("PASTICHE_BLOB_STORE_URL", location)
    with pytest.raises(ValidationError, match=r"signed URLs need an object store \(s3://"):
        Settings()
