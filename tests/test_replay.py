import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from virtual_captures import Stamped, event, ibeacon, legacy_report, pcap
from virtual_daemon import CARD, VirtualDaemon, a_member, hushbell

START = 1_763_791_200.0
UUID = "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18"
HCI = 187


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    shop = VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1")
    shop.put(a_member())
    return shop.folder


def sighting(t: float, rssi: int, **more: Any) -> str:
    value = {"t": START + t, "receiver": "door", "radio": "ble", "kind": "ibeacon", "rssi": rssi, "uuid": UUID}
    return json.dumps({**value, "major": 14, "minor": 2071, "power": -59, **more})


def a_visit(since: float = 0.0) -> list[str]:
    levels = [-80] * 10 + [-50] * 20
    return [sighting(since + number / 5, dbm) for number, dbm in enumerate(levels)]


def replay(shop: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    done = hushbell("replay", *arguments, "--config", "hushbell.yaml", folder=shop)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("hushbell.") for event in events]


def test_a_sightings_file_becomes_events_on_its_own_time(shop: Path) -> None:
    (shop / "day.jsonl").write_text("\n".join(a_visit() + a_visit(600)))
    status, events, said = replay(shop, "day.jsonl")
    assert (status, said) == (0, "")
    kinds = types(events)
    assert kinds.count("visit.started") == 2
    assert kinds.count("alert.raised") == 2
    assert kinds.count("visit.ended") == 1
    assert all(event["time"].startswith("2025-11-22T14:") for event in events)
    assert kinds[-1] == "crowd.counted"


def test_the_same_input_gives_the_same_bytes_gzipped_or_not(shop: Path) -> None:
    text = "\n".join(a_visit())
    (shop / "day.jsonl").write_text(text)
    first = hushbell("replay", "day.jsonl", "--config", "hushbell.yaml", folder=shop)
    second = hushbell("replay", "day.jsonl", "--config", "hushbell.yaml", folder=shop)
    assert first.stdout == second.stdout != ""
    (shop / "day.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert types(replay(shop, "day.jsonl.gz")[1]) == types(replay(shop, "day.jsonl")[1])


def test_a_capture_goes_to_the_only_receiver_of_its_radio_or_to_the_one_that_is_named(shop: Path) -> None:
    packets = [
        Stamped(int((START + number / 5) * 1_000_000_000), event(legacy_report(ibeacon(CARD), rssi=dbm)))
        for number, dbm in enumerate([-80] * 10 + [-50] * 20)
    ]
    (shop / "door.pcap").write_bytes(pcap(packets, HCI))
    assert replay(shop, "door.pcap")[0] == 2  # two simulators: which one?
    status, events, _ = replay(shop, "door.pcap", "--receiver", "door")
    assert status == 0
    assert "alert.raised" in types(events)
    assert replay(shop, "door.pcap", "--receiver", "attic")[2].count("\n") == 1


def test_several_files_are_merged_by_time(shop: Path) -> None:
    lines = a_visit()
    (shop / "even.jsonl").write_text("\n".join(lines[::2]))
    (shop / "odd.jsonl").write_text("\n".join(lines[1::2]))
    (shop / "day.jsonl").write_text("\n".join(lines))

    def told(*files: str) -> list[tuple[str, str]]:
        return [(event["type"], event["time"]) for event in replay(shop, *files)[1]]

    assert told("odd.jsonl", "even.jsonl") == told("day.jsonl")


def test_without_consent_there_is_no_visit(shop: Path) -> None:
    (shop / "day.jsonl").write_text("\n".join(a_visit()))
    VirtualDaemon(shop, "mqtt://127.0.0.1:1").put(a_member(consent=[]))
    assert set(types(replay(shop, "day.jsonl")[1])) == {"crowd.counted"}


def test_without_a_state_folder_there_are_no_members_and_none_is_made(tmp_path: Path) -> None:
    folder = VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1").folder
    (folder / "day.jsonl").write_text("\n".join(a_visit()))
    status, events, _ = replay(folder, "day.jsonl")
    assert (status, set(types(events))) == (0, {"crowd.counted"})
    assert not (folder / "state").exists()


def test_a_state_folder_is_read_and_not_written(shop: Path) -> None:
    (shop / "day.jsonl").write_text("\n".join(a_visit()))
    before = {path.name: path.read_bytes() for path in (shop / "state").iterdir()}
    assert replay(shop, "day.jsonl")[0] == 0
    assert {path.name: path.read_bytes() for path in (shop / "state").iterdir()} == before


def test_crowd_estimates_are_unrounded_and_nothing_is_hidden(shop: Path) -> None:
    strangers = [
        sighting(number, -60, receiver="air", radio="wifi", kind="probe-request", device=f"p{number % 7}")
        for number in range(1200)
    ]
    (shop / "day.jsonl").write_text("\n".join(strangers))
    plain = [event["data"] for event in replay(shop, "day.jsonl")[1]]
    assert plain[0]["inside"] == {"hidden": True}
    estimates = [event["data"] for event in replay(shop, "day.jsonl", "--crowd-estimates")[1]]
    assert len(plain) == len(estimates) == 2
    assert all("count" in counted[cell] for counted in estimates for cell in ("passing", "lingering", "inside"))


@pytest.mark.parametrize(
    "content", [None, b"", b"garbage\n" * 50, bytes(range(64, 128))], ids=["missing", "empty", "text", "bytes"]
)
def test_what_cannot_be_read_is_one_line_and_2(shop: Path, content: bytes | None) -> None:
    if content is not None:
        (shop / "day").write_bytes(content)
    status, events, said = replay(shop, "day")
    assert (status, events, said.count("\n")) == (2, [], 1)


def test_a_capture_in_which_nothing_was_heard_gives_no_event(shop: Path) -> None:
    (shop / "quiet.pcap").write_bytes(pcap([], HCI))
    assert replay(shop, "quiet.pcap", "--receiver", "door")[:2] == (0, [])


def test_a_broken_configuration_is_told_with_its_place(shop: Path) -> None:
    (shop / "day.jsonl").write_text(sighting(0, -50))
    (shop / "hushbell.yaml").write_text("store: {}\n")
    status, _, said = replay(shop, "day.jsonl")
    assert status == 2
    assert "hushbell.yaml:1:" in said


def test_a_paced_replay_keeps_the_frames_pace(shop: Path) -> None:
    (shop / "day.jsonl").write_text("\n".join(a_visit()))
    assert types(replay(shop, "day.jsonl", "--speed", "50")[1]) == types(replay(shop, "day.jsonl")[1])
