import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from virtual_daemon import CARD, COMMAND, VirtualDaemon, a_member, environment, hushbell


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1").folder


def put(shop: Path, *lines: str) -> tuple[int, str, list[str]]:
    (shop / "members.jsonl").write_text("\n".join(lines), encoding="utf-8")
    done = hushbell("members", "put", "members.jsonl", "--config", "hushbell.yaml", folder=shop)
    return done.returncode, done.stdout.strip(), done.stderr.splitlines()


def listed(shop: Path) -> list[dict[str, Any]]:
    done = hushbell("members", "list", "--config", "hushbell.yaml", folder=shop)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_members_are_put_without_a_daemon_and_the_state_folder_is_made(shop: Path) -> None:
    assert put(shop, json.dumps(a_member()))[:2] == (0, "1 put, 0 refused")
    assert listed(shop) == [
        {"member": "oX3f-91c2", "credentials": ["ibeacon"], "purposes": ["offers", "recognise", "zones"]}
    ]
    assert (shop / "state").stat().st_mode & 0o777 == 0o700


def test_bad_lines_are_told_one_by_one_and_the_good_ones_go_in(shop: Path) -> None:
    phone = json.dumps(a_member("+8613800138000", CARD[:-1] + b"\1"))
    taken = json.dumps(a_member("somebody-else"))
    status, said, told = put(shop, json.dumps(a_member()), "{", phone, "", taken)
    assert (status, said) == (1, "1 put, 3 refused")
    assert [line.split(":")[:2] for line in told] == [["members.jsonl", number] for number in ("2", "3", "5")]
    assert told[0] == "members.jsonl:2: not JSON in UTF-8"
    assert told[1].startswith("members.jsonl:3: member: holds a phone number")
    assert told[2] == "members.jsonl:5: credentials[0]: belongs to another member"
    assert "13800138000" not in "".join(told)
    assert [member["member"] for member in listed(shop)] == ["oX3f-91c2"]


@pytest.mark.parametrize("of", ["member", "greeting"])
def test_a_line_in_another_encoding_is_told_like_any_other(shop: Path, of: str) -> None:
    line = json.dumps({**a_member(), of: "王女士"}, ensure_ascii=False).encode("gbk")
    (shop / "members.jsonl").write_bytes(line + b"\n" + json.dumps(a_member()).encode())
    done = hushbell("members", "put", "members.jsonl", "--config", "hushbell.yaml", folder=shop)
    assert (done.returncode, done.stdout.strip()) == (1, "1 put, 1 refused")
    assert done.stderr.splitlines() == ["members.jsonl:1: not JSON in UTF-8"]


def test_members_come_from_standard_input_too(shop: Path) -> None:
    text = json.dumps(a_member()) + "\n{\n"
    done = hushbell("members", "put", "-", "--config", "hushbell.yaml", folder=shop, text=text)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (1, "1 put, 1 refused", "-:2: not JSON in UTF-8\n")


@pytest.mark.parametrize("file", ["empty.jsonl", "missing.jsonl", "."])
def test_a_file_that_holds_nothing_is_one_line_and_2(shop: Path, file: str) -> None:
    (shop / "empty.jsonl").touch()
    done = hushbell("members", "put", file, "--config", "hushbell.yaml", folder=shop)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_receipt_is_signed_when_it_is_taken_in_and_what_is_put_again_stays_signed(shop: Path) -> None:
    put(shop, json.dumps(a_member()))
    assert put(shop, json.dumps(a_member(greeting="王小姐")))[0] == 0
    assert len(listed(shop)) == 1


@pytest.mark.parametrize("command", [("pause", "nobody-1", "2026-01-01T00:00:00Z"), ("remove", "nobody-1")])
def test_who_is_no_member_cannot_be_paused_or_removed(shop: Path, command: tuple[str, ...]) -> None:
    put(shop, json.dumps(a_member()))
    done = hushbell("members", *command, "--config", "hushbell.yaml", folder=shop)
    assert (done.returncode, done.stderr) == (2, "hushbell: no member has this id\n")


def test_a_removed_member_is_in_no_byte_of_the_state_folder(shop: Path) -> None:
    put(shop, json.dumps(a_member()))
    assert hushbell("members", "remove", "oX3f-91c2", "--config", "hushbell.yaml", folder=shop).returncode == 0
    assert listed(shop) == []
    blobs = b"".join(path.read_bytes() for path in (shop / "state").rglob("*") if path.is_file())
    assert b"oX3f-91c2" not in blobs
    assert "王女士".encode() not in blobs


def test_a_pause_needs_a_time(shop: Path) -> None:
    put(shop, json.dumps(a_member()))
    done = hushbell("members", "pause", "oX3f-91c2", "tomorrow", "--config", "hushbell.yaml", folder=shop)
    assert done.returncode == 2
    assert "paused_until" in done.stderr


def members(shop: Path, *arguments: str) -> tuple[int, list[str], str]:
    done = hushbell("members", *arguments, "--config", "hushbell.yaml", folder=shop)
    return done.returncode, done.stdout.splitlines(), done.stderr


def many(count: int) -> list[str]:
    cards = (CARD[:-3] + number.to_bytes(3, "big") for number in range(count))
    return [json.dumps(a_member(f"oMany-{number:04}", card)) for number, card in enumerate(cards)]


def test_a_pause_is_over_at_its_time_or_now(shop: Path) -> None:
    put(shop, json.dumps(a_member()))
    assert members(shop, "pause", "oX3f-91c2", "2099-01-01T08:00:00+08:00")[0] == 0
    assert listed(shop)[0]["paused_until"] == "2099-01-01T00:00:00.000+00:00"
    assert members(shop, "pause", "oX3f-91c2", "now")[0] == 0
    assert "paused_until" not in listed(shop)[0]


def test_an_export_gives_every_row_about_one_member_and_no_others(shop: Path) -> None:
    put(shop, *many(3))
    status, lines, _ = members(shop, "export", "oMany-0001")
    (row,) = map(json.loads, lines)
    assert (status, row["member"], row["what"], row["row"]["greeting"]) == (0, "oMany-0001", "member", "王女士")
    assert {json.loads(line)["member"] for line in members(shop, "export")[1]} == {f"oMany-{n:04}" for n in range(3)}
    assert members(shop, "export", "oMany-000") == (2, [], "hushbell: no member has this id\n")


def test_what_was_put_before_is_put_again_without_harm(shop: Path) -> None:
    put(shop, *many(20))
    before = (shop / "state/hushbell.db").read_bytes()
    assert put(shop, *many(20))[:2] == (0, "20 put (20 of them were there already), 0 refused")
    assert put(shop, *many(22))[:2] == (0, "22 put (20 of them were there already), 0 refused")
    assert len(listed(shop)) == 22
    assert before != (shop / "state/hushbell.db").read_bytes()


def test_the_same_member_twice_in_a_file_ends_as_on_the_last_line(shop: Path) -> None:
    one, other = a_member(greeting="王小姐"), a_member()
    put(shop, json.dumps(other))
    assert put(shop, json.dumps(one), json.dumps(other), json.dumps(one))[0] == 0
    assert json.loads(members(shop, "export", "oX3f-91c2")[1][0])["row"]["greeting"] == "王小姐"


def test_a_card_passes_to_another_member_where_the_first_gives_it_up(shop: Path) -> None:
    put(shop, json.dumps(a_member()))
    gone = a_member() | {"credentials": []}
    assert put(shop, json.dumps(gone), json.dumps(a_member("somebody-else")))[0] == 0
    assert [member["credentials"] for member in listed(shop)] == [[], ["ibeacon"]]


def test_an_import_that_is_killed_goes_on_where_it_is_started_again(shop: Path) -> None:
    (shop / "members.jsonl").write_text("\n".join(many(6000)), encoding="utf-8")
    command = [*COMMAND, "members", "put", "members.jsonl", "--config", "hushbell.yaml"]
    first = subprocess.Popen(command, cwd=shop, env=environment(), stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    assert "lines" in first.stderr.readline()  # it tells how far it is once a second
    first.kill()
    first.wait()
    first.stderr.close()
    some = len(listed(shop))
    assert 0 < some < 6000
    assert some % 1000 == 0
    status, said, told = put(shop, *many(6000))
    assert (status, said) == (0, f"6000 put ({some} of them were there already), 0 refused")
    assert all(line.startswith("hushbell: members.jsonl: ") for line in told)
    assert len(listed(shop)) == 6000


def test_who_takes_consent_back_is_noise_and_leaves_no_key_behind_however_often_it_is_put(shop: Path) -> None:
    irk = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
    keyed = a_member()
    keyed["credentials"] = [*keyed["credentials"], {"kind": "irk", "key": irk}]
    put(shop, json.dumps(keyed))
    for _ in range(2):
        assert put(shop, json.dumps(keyed | {"consent": []}))[0] == 0
        assert listed(shop) == [{"member": "oX3f-91c2", "credentials": [], "purposes": []}]
        blobs = b"".join(path.read_bytes() for path in (shop / "state").rglob("*") if path.is_file())
        assert not [
            form for form in (irk.encode(), bytes.fromhex(irk), CARD, CARD[:16].hex().encode()) if form in blobs
        ]
    assert put(shop, json.dumps(keyed))[0] == 0
    assert listed(shop)[0]["credentials"] == ["ibeacon", "irk"]


def test_who_never_agreed_is_enrolled_with_credentials_and_waits_for_a_receipt(shop: Path) -> None:
    put(shop, json.dumps(a_member() | {"consent": []}))
    assert listed(shop) == [{"member": "oX3f-91c2", "credentials": ["ibeacon"], "purposes": []}]
