"""Which addresses the service connects to for webhooks and for pictures by URL."""

from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from shared.public_network import NotPublic, PublicNetwork, check_url, is_public

NETWORK = PublicNetwork(allow_private=False, max_seconds=20.0)


def test_a_host_name_of_a_private_address_is_refused() -> None:
    with pytest.raises(NotPublic):
        NETWORK.connect_tcp("localhost", 80)


def test_a_host_name_is_resolved_once_and_that_address_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved: list[str] = []
    connected: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        resolved.append(host)
        address = "93.184.215.14" if len(resolved) == 1 else "127.0.0.1"
        return [(None, None, None, "", (address, 443))]

    def connect(_: object, host: str, port: int, timeout: float | None) -> None:
        connected.append(host)

    monkeypatch.setattr("shared.public_network.getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    NETWORK.connect_tcp("rebinding.example", 443)
    assert (resolved, connected) == (["rebinding.example"], ["93.184.215.14"])


ADDRESSES = ("2606:4700::1111", "93.184.215.14", "8.8.8.8")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which addresses of a name that has several are connected to: only the last one answers."""
    tried: list[str] = []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(None, None, None, "", (address, 443)) for address in ADDRESSES]

    def connect(_: object, host: str, port: int, timeout: float) -> None:
        tried.append(host)
        if host != ADDRESSES[-1]:
            raise httpcore.ConnectError

    monkeypatch.setattr("shared.public_network.getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return tried


def test_each_address_of_a_host_name_is_tried_in_the_system_s_order(connected: list[str]) -> None:
    NETWORK.connect_tcp("example.org", 443, 10.0)
    assert connected == list(ADDRESSES)


def test_a_host_name_with_one_private_address_is_refused(
    connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.shared.test_public_network.ADDRESSES", ("8.8.8.8", "10.0.0.1"))
    with pytest.raises(NotPublic):
        NETWORK.connect_tcp("example.org", 443, 10.0)
    assert connected == []


def test_a_host_name_whose_addresses_all_refuse_is_unreachable(
    connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", refuse)
    with pytest.raises(httpcore.ConnectError):
        NETWORK.connect_tcp("example.org", 443, 10.0)


def refuse(*_: Any) -> None:
    raise httpcore.ConnectError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "192.0.0.9",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.175.48.1",
        "198.18.0.1",
        "203.0.113.1",
        "240.0.0.1",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "100:0:0:1::1",
        "2001:2::1",
        "2001:4:112::1",
        "2001:20::1",
        "2001:db8::1",
        "2620:4f:8000::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fec0::1",
    ],
)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "2002:808:808::"])
def test_an_internet_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https://user:secret@example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://printer.local/",
        "https://example.org:port/",
        "https://exa\nmple.org/",
        "https://éxample.org/",
        "https://a..b/",
        "https://.org/",
        "https://-a.org/",
        "https://@example.org/",
        "https://example.org:0/",
        "https://example.org/a b",
        "https://example.org/\\@a",
        "https://exa%6dple.org/",
        f"https://{64 * 'a'}.org/",
        f"https://{50 * 'label.'}org/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://localhost./",
        "https://[fec0::1]/",
        "https://[fe80::1%25eth0]/",
    ],
)
def test_an_invalid_url_is_refused(url: str) -> None:
    assert check_url(url, allow_private=False) is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/hook?a=1&b=%20",
        "https://example.org:8443",
        "https://example.org./",
        "https://hooks_1.example.org/~a/(b)",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:443/",
    ],
)
def test_a_public_url_is_accepted(url: str) -> None:
    assert check_url(url, allow_private=False) is None


@pytest.mark.parametrize("url", ["http://receiver:8080/", "http://10.0.0.1/", "http://[::1]:9/"])
def test_a_private_url_is_accepted_where_the_operator_allows_it(url: str) -> None:
    assert check_url(url, allow_private=True) is None
