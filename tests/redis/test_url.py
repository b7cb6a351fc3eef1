"""One URL says where Redis is, for our own connections and for Celery's."""

import pytest

from shared.celery_app import broker_url
from shared.redis_connections import hide_login, parse_redis_url


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("redis://host", "redis://host:6379/0"),
        ("redis://host:1/2", "redis://host:1/2"),
        ("redis://[::1]:1/2", "redis://%3A%3A1:1/2"),
        ("redis://user:a%2Fb@host", "redis://user:a%2Fb@host:6379/0"),
        ("unix:///run/redis", "redis+socket:///run/redis?virtual_host=0"),
        ("unix://:a%2Fb@/run/redis?db=3", "redis+socket://:a%2Fb@/run/redis?virtual_host=3"),
        (
            "redis+sentinel://user:a%3Bb@one,[::1]:2/primary/3",
            "sentinel://user:a%3Bb@one:26379/3;sentinel://user:a%3Bb@%3A%3A1:2/3",
        ),
    ],
)
def test_celery_connects_to_the_same_redis(url: str, broker: str) -> None:
    assert broker_url(parse_redis_url(url)) == broker


def test_the_url_of_sentinels_names_them_their_primary_and_their_password() -> None:
    url = "redis+sentinel://user:p%40ss@one:1,two/a%20primary/4?sentinel_password=q%40ss"
    address = parse_redis_url(url)
    assert address.sentinels == (("one", 1), ("two", 26379))
    assert address.primary == "a primary"
    assert address.arguments == {"username": "user", "password": "p@ss", "db": 4}
    assert address.sentinel_arguments["password"] == "q@ss"  # noqa: S105
    assert address.tls is None


def test_certificates_are_verified_by_default() -> None:
    address = parse_redis_url("rediss://host?ssl_ca_certs=/ca.pem")
    assert address.tls == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.pem"}


def test_sentinels_have_tls_where_the_servers_have_it() -> None:
    address = parse_redis_url("rediss+sentinel://one/primary?ssl_ca_certs=/ca.pem")
    assert address.sentinel_arguments["ssl"]
    assert address.sentinel_arguments["ssl_ca_certs"] == "/ca.pem"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://user:s3cret@host", "must begin with one of redis://"),
        ("redis+cluster://user:s3cret@host", "Redis Cluster cannot be used"),
        ("redis+sentinel://user:s3cret@host", "must name them and their primary"),
        ("redis+sentinel:///primary", "must name them and their primary"),
        ("redis+sentinel://:s3cret@host:many/primary", "cannot be read"),
        ("redis://user:s3cret/s3cret@host", "cannot be read"),
        ("redis://user:[s3cret]@host", "cannot be read"),
        ("redis+sentinel://user:s3cret/s3cret@host/primary", "cannot be read"),
        ("redis://:s3cret@host?db=many", "cannot be read"),
        ("redis://:s3cret@host:26379/primary/0", "cannot be read"),
        ("redis://:s3cret@host/staging", "cannot be read"),
        ("redis+sentinel://:s3cret@host/primary/two", "cannot be read"),
        ("redis://:s3cret@host?socket_timeuot=1", "invalid argument: .*socket_timeuot"),
        ("redis://:s3cret@host?ssl_ca_certs=/ca.pem", "invalid argument: .*ssl_ca_certs"),
        ("rediss://:s3cret@host?ssl_cert_reqs=perhaps", "invalid argument: .*perhaps"),
    ],
)
def test_an_invalid_url_is_refused_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        parse_redis_url(url)
    assert "s3cret" not in str(refused.value)


def test_a_url_is_shown_without_its_passwords() -> None:
    url = "redis+sentinel://user:s3cret@one,two/primary/0?sentinel_password=s3cret"
    assert hide_login(url) == "redis+sentinel://one,two/primary/0"
    assert hide_login("unix:///run/redis") == "unix:///run/redis"
