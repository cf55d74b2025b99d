"""The `guest` part of a configuration: what is read, and what is told where it cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual_shop import six_lines

from gateway.configuration.config import Config, Guest, Listen
from gateway.configuration.configfile import read_config
from gateway.guest.links import home
from rules.document import Faults

SHOP = six_lines().replace(
    "receivers: [", "receivers: [{id: guest-wifi, driver: hostapd, control: /run/hostapd/wlan0}, "
).replace("zones: [", "zones: [{id: floor, kind: inside, hear: [{receiver: guest-wifi}]}, ")  # fmt: skip


def read(folder: Path, guest: str) -> tuple[Config | None, list[str]]:
    file = folder / "hushbell.yaml"
    file.write_text(f"{SHOP}\nguest: {guest}\n", encoding="utf-8")
    faults = Faults()
    return read_config(file, faults), [str(fault) for fault in faults.found]


@pytest.mark.parametrize(
    ("written", "listen", "place"),
    [
        ("10.0.0.1:8080", Listen("10.0.0.1", 8080), "10.0.0.1:8080"),
        ("10.0.0.1:80", Listen("10.0.0.1", 80), "10.0.0.1"),
        ("[fd00::1]:8080", Listen("fd00::1", 8080), "[fd00::1]:8080"),
    ],
)
def test_where_the_page_is_and_how_browsers_write_that(
    tmp_path: Path, written: str, listen: Listen, place: str
) -> None:
    config, told = read(tmp_path, f'{{receiver: guest-wifi, listen: "{written}", keys: keys}}')
    assert told == []
    assert config is not None
    assert config.guest == Guest("guest-wifi", listen, tmp_path / "keys")
    assert home(listen) == place


@pytest.mark.parametrize(
    ("guest", "told"),
    [
        ('{listen: "10.0.0.1:8080"}', "is missing, guest needs it"),
        ('{receiver: door, listen: "10.0.0.1:8080"}', "is one that hostapd serves"),
        ('{receiver: gest-wifi, listen: "10.0.0.1:8080"}', "unknown receiver"),
        ("{receiver: guest-wifi, listen: 8080}", "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "10.0.0.1"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "10.0.0.1:0"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "10.0.0.1:99999"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "10.0.0.1:٣"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "fd00::1:8080"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "[fe80::1%wlan0]:8080"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "lilac.example:8080"}', "an address and a port such as"),
        ('{receiver: guest-wifi, listen: "0.0.0.0:8080"}', "on the guest network alone"),
        ('{receiver: guest-wifi, listen: "[::]:8080"}', "on the guest network alone"),
        ("{receiver: guest-wifi, port: 8080}", "port"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(tmp_path: Path, guest: str, told: str) -> None:
    config, found = read(tmp_path, guest)
    assert config is None
    assert any(told in line for line in found)


@pytest.mark.parametrize(
    ("guest", "told"),
    [
        ("{receiver: guest-wifi}", "has no use without listen or keys"),
        ('{receiver: guest-wifi, listen: "1.1.1.1:80"}', "from all the world"),
    ],
)
def test_what_is_doubtful_is_a_warning(tmp_path: Path, guest: str, told: str) -> None:
    config, [line] = read(tmp_path, guest)
    assert config is not None
    assert "warning: " in line
    assert told in line
