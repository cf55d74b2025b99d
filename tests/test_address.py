"""Brokers' addresses: what each scheme means, what is refused in one line, and what never is repeated."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.address import PORTS, Address, AddressError, parse_url


@pytest.mark.parametrize(
    ("url", "address", "text"),
    [
        ("mqtt://127.0.0.1", Address("mqtt", "127.0.0.1", 1883), "127.0.0.1:1883"),
        ("mqtt://broker:1884/", Address("mqtt", "broker", 1884), "broker:1884"),
        ("mqtts://broker.lilac.example", Address("mqtts", "broker.lilac.example", 8883), "broker.lilac.example:8883"),
        ("mqtt://[::1]:1885", Address("mqtt", "::1", 1885), "[::1]:1885"),
        ("mqtt://[fe80::1%wlan0]", Address("mqtt", "fe80::1%wlan0", 1883), "[fe80::1%wlan0]:1883"),
        ("ws://broker", Address("ws", "broker", 80, "/mqtt"), "broker:80"),
        ("wss://broker/", Address("wss", "broker", 443, "/"), "broker:443"),
        ("wss://broker:8084/a/b%20c", Address("wss", "broker", 8084, "/a/b%20c"), "broker:8084"),
        ("mqtt+unix:///run/m.sock", Address("mqtt+unix", "", 0, "/run/m.sock"), "/run/m.sock"),
        ("mqtt+unix:///run/a%2Db.sock", Address("mqtt+unix", "", 0, "/run/a-b.sock"), "/run/a-b.sock"),
    ],
)
def test_an_address_is_read(url: str, address: Address, text: str) -> None:
    assert parse_url(url) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1", "this is no broker's address"),
        ("http://broker", "unknown scheme 'http', expected one of mqtt, mqtts, ws, wss, mqtt+unix"),
        ("mqtt://", "the host is missing"),
        ("mqtt://broker/path", "nothing may follow"),
        ("mqtt://broker:99999", "host or port is wrong"),
        ("mqtt://hunter2:hunter2@broker", "a user or password does not belong"),
        ("wss://hunter2@broker/mqtt", "a user or password does not belong"),
        ("ws://broker/mqtt?token=hunter2", "only a path may follow"),
        ("ws://broker/\r\nX-Evil: 1", "only a path may follow"),
        ("ws://broker/a b", "only a path may follow"),
        ("mqtt+unix://run/mqtt.sock", "expected the absolute path of a socket"),
        ("mqtt+unix://", "expected the absolute path of a socket"),
        ("mqtt+unix:///run/", "expected the absolute path of a socket"),
        ("mqtt+unix:///" + "x" * 200, "expected the absolute path of a socket"),
        ("mqtt+unix:///run/a%00b", "expected the absolute path of a socket"),
    ],
)
def test_what_is_no_address_is_said_in_one_line(url: str, words: str) -> None:
    with pytest.raises(AddressError, match=r"^[^\n]+$") as caught:
        parse_url(url)
    assert str(caught.value).startswith(words)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("mqtt://localhost", True),
        ("mqtt://127.0.0.1", True),
        ("mqtts://[::1]:1", True),
        ("mqtt+unix:///run/m.sock", True),
        ("mqtt://broker", False),
        ("ws://127.evil.example", False),
    ],
)
def test_what_stays_on_this_machine_is_known(url: str, local: bool) -> None:
    assert parse_url(url).is_local is local


@given(st.sampled_from([*PORTS, "tcp", ""]), st.text(max_size=60))
def test_any_text_is_an_address_or_one_error(scheme: str, rest: str) -> None:
    with suppress(AddressError):
        address = parse_url(f"{scheme}://{rest}")
        assert address.scheme == scheme
        assert address.unix or (address.host and 0 < address.port < 65536)
        assert not {"\r", "\n", " "} & set(address.path)
