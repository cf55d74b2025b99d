import json
from pathlib import Path
from typing import Any

import pytest
from virtual_daemon import CARD, VirtualDaemon, a_member, hushbell


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
    assert [line.split(":")[2] for line in told] == ["2", "3", "5"]
    assert "13800138000" not in "".join(told)
    assert [member["member"] for member in listed(shop)] == ["oX3f-91c2"]


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
