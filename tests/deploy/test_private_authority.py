"""The variables that name a private authority make the object store's client accept it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deploy.conftest import ROOT
from tests.object_store import Bucket
from tests.redis.certificates import Certificates
from tests.redis.tls import tls_listener

pytestmark = pytest.mark.slow

WRITE = """
import os
from shared.blob_store import BlobStore
BlobStore.open(os.environ["PASTICHE_BLOB_STORE_URL"]).put("a-key", b"a picture")
"""


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.make(tmp_path)


@pytest.fixture
def store_url(s3_server: str, certificates: Certificates) -> Iterator[str]:
    """The object store, with a certificate of a private authority."""
    port = urlsplit(s3_server).port
    assert port is not None
    with tls_listener(port, certificates) as tls_port:
        yield f"https://127.0.0.1:{tls_port}"


def writes(bucket: Bucket, url: str, **authorities: str) -> bool:
    """Whether a process with these variables can write a blob."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SSL_CERT")}
    environment = inherited | bucket.environment(url) | authorities
    done = subprocess.run(
        [sys.executable, "-c", WRITE], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert (done.returncode == 0) == (bucket.keys == ["a-key"])
    assert done.returncode == 0 or b"InvalidCertificate" in done.stderr, done.stderr
    return done.returncode == 0


def test_a_private_authority_is_refused_without_the_variables(
    bucket: Bucket, store_url: str
) -> None:
    assert not writes(bucket, store_url)


def test_the_file_of_a_private_authority_counts(
    bucket: Bucket, store_url: str, certificates: Certificates
) -> None:
    authority = str(certificates.authority)
    assert writes(bucket, store_url, SSL_CERT_FILE=authority, SSL_CERT_DIR="/etc/ssl/certs")


def test_the_folder_of_the_other_authorities_counts_beside_the_file(
    bucket: Bucket, store_url: str, certificates: Certificates, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    file = str(Certificates.make(other).authority)
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(certificates.authority.read_bytes())
    assert not writes(bucket, store_url, SSL_CERT_FILE=file)
    assert writes(bucket, store_url, SSL_CERT_FILE=file, SSL_CERT_DIR=str(folder))
