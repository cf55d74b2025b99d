from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from virtual_shop import six_lines, write_rules

from gateway.commandline.check import check
from gateway.configuration import configfile
from gateway.shipped import shipped_folder, shipped_rules
from gateway.store.store import Store
from rules import messages
from rules.chinese import CHINESE
from rules.messages import speak

ELEVEN = """\
store: {id: lilac-01, timezone: Asia/Shangai, opening_hours: "10:00-25:00"}
gateway: {id: door-pi}
mqtt: {url: "mqtt://127.0.0.1"}
mqtt: {url: "mqtt://127.0.0.2"}
receivers:
  - {id: door, driver: ble}
  - {id: till, driver: ble, adapter: hci1}
  - {id: spare, driver: ble, adapter: hci2}
zones:
  - {id: pavement, kind: outside, hear: [{receiver: door, at_least: -88}]}
  - {id: entrance, kind: door, hear: [{receiver: door, at_least: 70}]}
  - {id: entrance, kind: inside, hear: [{receiver: tilll, at_least: -70}, {receiver: till, at_least: -75}]}
rules: [returning-member, window-regullar]
staff: {groups: floor}
presence: {leave_after: 2 moons}
recrod: true
"""

ANSWERS = [
    "1:33: unknown time zone 'Asia/Shangai' (did you mean 'Asia/Shanghai'?), expected a name such as Asia/Shanghai",
    "1:62: '10:00-25:00' stands here, expected hours such as 10:00-22:00",
    "4:1: duplicate key 'mqtt', it stands already on line 3",
    "8:10: no zone hears the receiver 'spare', name it under `hear` or take it out",
    "11:66: 70 is out of range, expected a level in dBm from -127 to 0",
    "12:10: duplicate id 'entrance', it stands already on line 11",
    "12:52: unknown receiver 'tilll' (did you mean 'till'?), expected one of door, till, spare",
    "13:27: unknown rule 'window-regullar' (did you mean 'window-regular'?), expected one of returning-member, "
    "window-regular, window-occasional",
    "14:17: a single value stands here, expected a list of groups",
    "15:25: '2 moons' stands here, expected a duration such as 5s, 10 min or 90 days",
    "16:1: unknown key 'recrod' (did you mean 'record'?), expected one of store, gateway, beacons, mqtt, receivers, "
    "zones, rules, staff, caps, privacy, presence, crowd, guest, record",
]


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand in a folder of the shop's own, with small shipped rules."""
    triggers = {"window_regular": "{dwell: 5s, zone: {kind: outside}}", "window_occasional": "passing"}
    rules = write_rules(tmp_path / "shipped", returning_member="arrived", **triggers)
    monkeypatch.setattr(configfile, "shipped_rules", lambda: rules)
    monkeypatch.chdir(tmp_path)
    yield
    speak("en")


def checked(
    text: str | bytes | None, file: str = "hushbell.yaml", *, enrolled: bool = False
) -> tuple[int, list[str], list[str]]:
    """Return the exit status, what is said, and what is complained about."""
    if text is not None:
        Path(file).write_bytes(text if isinstance(text, bytes) else text.encode())
    out, err = io.StringIO(), io.StringIO()
    status = check(Path(file), out, err, enrolled=enrolled)
    return status, out.getvalue().splitlines(), err.getvalue().splitlines()


def test_a_valid_configuration_is_one_line_of_praise() -> None:
    assert checked(six_lines()) == (0, ["hushbell.yaml is valid: 1 receiver, 2 zones, 3 rules"], [])


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_eleven_faults_are_told_at_once_each_at_its_place(ending: str, mark: str) -> None:
    status, said, complained = checked((mark + ELEVEN).replace("\n", ending))
    assert (status, said) == (1, [])
    assert complained == [f"hushbell.yaml:{answer}" for answer in ANSWERS]


def test_a_warning_leaves_the_status_alone() -> None:
    status, said, complained = checked(six_lines(gateway="{id: door-pi, role: hub}"))
    assert (status, len(said)) == (0, 1)
    assert complained == ["hushbell.yaml:2:30: warning: this version knows all-in-one only, and will act as that"]


@pytest.mark.parametrize("text", [None, "", "\n \n", "# nothing\n"])
def test_nothing_to_check_is_wrong_use_in_one_line(text: str | None) -> None:
    status, said, complained = checked(text)
    assert (status, said, len(complained)) == (2, [], 1)
    assert complained[0].startswith("hushbell.yaml: ")


def test_a_folder_is_nothing_to_check(tmp_path: Path) -> None:
    assert checked(None, str(tmp_path))[0] == 2


@pytest.mark.parametrize("text", ["store: [", "\tstore: 1", "a: *b", "- 1", "just text", b"\xff\xfe", b"a: \x00"])
def test_broken_files_are_at_fault_with_a_place(text: str | bytes) -> None:
    status, said, complained = checked(text)
    assert (status, said) == (1, [])
    assert all(line.startswith("hushbell.yaml:1:") for line in complained)


def test_the_wrong_file_does_not_show_its_secret() -> None:
    assert "hunter2" not in str(checked("hunter2\n", "mqtt-password"))


def test_faults_in_rules_are_told_with_those_of_the_configuration() -> None:
    Path("ours.yaml").write_text("- name: ours\n  on: arived\n", encoding="utf-8")
    status, _, complained = checked(six_lines(rules="[./ours.yaml]", record="perhaps"))
    assert status == 1
    assert complained[0].startswith("hushbell.yaml:7:9: ")
    assert any(line.startswith("ours.yaml:2:7: ") for line in complained)


def test_an_empty_rule_file_is_a_fault_of_the_configuration() -> None:
    Path("ours.yaml").touch()
    assert checked(six_lines(rules="[./ours.yaml]"))[0] == 1


def test_a_rule_that_names_an_unknown_group_or_zone_is_refused() -> None:
    text = "- name: ours\n  on: {entered, zone: {id: shoes}}\n  alert: {group: flor, text: hello}\n"
    Path("ours.yaml").write_text(text, encoding="utf-8")
    status, _, complained = checked(six_lines(rules="[./ours.yaml]"))
    assert status == 1
    assert [line.split(",")[0] for line in complained] == [
        "ours.yaml:2:28: unknown zone 'shoes'",
        "ours.yaml:3:18: unknown group 'flor' (did you mean 'floor'?)",
    ]


def test_a_rule_that_never_can_look_is_doubtful_when_it_was_asked_for() -> None:
    zones = "[{id: entrance, kind: door, hear: [{receiver: door, at_least: -70}]}]"
    status, _, complained = checked(six_lines(zones=zones))
    assert status == 0
    doubt = "waits for a zone of kind outside, and this shop has none"
    assert complained == [
        f"hushbell.yaml:6:27: warning: rule 'window-regular' {doubt}",
        f"hushbell.yaml:6:43: warning: rule 'window-occasional' {doubt}",
    ]
    assert checked(six_lines(zones=zones, rules=""))[2] == []


AIR = "[{id: door, driver: wifi, interface: wlan1}]"
TILL = "[{id: door, driver: hostapd, control: /run/hostapd/wlan0, ssid: Lilac-Guest}]"
CONNECTED = "[{id: entrance, kind: door, hear: [{receiver: door}]}]"
EID = {"kind": "eddystone-eid", "key": "7a" * 16, "exponent": 10, "counter": 123456, "at": "2026-11-01T09:00:00+08:00"}
BALANCE = "alert: {group: floor, text: 'has {balance}'}"


@pytest.mark.parametrize(
    ("changes", "does", "doubt"),
    [
        ({"receivers": AIR}, BALANCE, "fresh"),
        ({"receivers": AIR}, "offer: {id: new}\n  trust: weak", "weak"),
        ({"receivers": AIR, "privacy": "{private_offers: [new]}"}, "offer: {id: new}", "fresh"),
        ({"receivers": AIR}, "offer: {id: new}", ""),
        ({}, BALANCE, ""),
        ({"receivers": TILL, "zones": CONNECTED}, BALANCE, ""),
    ],
    ids=["private attribute", "trust asked for", "private offer", "nothing asked for", "beacons", "own keys"],
)
def test_a_rule_that_no_credential_here_can_satisfy_is_doubtful(changes: dict[str, str], does: str, doubt: str) -> None:
    Path("ours.yaml").write_text(f"- name: ours\n  on: arrived\n  {does}\n", encoding="utf-8")
    status, _, complained = checked(six_lines(rules="[./ours.yaml]", **changes))
    assert status == 0
    needs = f"rule 'ours' needs a credential that is {doubt}, and no receiver here hears one"
    assert [line for line in complained if "needs a credential" in line] == (
        [f"hushbell.yaml:6:9: warning: {needs}"] if doubt else []
    )


async def enrol(folder: Path, *credentials: Mapping[str, object]) -> None:
    store = await Store.open(folder)
    await store.members.put([("oX3f-91c2", json.dumps({"member": "oX3f-91c2", "credentials": list(credentials)}))])
    await store.close()


def test_a_rule_that_nobody_enrolled_can_satisfy_is_doubtful_when_asked_to_look(tmp_path: Path) -> None:
    Path("ours.yaml").write_text(f"- name: ours\n  on: arrived\n  {BALANCE}\n", encoding="utf-8")
    text = six_lines(rules="[./ours.yaml]", gateway="{id: door-pi, state: state}")
    doubt = "rule 'ours' needs a credential that is fresh, and no member who is enrolled carries one"
    assert checked(text)[2] == []
    assert checked(text, enrolled=True)[2] == [f"hushbell.yaml:6:9: warning: {doubt}"]  # there is no register yet
    assert not (tmp_path / "state").exists()
    app = {"kind": "app", "id": "a-1"}  # fresh, and no receiver here hears it
    asyncio.run(enrol(tmp_path / "state", app, {"kind": "altbeacon", "id": "6e" * 20}))
    assert checked(text, enrolled=True)[2] == [f"hushbell.yaml:6:9: warning: {doubt}"]
    asyncio.run(enrol(tmp_path / "state", EID))
    assert checked(text, enrolled=True)[2] == []
    (tmp_path / "state/hushbell.key").unlink()
    status, _, complained = checked(text, enrolled=True)
    assert (status, len(complained)) == (2, 1)


def test_everything_is_said_in_chinese_too() -> None:
    speak("zh")
    assert checked(six_lines())[1] == ["hushbell.yaml 有效：1 个接收器、2 个区域、3 条规则"]
    status, _, complained = checked(ELEVEN)
    assert status == 1
    assert [line.split(": ")[0] for line in complained] == [f"hushbell.yaml:{a.split(': ')[0]}" for a in ANSWERS]
    assert complained[0] == (
        "hushbell.yaml:1:33: 未知的时区 'Asia/Shangai'（是不是 'Asia/Shanghai'？），应为 Asia/Shanghai 这样的名称"
    )


class Listener(dict[str, str]):
    """The Chinese table, noting what was looked for in vain."""

    def __init__(self) -> None:
        super().__init__(CHINESE)
        self.missed: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        if key not in self and key.isascii():
            self.missed.add(key)
        return super().get(key, default)


def test_no_part_of_a_complaint_stays_english(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setattr(messages, "CHINESE", listener)
    speak("zh")
    checked(ELEVEN)
    checked(six_lines())
    checked(six_lines(receivers="[{id: 1 2, driver: [], x: 1}, ~]", zones="[1, {hear: [~, {at_least: x}]}]", staff="~"))
    assert listener.missed == set()


START = [shipped_folder() / "hushbell.yaml", *sorted(shipped_folder().glob("examples/*.yaml"))]


@pytest.mark.parametrize("file", START, ids=lambda path: path.stem)
def test_the_shipped_configurations_are_valid(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configfile, "shipped_rules", shipped_rules)
    status, said, complained = checked(None, str(file))
    assert (status, len(said)) == (0, 1)
    assert all("warning: this file is not there" in line or "warning: this version" in line for line in complained)
