from __future__ import annotations

import json
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.configuration.config import Hours
from gateway.configuration.configvalues import (
    Ids,
    read_adapter,
    read_broker_url,
    read_broker_urls,
    read_channel,
    read_file_beside,
    read_hours,
    read_interface,
    read_namespace,
    read_path,
    read_reference,
    read_ssid,
    read_timezone,
)
from rules.document import Faults, Node, parse_document


def value_of(text: str) -> Node:
    root = parse_document(f"k: {text}".encode(), "f", Faults())
    entry = root.entry("k") if root else None
    assert entry is not None
    return entry[1]


def complaint(node: Node) -> str:
    assert len(node.faults.found) == 1
    return node.faults.found[0].message


@pytest.mark.parametrize(
    ("text", "opens", "closes"),
    [
        ("10:00-22:00", time(10), time(22)),
        ('"10:00-22:00"', time(10), time(22)),
        ("9:30 - 21:45", time(9, 30), time(21, 45)),
        ("10：00–22：00", time(10), time(22)),
        ("22:00-10:00", time(22), time(10)),
        ("18:00-24:00", time(18), time.max),
        ("00:00-24:00", time(0), time.max),
    ],
)
def test_hours_read_as_written(text: str, opens: time, closes: time) -> None:
    assert read_hours(value_of(text)) == Hours(opens, closes)


@pytest.mark.parametrize("text", ["off", "no", "'off'", "None"])
def test_hours_can_be_switched_off(text: str) -> None:
    node = value_of(text)
    assert read_hours(node) is None
    assert not node.faults.found


@pytest.mark.parametrize(
    "text", ["22:00", "25:00-26:00", "10:60-12:00", "24:00-10:00", "10-22", "on", "[10:00, 22:00]"]
)
def test_hours_that_are_none_are_refused(text: str) -> None:
    node = value_of(text)
    assert read_hours(node) is None
    assert complaint(node).endswith("expected hours such as 10:00-22:00")


def test_hours_without_length_are_refused() -> None:
    node = value_of("10:00-10:00")
    assert read_hours(node) is None
    assert "begins and ends at once" in complaint(node)


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Europe/London", "UTC"])
def test_time_zones_are_those_of_iana(name: str) -> None:
    zone = read_timezone(value_of(name))
    assert zone is not None
    assert zone.key == name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Asia/Shangai", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("北京", "Asia/Shanghai"),
        ("GMT+8", "Asia/Shanghai"),
        ("Shanghai", "Asia/Shanghai"),
        ("Europe/Belin", "Europe/Berlin"),
        ("Asia/Hongkong", "Asia/Hong_Kong"),
    ],
)
def test_a_time_zone_nearly_right_gets_a_suggestion(name: str, near: str) -> None:
    node = value_of(name)
    assert read_timezone(node) is None
    assert f"did you mean {near!r}?" in complaint(node)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Asia", "''", "x" * 300])
def test_a_time_zone_that_is_none_is_refused_without_one(name: str) -> None:
    node = value_of(name)
    assert read_timezone(node) is None
    assert complaint(node).startswith("unknown time zone")


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://127.0.0.1",
        "mqtt://127.0.0.1:1883/",
        "mqtts://broker.lilac.example:8883",
        "mqtt://[::1]:1883",
        "ws://broker",
        "wss://broker.lilac.example/mqtt",
        "mqtt+unix:///run/mosquitto/mqtt.sock",
    ],
)
def test_brokers_are_addressed_by_url(url: str) -> None:
    assert read_broker_url(value_of(url)) == url


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("127.0.0.1:1883", "this is no broker's address"),
        ("tcp://broker", "unknown scheme 'tcp'"),
        ("MQTT://broker", "unknown scheme 'MQTT'"),
        ("mqtt://", "the host is missing"),
        ("mqtt://:1883", "the host is missing"),
        ("mqtt://bro ker", "the host is missing or wrong"),
        ("mqtt://broker:99999", "host or port is wrong"),
        ("mqtt://broker:x", "host or port is wrong"),
        ("mqtt://broker:0", "the port is wrong"),
        ("mqtt://broker:", "the port is wrong"),
        ("mqtt://[::1", "host or port is wrong"),
        ("mqtt://[nine]", "host or port is wrong"),
        ("mqtt://broker/shop", "nothing may follow"),
        ("mqtts://broker?x=1", "nothing may follow"),
        ("wss://broker/mqtt?x=1", "only a path may follow"),
        ("mqtt+unix://mqtt.sock", "expected the absolute path of a socket"),
        ("mqtt://door:hunter2@broker", "a user or password does not belong"),
        ("mqtts://hunter2@broker:x", "a user or password does not belong"),
        ("hunter2", "this is no broker's address"),
    ],
)
def test_a_broker_url_that_cannot_be_is_refused_and_never_repeated(url: str, wrong: str) -> None:
    node = value_of(f"'{url}'")
    assert read_broker_url(node) is None
    assert complaint(node).startswith(wrong)
    assert "hunter2" not in complaint(node)


@settings(deadline=None)
@given(st.text(max_size=40).map(lambda rest: f"mqtt://{rest}"))
def test_any_url_is_a_broker_or_one_fault(url: str) -> None:
    node = parse_document(json.dumps(url).encode(), "f", Faults())
    assert node is None or (read_broker_url(node) is None) == (len(node.faults.found) == 1)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("mqtt://a", ("mqtt://a",)),
        ("[mqtts://a, 'ws://b/mqtt']", ("mqtts://a", "ws://b/mqtt")),
        ("[]", None),
    ],
)
def test_brokers_may_be_several(text: str, urls: tuple[str, ...] | None) -> None:
    assert read_broker_urls(value_of(text)) == urls


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[]", "at least one broker is needed"),
        ("[mqtt://a, mqtt://a]", "this broker stands already on line 1"),
        ("[mqtt://a, tcp://hunter2]", "unknown scheme 'tcp'"),
        ("{url: mqtt://a}", "expected a broker's address such as mqtt://127.0.0.1"),
    ],
)
def test_what_is_wrong_with_several_brokers_is_told(text: str, wrong: str) -> None:
    node = value_of(text)
    read_broker_urls(node)
    assert wrong in complaint(node)
    assert "hunter2" not in complaint(node)


@pytest.mark.parametrize("text", ["6e9d1c5a2b3f4e70", "6E9D1C5A-2B3F-4E70", "'6e9d1c5a2b3f4e70'"])
def test_a_namespace_is_eight_bytes(text: str) -> None:
    assert read_namespace(value_of(text)) == bytes.fromhex("6e9d1c5a2b3f4e70")


@pytest.mark.parametrize("text", ["6e9d1c5a2b3f4e7", "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "0x6e9d1c5a2b3f4e", "[]"])
def test_a_namespace_of_another_length_is_refused(text: str) -> None:
    node = value_of(text)
    assert read_namespace(node) is None
    assert complaint(node).endswith("expected 16 hex digits, the first half of the chain's UUIDs")


def test_digits_alone_are_a_namespace_with_its_leading_noughts() -> None:
    assert read_namespace(value_of("0000000000000012")) == bytes(7) + b"\x12"


def test_a_reference_beacon_is_the_twenty_bytes_on_the_air() -> None:
    reference = read_reference(value_of("{uuid: 6e9d1c5a-2b3f-4e70-8000-0000000000d0, major: 1, minor: 515}"))
    assert reference is not None
    assert reference.identity.hex() == "6e9d1c5a2b3f4e7080000000000000d000010203"


@pytest.mark.parametrize(
    "text",
    ["{uuid: 6e9d, major: 1, minor: 1}", "{uuid: 6e9d1c5a2b3f4e7080000000000000d0, major: 65536, minor: 1}",
     "{uuid: 6e9d1c5a2b3f4e7080000000000000d0, major: 1}"],
)  # fmt: skip
def test_a_reference_beacon_needs_all_three(text: str) -> None:
    node = value_of(text)
    assert read_reference(node) is None
    assert complaint(node)


@pytest.mark.parametrize("channel", [1, 6, 13, 14, 36, 64, 100, 144, 149, 165, 177])
def test_channels_are_those_of_two_bands(channel: int) -> None:
    assert read_channel(value_of(str(channel))) == channel


@pytest.mark.parametrize("text", ["0", "15", "35", "38", "178", "six", "1.5", "-1"])
def test_other_channels_are_refused(text: str) -> None:
    assert read_channel(value_of(text)) is None


@pytest.mark.parametrize("text", ["hci0", "hci12", "00:1A:7D:DA:71:13"])
def test_adapters_go_by_name_or_address(text: str) -> None:
    assert read_adapter(value_of(text)) == text


@pytest.mark.parametrize("text", ["0", "usb", "hci", "00:1A:7D:DA:71"])
def test_other_adapters_are_refused(text: str) -> None:
    assert read_adapter(value_of(text)) is None


def test_interfaces_have_names_that_linux_takes() -> None:
    assert read_interface(value_of("wlx00c0ca98aabb")) == "wlx00c0ca98aabb"
    assert read_interface(value_of("a-name-of-16-chars")) is None
    assert read_interface(value_of("../x")) is None


def test_an_ssid_is_never_repeated() -> None:
    node = value_of("Lilac-" * 6)
    assert read_ssid(node) is None
    assert "Lilac" not in complaint(node)
    assert read_ssid(value_of("丁香客人")) == "丁香客人"


def test_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    read = read_path(tmp_path)
    assert read(value_of("ca.pem")) == tmp_path / "ca.pem"
    assert read(value_of("/etc/ca.pem")) == Path("/etc/ca.pem")
    assert read(value_of("~/ca.pem")) is None
    assert read(value_of("''")) is None


def test_a_missing_file_is_doubtful_and_not_repeated(tmp_path: Path) -> None:
    read = read_file_beside(tmp_path)
    node = value_of("hunter2")
    assert read(node) == tmp_path / "hunter2"
    assert node.faults.found[0].warning
    assert "hunter2" not in complaint(node).removesuffix(str(tmp_path))
    (tmp_path / "password").touch()
    node = value_of("password")
    assert read(node)
    assert not node.faults.found


@pytest.mark.parametrize("text", ["a", "Door-1", "x" * 64, "_", "off", "12"])
def test_ids_are_letters_digits_and_two_signs(text: str) -> None:
    assert Ids().define(value_of(text)) == text


@pytest.mark.parametrize("text", ["", "''", "x" * 65, "a b", "门口", "a/b", "a+", "#", "null", "[a]", '"a\\n"'])
def test_other_ids_are_refused(text: str) -> None:
    node = value_of(text)
    assert Ids().define(node) is None
    assert len(node.faults.found) == 1


def test_an_id_stands_once_among_its_kind() -> None:
    ids = Ids()
    root = parse_document(b"- door\n- Door\n- door\n", "f", Faults())
    assert root is not None
    assert [ids.define(node) for node in root.items()] == ["door", "Door", "door"]
    assert [str(fault) for fault in root.faults.found] == [
        "f:3:3: duplicate id 'door', it stands already on line 1",
    ]
