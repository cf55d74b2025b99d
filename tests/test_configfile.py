"""Invariant: a configuration gives a `Config` or faults with places inside the file, and never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_shop import SIX_LINES, six_lines, write_rules

from gateway.configuration import configfile
from gateway.configuration.config import Config, Group, Hear, Hours, Privacy, Receiver, Staff, Zone
from gateway.configuration.configfile import KEYS, ConfigError, load_config, read_config
from gateway.configuration.layout import ALL_DRIVER_KEYS
from rules.document import Faults, Node, read_document
from rules.limits import MOST, Caps
from rules.messages import speak

FULL = """\
store: {id: lilac-01, name: 丁香路店, timezone: Asia/Shanghai, latitude: 31.2214, longitude: 121.5447,
        opening_hours: "10:00-22:00", language: en}
gateway: {id: door-pi, role: all-in-one, state: state}
beacons: {namespace: 6e9d1c5a2b3f4e70}
mqtt: {url: "mqtts://broker.lilac.example:8883", username: door-pi, password_file: mqtt-password,
       ca_file: ca.pem, cert_file: door-pi.pem, key_file: door-pi.key, home_assistant: yes}
receivers:
  - {id: door, driver: ble, adapter: hci0,
     reference: {uuid: 6e9d1c5a-2b3f-4e70-8000-0000000000d0, major: 1, minor: 2}}
  - {id: air, driver: wifi, interface: wlan1, channels: [1, 6, 11], dwell: 500 ms, bssid: ["02:11:22:33:44:AA"]}
  - {id: guest-wifi, driver: hostapd, control: /run/hostapd/wlan0, ssid: Lilac-Guest}
  - {id: members-app, driver: app, reference: {uuid: 6e9d1c5a-2b3f-4e70-8000-0000000000d0, major: 1, minor: 2}}
  - {id: stage, driver: simulator, socket: stage.sock}
zones:
  - {id: pavement, kind: outside, hear: [{receiver: door, at_least: -88}]}
  - {id: entrance, name: 门口, kind: door, hear: [{receiver: door, at_least: -70.5}]}
  - {id: floor, kind: inside, hear: [{receiver: guest-wifi}, {receiver: air, at_least: -75}, {receiver: members-app}]}
  - {id: door, kind: shelf, hear: [{receiver: stage, at_least: -72, offset: -2}]}
rules: [returning-member, ./ours.yaml]
staff: {groups: [{id: floor, devices: [badge-1, badge-2], escalate_to: shoes}, {id: shoes}], quiet_hours: 21:30-10:00}
privacy: {visits: 60 days, alerts: 1 week, inactive_member: 6 months, minimum_count: 12,
          private_attributes: [balance, points], private_offers: [voucher-50], private_addresses: yes}
caps: {alerts_per_day: 2, alerts_per_week: 5, offers_per_day: 0, offers_per_week: 3, answers_per_day: 4}
presence: {leave_after: 90 s}
record: on
"""


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    rules = write_rules(tmp_path / "shipped", returning_member="arrived", window_regular="arrived",
                        window_occasional="arrived")  # fmt: skip
    monkeypatch.setattr(configfile, "shipped_rules", lambda: rules)
    return rules


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "open").touch(0o644)
    return tmp_path / "hushbell.yaml"


def read(file: Path, text: str) -> tuple[Config | None, list[str]]:
    file.write_text(text, encoding="utf-8")
    faults = Faults()
    config = read_config(file, faults)
    return config, [str(fault).removeprefix(f"{file}:") for fault in sorted(faults.found)]


def complaints(file: Path, text: str) -> list[str]:
    config, found = read(file, text)
    assert config is None
    return found


def warnings(file: Path, text: str) -> list[str]:
    config, found = read(file, text)
    assert config is not None
    return [line.partition("warning: ")[2] for line in found]


def test_six_lines_are_enough_and_all_else_has_a_default(file: Path, shipped: dict[str, Path]) -> None:
    config, found = read(file, six_lines())
    assert not found
    assert config is not None
    assert config.store.opening_hours is None
    assert config.gateway.state == Path("/var/lib/hushbell")
    assert config.receivers == (Receiver("door", "ble"),)
    assert config.zones[0] == Zone("pavement", "outside", (Hear("door", -88.0),))
    assert config.rule_files == tuple(shipped.values())
    assert config.staff == Staff((Group("floor"),), None)
    assert config.privacy == Privacy()
    assert config.caps == Caps()
    assert (config.leave_after_s, config.record, config.namespace) == (120.0, False, None)
    assert not config.mqtt.home_assistant


def test_every_key_is_read(file: Path, tmp_path: Path, shipped: dict[str, Path]) -> None:
    write_rules(tmp_path, ours="arrived")
    for name in ("mqtt-password", "ca.pem", "door-pi.pem", "door-pi.key"):
        (tmp_path / name).touch(0o600)
    config, found = read(file, FULL)
    assert all("warning: this version" in line for line in found)
    assert config is not None
    assert config.store.name == "丁香路店"
    assert config.store.timezone.key == "Asia/Shanghai"
    assert (config.store.latitude, config.store.longitude) == (31.2214, 121.5447)
    assert config.store.opening_hours == Hours(time(10), time(22))
    assert config.store.language == "en"
    assert (config.gateway.id, config.gateway.state) == ("door-pi", tmp_path / "state")
    assert config.namespace == bytes.fromhex("6e9d1c5a2b3f4e70")
    assert config.mqtt.url == "mqtts://broker.lilac.example:8883"
    assert (config.mqtt.username, config.mqtt.password_file) == ("door-pi", tmp_path / "mqtt-password")
    assert config.mqtt.urls == ("mqtts://broker.lilac.example:8883",)
    assert config.mqtt.ca_file == tmp_path / "ca.pem"
    assert config.mqtt.home_assistant
    assert (config.mqtt.cert_file, config.mqtt.key_file) == (tmp_path / "door-pi.pem", tmp_path / "door-pi.key")
    door, air, guest, app, stage = config.receivers
    assert (door.adapter, air.interface, air.channels) == ("hci0", "wlan1", (1, 6, 11))
    assert (air.dwell_s, air.bssids) == (0.5, frozenset({bytes.fromhex("0211223344aa")}))
    assert door.reference is not None
    assert door.reference.identity.hex() == "6e9d1c5a2b3f4e7080000000000000d000010002"
    assert (guest.control, guest.ssid) == (Path("/run/hostapd/wlan0"), "Lilac-Guest")
    assert (app.driver, stage.socket) == ("app", tmp_path / "stage.sock")
    assert config.zones[1] == Zone("entrance", "door", (Hear("door", -70.5),), "门口")
    assert config.zones[2].hear[0] == Hear("guest-wifi", None)
    assert config.zones[3].hear == (Hear("stage", -72.0, -2.0),)
    assert config.rule_files == (shipped["returning-member"], tmp_path / "ours.yaml")
    assert config.staff.groups == (Group("floor", ("badge-1", "badge-2"), "shoes"), Group("shoes"))
    assert config.staff.quiet_hours == Hours(time(21, 30), time(10))
    assert config.caps == Caps(2, 5, 0, 3, 4)
    assert config.privacy.private_attributes == {"balance", "points"}
    assert config.privacy.private_offers == {"voucher-50"}
    assert config.privacy.private_addresses
    assert (config.privacy.visits_s, config.privacy.alerts_s) == (60 * 86400, 7 * 86400)
    assert (config.privacy.inactive_member_s, config.privacy.minimum_count) == (180 * 86400, 12)
    assert (config.leave_after_s, config.record) == (90.0, True)


def test_paths_stay_with_the_file_when_it_is_named_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rules(tmp_path, ours="arrived")
    monkeypatch.chdir(tmp_path)
    config, _ = read(Path("hushbell.yaml"), six_lines(rules="[./ours.yaml]", gateway="{id: a, state: state}"))
    assert config is not None
    assert config.rule_files == (tmp_path / "ours.yaml",)
    assert config.gateway.state == tmp_path / "state"


def test_without_rules_the_three_shipped_ones_play(file: Path, shipped: dict[str, Path]) -> None:
    config, _ = read(file, six_lines(rules=""))
    assert config is not None
    assert config.rule_files == tuple(shipped.values())


@pytest.mark.parametrize("none", ["[]", "off"])
def test_rules_can_be_switched_off(file: Path, none: str) -> None:
    config, found = read(file, six_lines(rules=none))
    assert config is not None
    assert (config.rule_files, found) == ((), [])


def test_a_broken_installation_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configfile, "shipped_rules", dict)
    assert "the shipped rules are not in" in complaints(file, six_lines(rules=""))[0]


@pytest.mark.parametrize("key", ["store", "gateway", "mqtt", "receivers", "zones"])
def test_each_required_section_is_missed(file: Path, key: str) -> None:
    assert f"1:1: {key!r} is missing, the configuration needs it" in complaints(file, six_lines(**{key: ""}))


HEAR = "hear: [{receiver: door, at_least: -70}]"
WRONG = {
    "store": [
        ("^{timezone: UTC}", "'id' is missing, store needs it"),
        ("^{id: a}", "'timezone' is missing, store needs it"),
        ("^lilac", "a single value stands here, expected store as a mapping"),
        ("{id: ^a b, timezone: UTC}", "'a b' stands here, expected an id of 1 to 64 letters, digits, - and _"),
        ("{id: a, timezone: ^Mars}", "unknown time zone 'Mars', expected a name such as Asia/Shanghai"),
        ("{id: a, timezone: UTC, latitude: ^91, longitude: 0}", "91 is out of range, expected degrees from -90 to 90"),
        ("{id: a, timezone: UTC, latitude: ^31}", "latitude stands here without longitude"),
        ("{id: a, timezone: UTC, language: ^chinese}", "unknown language 'chinese', expected one of zh, en"),
    ],
    "gateway": [
        (
            "{id: a, role: ^hubb}",
            "unknown role 'hubb' (did you mean 'hub'?), expected one of all-in-one, receiver, hub",
        ),
    ],
    "mqtt": [
        ("^{username: a}", "'url' is missing, mqtt needs it"),
        ("{url: ^127.0.0.1}", "this is no broker's address, expected one such as mqtt://127.0.0.1"),
        ("{url: [mqtt://a, ^tcp://b]}", "unknown scheme 'tcp'"),
        ("{url: mqtts://a, cert_file: ^hushbell.yaml}", "cert_file stands here without key_file"),
        ("{url: mqtts://a, key_file: ^hushbell.yaml}", "key_file stands here without cert_file"),
        ("{url: mqtts://a, username: a, username_file: ^hushbell.yaml}", "username stands here already"),
        ("{url: mqtt://a, ^password: x}", "a password does not belong in this file, expected password_file: the name"),
    ],
    "receivers": [
        ("^[]", "at least one receiver is needed"),
        ("^{id: door, driver: ble}", "a mapping stands here, expected a list of receivers"),
        (
            "[{id: door, driver: ^bel}]",
            "unknown driver 'bel' (did you mean 'ble'?), expected one of ble, wifi, hostapd, app, simulator",
        ),
        (
            "[{id: door, driver: ble, ^interface: wlan1}]",
            "unknown key 'interface', expected one of id, driver, adapter, scan, reference",
        ),
        ("[^{id: door, driver: wifi}]", "'interface' is missing, a receiver needs it"),
        ("[^{id: door, driver: hostapd}]", "'control' is missing, a receiver needs it"),
        ("[^{id: door, driver: simulator}]", "'socket' is missing, a receiver needs it"),
        (
            "[{id: door, driver: wifi, interface: wlan1, channels: [1, ^15]}]",
            "'15' stands here, expected a Wi-Fi channel such as 1, 6, 11 or 36",
        ),
        ("[{id: door, driver: wifi, interface: wlan1, channels: ^[1, 1]}]", "a channel stands here twice"),
        (
            "[{id: door, driver: wifi, interface: wlan1, channels: [1, 6], dwell: ^10 ms}]",
            "10 ms is out of range, expected a duration from 0.05 s to 1 min",
        ),
        (
            "[{id: door, driver: wifi, interface: wlan1, bssid: [^ff:ff:ff:ff:ff:ff]}]",
            "'ff:ff:ff:ff:ff:ff' stands here, expected an access point's address such as 02:11:22:33:44:aa",
        ),
        ("[{id: door, driver: ble}, {id: ^door, driver: app}]", "duplicate id 'door', it stands already on line 4"),
        (
            "[{id: door, driver: ble}, {id: ^till, driver: app}]",
            "no zone hears the receiver 'till', name it under `hear` or take it out",
        ),
    ],
    "zones": [
        ("^[]", "at least one zone is needed"),
        ("[^{kind: door, " + HEAR + "}]", "'id' is missing, a zone needs it"),
        (
            "[{id: a, kind: ^dor, " + HEAR + "}]",
            "unknown kind 'dor' (did you mean 'door'?), expected one of outside, door, inside, shelf",
        ),
        (
            "[{id: a, kind: door, hear: [{receiver: ^dor, at_least: -70}]}]",
            "unknown receiver 'dor' (did you mean 'door'?), expected one of door",
        ),
        ("[{id: a, kind: door, hear: ^[]}]", "at least one receiver is needed"),
        (
            "[{id: a, kind: door, hear: ^door}]",
            "a single value stands here, expected a list such as [{receiver: door, at_least: -70}]",
        ),
        (
            "[{id: a, kind: door, hear: [{receiver: door, at_least: ^-700}]}]",
            "-700 is out of range, expected a level in dBm from -127 to 0",
        ),
        (
            "[{id: a, kind: door, hear: [{receiver: door, at_least: ^near}]}]",
            "'near' stands here, expected a level in dBm",
        ),
        (
            "[{id: a, kind: door, hear: [{receiver: door, at_least: -70, offset: ^90}]}]",
            "90 is out of range, expected an offset in dB from -60 to 60",
        ),
        (
            "[{id: a, kind: door, " + HEAR + "}, {id: ^a, kind: inside, hear: [{receiver: door, at_least: -80}]}]",
            "duplicate id 'a', it stands already on line 5",
        ),
        (
            "[{id: a, kind: door, " + HEAR + "}, {id: b, kind: inside, hear: [{receiver: door, at_least: ^-70.0}]}]",
            "'a' hears 'door' at this level already (line 5), nothing tells the two apart",
        ),
    ],
    "rules": [
        (
            "[^returning-membr]",
            "unknown rule 'returning-membr' (did you mean 'returning-member'?), expected one of returning-member, "
            "window-regular, window-occasional",
        ),
        ("[^./our-rules.yaml]", "no rule file './our-rules.yaml'"),
        ("[^hushbel.yaml]", "no rule file 'hushbel.yaml' (did you mean 'hushbell.yaml'?)"),
        ("[window-regular, ^window-regular]", "this rule stands already on line 6"),
        ("^window-regular", "a single value stands here, expected a list of rules"),
        ("[^{name: x}]", "a mapping stands here, expected a shipped rule's name, or a file such as ./our-rules.yaml"),
    ],
    "staff": [
        ("{groups: ^[]}", "at least one group is needed"),
        ("{groups: [{id: a}, {id: ^a}]}", "duplicate id 'a', it stands already on line 7"),
        ("{groups: [{id: a, devices: [b, ^b]}]}", "duplicate id 'b', it stands already on line 7"),
        ("{groups: [{id: a, escalate_to: ^b}]}", "unknown group 'b', expected one of a"),
        ("{groups: [{id: a, escalate_to: ^a}]}", "a group cannot escalate to itself"),
        ("{groups: [{id: a, devices: ^badge-1}]}", "a single value stands here, expected a list of devices"),
        ("{quiet_hours: ^22:00}", "'22:00' stands here, expected hours such as 10:00-22:00"),
    ],
    "privacy": [
        ("{visits: ^90}", "'90' stands here, expected a duration such as 5s, 10 min or 90 days"),
        ("{alerts: ^9999 days}", "9999 days is out of range, expected a duration from 1 h to 3600 days"),
        ("{minimum_count: ^5}", "5 is out of range, expected a whole number from 10 to 1000"),
        ("{private_attributes: [^a-b]}", "'a-b' stands here, expected an attribute's name of letters, digits and _"),
    ],
    "presence": [
        ("{leave_after: ^2 days}", "2 days is out of range, expected a duration from 1 s to 12 h"),
        (
            "{^leave-after: 2 min}",
            "unknown key 'leave-after' (did you mean 'leave_after'?), expected one of leave_after",
        ),
    ],
    "beacons": [
        ("{namespace: ^6e9d}", "'6e9d' stands here, expected 16 hex digits, the first half of the chain's UUIDs"),
    ],
    "record": [
        ("^perhaps", "'perhaps' stands here, expected true or false"),
    ],
}


@pytest.mark.parametrize(
    ("key", "value", "complaint"), [(key, *case) for key, cases in WRONG.items() for case in cases]
)
def test_what_is_wrong_is_told_at_its_place(file: Path, key: str, value: str, complaint: str) -> None:
    text = six_lines(**{key: value})
    before = text[: text.index("^")]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    assert any(line.startswith(f"{place}: {complaint}") for line in complaints(file, text.replace("^", "", 1)))


def test_a_level_means_nothing_to_hostapd(file: Path) -> None:
    text = six_lines(
        receivers="[{id: wifi, driver: hostapd, control: /run/hostapd/wlan0}]",
        zones="[{id: a, kind: inside, hear: [{receiver: wifi, at_least: -70}]}]",
    )
    assert "5:65: hostapd tells who is connected but no level, leave at_least out" in complaints(file, text)


DOUBTFUL = [
    ({"gateway": "{id: a, role: hub}"}, "this version knows all-in-one only, and will act as that"),
    (
        {
            "receivers": "[{id: a, driver: app}]",
            "zones": "[{id: a, kind: inside, hear: [{receiver: a}]}]",
        },
        "without a reference, which is the beacon that members' apps hear, nothing can be heard here",
    ),
    (
        {
            "receivers": "[{id: a, driver: wifi, interface: wlan1, channels: [1], dwell: 1 s}]",
            "zones": "[{id: a, kind: inside, hear: [{receiver: a, at_least: -75}]}]",
        },
        "dwell has no use without several channels",
    ),
    ({"mqtt": "{url: mqtt://127.0.0.1, ca_file: /dev/null}"}, "this file is not there"),
    ({"mqtt": "{url: mqtt://127.0.0.1, ca_file: hushbell.yaml}"}, "ca_file has no use without mqtts"),
    ({"mqtt": "{url: mqtt://a, username: a, password_file: hushbell.yaml}"}, "in the clear, mqtts would hide it"),
    ({"mqtt": "{url: mqtts://a, password_file: hushbell.yaml}"}, "a password without username, brokers refuse that"),
    ({"mqtt": "{url: mqtts://a, username: a, password_file: secret}"}, "this file is not there"),
    ({"mqtt": "{url: mqtts://a, username: a, password_file: open}"}, "others may read this file"),
    ({"mqtt": "{url: [mqtt+unix:///a, mqtt://b], username: a, password_file: open}"}, "in the clear"),
    (
        {
            "receivers": "[{id: a, driver: ble}, {id: b, driver: ble, adapter: hci0}]",
            "zones": "[{id: a, kind: inside, hear: [{receiver: a, at_least: -90}]}, "
            "{id: b, kind: inside, hear: [{receiver: b, at_least: -90}]}]",
        },
        "receivers 'a' and 'b' share one radio, only one of them will hear",
    ),
    ({"receivers": "[{id: door, driver: ble, scan: passive}]"}, "a passive scan is told of changes only"),
    ({"zones": "[{id: a, kind: door, hear: [{receiver: door}]}]"}, "this radio never tells who is connected"),
    ({"zones": "[{id: a, kind: door, hear: [{receiver: door, offset: 1}]}]"}, "offset has no use without at_least"),
    (
        {
            "zones": "[{id: a, kind: door, hear: [{receiver: door, at_least: -70}]}, "
            "{id: b, kind: outside, hear: [{receiver: door, at_least: -60}]}]"
        },
        "'b' is outside, yet needs a stronger level than a door on this receiver",
    ),
]


@pytest.mark.parametrize(("changes", "warning"), DOUBTFUL)
def test_what_an_installer_will_regret_is_a_warning(file: Path, changes: dict[str, str], warning: str) -> None:
    assert any(warning in line for line in warnings(file, six_lines(**changes)))


def test_one_mistake_in_an_id_is_told_once(file: Path) -> None:
    text = six_lines(receivers="[{id: door 1, driver: ble}]",
                     zones="[{id: a, kind: door, hear: [{receiver: door 1, at_least: -70}]}]")  # fmt: skip
    assert len(complaints(file, text)) == 1


def test_a_receiver_with_a_fault_is_still_a_receiver(file: Path) -> None:
    text = six_lines(receivers="[{id: door, driver: bluetooth}]")
    assert len(complaints(file, text)) == 1


def test_a_shop_without_a_door_is_allowed(file: Path) -> None:
    zones = "[{id: door, kind: inside, hear: [{receiver: door, at_least: -100}]}]"
    assert warnings(file, six_lines(zones=zones)) == []


def test_loading_raises_all_faults_and_no_warning(file: Path) -> None:
    file.write_text(six_lines(gateway="{id: a, role: hub}", record="perhaps", staff="x"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).splitlines() == [
        f"{file}:7:9: 'perhaps' stands here, expected true or false",
        f"{file}:8:8: a single value stands here, expected staff as a mapping",
    ]


def test_a_missing_file_is_a_configuration_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file, expected a configuration"):
        load_config(tmp_path / "nowhere.yaml")


LINES = st.lists(st.sampled_from(FULL.splitlines(keepends=True)), max_size=12).map("".join)
WORDS = st.sampled_from(
    ["off", "22:00", "[]", "{}", "-1", "x" * 70, "门", "{id: a}", "[{id: a}]", "[[1]]", "~", "!a b"]
)
CHANGED = st.dictionaries(st.sampled_from([*SIX_LINES, "staff", "privacy", "presence", "beacons", "record"]), WORDS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(LINES | CHANGED.map(lambda changes: six_lines(**changes)))
def test_any_configuration_gives_a_config_or_faults(tmp_path: Path, text: str) -> None:
    config, found = read(tmp_path / "hushbell.yaml", text)
    assert (config is None) == any("warning: " not in line for line in found)
    lines = text.split("\n")
    for line, column in (map(int, complaint.split(":")[:2]) for complaint in found if complaint[0].isdigit()):
        assert column <= len(lines[line - 1]) + 1


ROOT = Path(__file__).resolve().parent.parent


def keys_of(node: Node, prefix: str = "") -> Iterator[str]:
    if node.is_sequence():
        for item in node.items():
            yield from keys_of(item, f"{prefix}[]")
    for name, _, value in node.entries() if node.is_mapping() else []:
        yield from keys_of(value, f"{prefix}.{name}".lstrip("."))
        yield f"{prefix}.{name}".lstrip(".")


def test_the_full_example_has_every_key_and_the_manual_tells_of_each() -> None:
    root = read_document(ROOT / "config" / "examples" / "every-key.yaml", Faults())
    assert root is not None
    keys = set(keys_of(root))
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    known = {*KEYS, *(f"receivers[].{key}" for key in ALL_DRIVER_KEYS if key != "socket")}
    assert known - keys == set()
    inner = {key for key in keys if not key.startswith("receivers[].reference.")}
    assert {key for key in inner if f"`{key}`" not in manual and f"`{key}[]" not in manual} == set()


@pytest.mark.parametrize("name", MOST)
def test_a_cap_can_be_tighter_and_never_looser(name: str, file: Path) -> None:
    for value in (0, MOST[name]):
        config, found = read(file, f"{six_lines()}caps: {{{name}: {value}}}\n")
        assert not found
        assert config is not None
        assert getattr(config.caps, name) == value
    for value in (-1, MOST[name] + 1):
        (line,) = complaints(file, f"{six_lines()}caps: {{{name}: {value}}}\n")
        assert f": {value} is out of range, expected " in line
        assert line.endswith(f" from 0 to {MOST[name]}")
    assert (
        "'1.5' stands here, expected a whole number of " in complaints(file, f"{six_lines()}caps: {{{name}: 1.5}}\n")[0]
    )


def test_a_cap_that_is_too_loose_is_told_in_chinese(file: Path) -> None:
    speak("zh")
    try:
        (line,) = complaints(file, f"{six_lines()}caps: {{offers_per_week: 99}}\n")
    finally:
        speak("en")
    assert line.endswith("99 超出范围，应为 0 至 12 的每周优惠次数")
