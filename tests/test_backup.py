"""The register as one sealed file: whole or refused, and nobody comes back who was erased."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import stat
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_daemon import CONFIG, a_member, hushbell

from gateway.commandline import backup
from gateway.events import Outcome, StateRow
from gateway.store import archive, backups
from gateway.store.archive import ArchiveError, Piece
from gateway.store.database import FolderLock
from gateway.store.store import Store

SECRET, SALT = b"correct horse battery", bytes(16)
PIECES = [
    Piece(gateway="door-pi", gateway_key=b"\x11" * 32, t=1.5),
    Piece(tombstones=[b"\x22" * 32]),
    Piece(members=[("m-1", '{"greeting": "王女士"}'), ("m-2", "{}")]),
]

BEFORE_MEMBERS_WERE_COUNTED = bytes.fromhex(
    "6875736862656c6c20726567697374657220310a000000000000000000000000000000000000006f5dc95e3e4a3f34c38ea684a5ccee"
    "bcd9df3fd283c876dc1825fbc4c16c542b3ce11de144941e5c39ff749e7f35c2c8da04266f8cb01fc51efd144d77a834ec9661af3912"
    "08b0c05547ab39f52f6190b6f76c7f75d0b669c9a87b2fca45c4cd121c8ecfef86a0314707b2e1891274590000006a694df79d19b94d"
    "1dae023964a820e1065344b37882458c08a6de2090d06ae46265bcc413d0e3d443e5cf4053930a6373a09f38ed5b5108ecf62ef40a29"
    "435984344f797aa4f1dd85db23706c16672fcbdaf5ff8fb1f27c4f4b5f97f0d953a9a6b1d781c136878f07f28c0000006f7254aff89c"
    "742909aebd95e9d88ed12f185f7ef98042f48b7ce1d7c1be898c8ad5139c4de1e5301248d7eae811fcac998c9ee93ad767d28258c09c"
    "c06a38405b1f7cec34f457ec9289eba39d5a25cb5105fe07011524a2215c839168c9d803897eff7979273c201e3f603f69491cb70000"
    "001071bbc678ff3e0e0dd141b8075e7815db"
)
"""`PIECES`, as they were written before a piece had rows of state."""


@pytest.fixture(autouse=True, scope="module")
def quick_passphrases() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(archive._COST, "n", 2)
        yield


def file() -> bytes:
    return b"".join(archive.written(PIECES, SECRET, SALT))


def read(raw: bytes, secret: bytes = SECRET) -> list[Piece]:
    return list(archive.read(io.BytesIO(raw), secret))


def test_what_was_written_is_read_and_nothing_of_it_is_open() -> None:
    assert read(file()) == PIECES
    assert not any(needle in file() for needle in (b"m-1", b"greeting", b"\x11" * 32, b"door-pi"))
    assert read(b"".join(archive.written([], SECRET, SALT))) == []
    assert "王" not in repr(PIECES[2])


def test_a_file_of_an_earlier_version_is_read() -> None:
    assert read(BEFORE_MEMBERS_WERE_COUNTED) == PIECES


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(ArchiveError, match="does not open with this passphrase"):
        read(file(), b"another passphrase")


@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_file_that_was_cut_changed_or_lengthened_is_refused(at: int, flip: int) -> None:
    """Whatever one does to a file, it is read whole or it is an ArchiveError."""
    raw = file()
    changed = bytearray(raw)
    changed[at % len(raw)] ^= flip
    first, second = len(b"".join(list(archive.written(PIECES, SECRET, SALT))[:2])), len(raw) - 20
    for other in (raw[: at % len(raw)], bytes(changed), raw + b"x", raw[:first] + raw[second:]):
        with pytest.raises(ArchiveError):
            read(other)


def test_a_length_that_promises_more_than_there_is_is_refused() -> None:
    raw = bytearray(file())
    raw[-17] += 1  # of the end, which is all tag
    with pytest.raises(ArchiveError, match="is damaged"):
        read(bytes(raw))


@given(st.binary(max_size=200))
def test_garbage_is_no_backup(raw: bytes) -> None:
    """Never another error than ArchiveError."""
    for start in (b"", archive.MAGIC, archive.MAGIC + SALT):
        with pytest.raises(ArchiveError):
            read(start + raw)


async def pieces(store: Store) -> list[Piece]:
    rows = [row async for row in store.members.all()]
    return [
        Piece(gateway_key=store.gateway_key),
        Piece(tombstones=await store.members.tombstones()),
        Piece(members=rows),
    ]


def test_who_was_erased_paused_or_changed_since_stays_so(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.members.put([(f"m-{number}", "{}") for number in range(5)])
        await store.erasure.of_member("m-4")
        kept = await pieces(store)
        await store.erasure.of_member("m-1")
        await store.members.put([("m-2", "paused"), ("m-4", "came back")])
        assert await backups.restore(store, kept) == 0
        assert [row async for row in store.members.all()] == [
            ("m-0", "{}"),
            ("m-2", "paused"),
            ("m-3", "{}"),
            ("m-4", "came back"),
        ]
        assert len(await store.members.tombstones()) == 1
        await store.close()

    asyncio.run(run())


def test_a_new_gateway_takes_the_key_the_members_and_the_graves(tmp_path: Path) -> None:
    async def run() -> None:
        lost = await Store.open(tmp_path / "lost")
        await lost.members.put([("m-1", '{"n": 1}'), ("m-2", "{}")])
        await lost.erasure.of_member("m-2")
        kept = await pieces(lost)
        await lost.close()
        new = await Store.open(tmp_path / "new")
        assert await backups.restore(new, kept) == 1
        await new.close()
        new = await Store.open(tmp_path / "new")
        assert new.gateway_key == lost.gateway_key
        assert [row async for row in new.members.all()] == [("m-1", '{"n": 1}')]
        assert await backups.restore(new, [kept[0], Piece(members=[("m-2", "{}")])]) == 0
        await new.close()

    asyncio.run(run())


def test_how_often_a_member_was_reached_comes_along_but_for_who_is_there_or_was_erased(tmp_path: Path) -> None:
    async def run() -> None:
        rows = [StateRow("ledger", f"m-{n}", {"fired": {"r": [n, 1.5, None]}}, f"m-{n}", None) for n in range(3)]
        there, erased = StateRow("ledger", "m-1", {}, "m-1", 9e9), StateRow("ledger", "m-2", {}, "m-2", 9e9)
        store = await Store.open(tmp_path)
        await store.members.put([("m-1", "{}"), ("m-2", "{}")])
        await store.commit(Outcome(state={(row.kind, row.key): row for row in (there, erased)}))
        await store.erasure.of_member("m-2")
        kept = list(archive.written([Piece(members=[(row.key, "{}") for row in rows], reached=rows)], SECRET, SALT))
        assert await backups.restore(store, read(b"".join(kept))) == 1
        assert [row for row in await store.held.state() if row.kind == "ledger"] == [rows[0], there]
        await store.close()
        made = await Store.open_readonly(tmp_path)
        assert made is not None
        pieces = [piece async for piece in backup._pieces(made, "door-pi")]
        assert [row for piece in pieces for row in piece.reached] == [rows[0], there]
        await made.close()

    asyncio.run(run())


CONFIGURED = CONFIG.format(url="mqtt://127.0.0.1")


def shop(folder: Path) -> Path:
    folder.mkdir()
    (folder / "hushbell.yaml").write_text(CONFIGURED)
    (folder / "passphrase").write_text("correct horse battery\n")
    return folder


def members(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = hushbell("members", *arguments, "--config", "hushbell.yaml", folder=folder)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_a_register_goes_from_one_gateway_to_its_successor_by_the_command_line(tmp_path: Path) -> None:
    lost, new = shop(tmp_path / "lost"), shop(tmp_path / "new")
    (lost / "members.jsonl").write_text(json.dumps(a_member()))
    assert members(lost, "put", "members.jsonl")[0] == 0
    sealed = ("--passphrase-file", "passphrase")
    assert members(lost, "backup", "../register", *sealed) == (0, "1 members are in ../register", "")
    assert stat.S_IMODE((tmp_path / "register").stat().st_mode) == 0o600
    status, told, _ = members(new, "restore", "../register", *sealed)
    assert (status, told[:34]) == (0, "1 members are back as they were at")
    assert members(new, "list") == members(lost, "list")
    assert members(new, "rotate-key") == (0, "the register is sealed under a new key", "")
    assert members(new, "list") == members(lost, "list")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["backup", "out"], "name a file that holds it: --passphrase-file FILE"),
        (["backup", "out", "--passphrase-file", "short"], "too short"),
        (["backup", "out", "--passphrase-file", "passphrase"], "there is no register yet"),
        (["backup", "out", "--passphrase-file", "none"], "none: no such file"),
        (["restore", "none", "--passphrase-file", "passphrase"], "none: no such file"),
        (["restore", "passphrase", "--passphrase-file", "passphrase"], "passphrase: is no backup of members"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    folder = shop(tmp_path / "shop")
    (folder / "short").write_text("short")
    status, said, complained = members(folder, *arguments)
    assert (status, said) == (2, "")
    assert told in complained
    assert "\n" not in complained
    assert not (folder / "out").exists()


@pytest.mark.parametrize("path", [".", "state", "none/out", "pipe"])
def test_what_is_no_file_and_can_be_none_stays_as_it_is(tmp_path: Path, path: str) -> None:
    folder = shop(tmp_path / "shop")
    members(folder, "list")
    os.mkfifo(folder / "pipe")
    status, said, complained = members(folder, "backup", path, "--passphrase-file", "passphrase")
    assert (status, said, complained) == (2, "", f"hushbell: {path}: no file can be written there")
    assert (folder / "pipe").is_fifo()


def test_a_full_disk_is_one_line_that_names_the_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = shop(tmp_path / "shop")
    members(folder, "list")
    before = sorted(folder.iterdir())
    monkeypatch.setattr(os, "fsync", full)
    given = Namespace(config=folder / "hushbell.yaml", file=folder / "out", passphrase_file=folder / "passphrase")
    assert backup.backup(given) == 2
    assert capsys.readouterr().err == f"hushbell: {folder / 'out'}: the disk is full\n"
    assert sorted(folder.iterdir()) == before


def test_another_gateways_backup_and_a_running_daemon_are_refused(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop")
    sealed = ("--passphrase-file", "passphrase")
    (folder / "members.jsonl").write_text(json.dumps(a_member()))
    members(folder, "put", "members.jsonl")
    members(folder, "backup", "out", *sealed)
    daemon = FolderLock(folder / "state")
    assert daemon.take()
    for command in (("restore", "out", *sealed), ("rotate-key",)):
        status, _, complained = members(folder, *command)
        assert status == 2
        assert "stop the daemon first" in complained
    daemon.free()
    (folder / "hushbell.yaml").write_text(CONFIGURED.replace("door-pi", "till-pi"))
    assert "is of the gateway 'door-pi'" in members(folder, "restore", "out", *sealed)[2]
