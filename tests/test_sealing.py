"""Members are sealed at rest: by which key, bound to whom, and how the key is changed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_earlier import GATEWAY_KEY, make_version_1

from gateway.ciphers import Sealer
from gateway.store import backups, keys
from gateway.store.copy import FILE as COPY
from gateway.store.database import Database, FolderLock, Reason, Statement, StoreError
from gateway.store.sealing import Seals
from gateway.store.store import FILE, Store

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PEOPLE = [(f"m-{number:04d}", f'{{"greeting": "greeting-{number}"}}') for number in range(2500)]


async def put(folder: Path, people: list[tuple[str, str]] = PEOPLE) -> bytes:
    store = await Store.open(folder)
    await store.begin_run()
    await store.members.put(people)
    await store.close()
    return store.gateway_key


async def told(folder: Path) -> tuple[bytes, list[tuple[str, str]]]:
    store = await Store.open(folder)
    rows = [row async for row in store.members.all()]
    await store.close()
    return store.gateway_key, rows


def files_with(folder: Path, needle: bytes) -> list[str]:
    return [file.name for file in folder.iterdir() if needle in file.read_bytes()]


def give(folder: Path, name: str, key: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(key.hex() + "\n")


# RFC 8439, 2.8.2
RFC_KEY = bytes(range(0x80, 0xA0))
RFC_NONCE = bytes.fromhex("070000004041424344454647")
RFC_CONTEXT = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
RFC_TEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future,"
    b" sunscreen would be it."
)
RFC_TAG = bytes.fromhex("1ae10b594f09e26a7e902ecbd0600691")


def test_the_cipher_is_that_of_the_rfc() -> None:
    sealed = Sealer(RFC_KEY).seal(RFC_NONCE, RFC_TEXT, RFC_CONTEXT)
    assert sealed[:16] == bytes.fromhex("d31a8d34648e60db7b86afbc53ef7ec2")
    assert sealed[-16:] == RFC_TAG
    assert Sealer(RFC_KEY).open(RFC_NONCE, sealed, RFC_CONTEXT) == RFC_TEXT


@given(st.binary(max_size=80), st.integers(0, 2000), st.integers(1, 255))
def test_what_is_sealed_opens_whole_in_its_place_or_not_at_all(value: bytes, at: int, flip: int) -> None:
    """Any other place, key or bit: nothing, and never an error."""
    seals = Seals(KEY, [KEY])
    sealed = seals.seal(value, "member a")
    assert seals.open(sealed, "member a") == value
    assert seals.open(sealed, "member b") is None
    assert Seals(OTHER, [OTHER]).open(sealed, "member a") is None
    assert seals.open(sealed[:at], "member a") == (value if at >= len(sealed) else None)
    changed = bytearray(sealed)
    changed[at % len(sealed)] ^= flip
    assert seals.open(bytes(changed), "member a") is None
    assert seals.seal(value, "member a") != sealed


def test_members_and_the_gateways_key_are_in_no_file_as_they_are(tmp_path: Path) -> None:
    key = asyncio.run(put(tmp_path))
    assert asyncio.run(told(tmp_path)) == (key, PEOPLE)
    assert {file.name for file in tmp_path.iterdir()} >= {FILE, COPY, keys.FILE}
    for needle in (b"greeting", key):
        assert files_with(tmp_path, needle) == []
    assert stat.S_IMODE((tmp_path / keys.FILE).stat().st_mode) == 0o600


def test_a_row_that_was_moved_to_another_member_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(put(tmp_path, PEOPLE[:3]))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("UPDATE members SET body = (SELECT body FROM members WHERE id = 'm-0001') WHERE id = 'm-0000'")
    assert asyncio.run(told(tmp_path))[1] == PEOPLE[1:3]
    assert "does not open" in caplog.text


def test_the_database_takes_no_row_that_is_open_to_all(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        with pytest.raises(StoreError, match="begin anew"):
            await store._database.write(Statement("INSERT INTO members (id, body) VALUES ('m-1', '{}')"))
        await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("read", [Store.open, Store.open_readonly])
def test_without_the_key_nothing_is_opened_and_no_new_one_is_made(tmp_path: Path, read: object) -> None:
    asyncio.run(put(tmp_path))
    (tmp_path / keys.FILE).unlink()
    with pytest.raises(StoreError, match="neither in the state folder nor among the credentials") as caught:
        asyncio.run(read(tmp_path))  # type: ignore[operator]
    assert caught.value.reason is Reason.KEY
    assert not (tmp_path / keys.FILE).exists()


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "ü" * 64])
def test_a_key_that_is_none_is_told_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / keys.FILE).write_text(text)
    with pytest.raises(StoreError, match="expected 64 hex digits") as caught:
        asyncio.run(Store.open(tmp_path))
    assert not text or text not in str(caught.value)


def test_a_key_given_by_systemd_takes_the_place_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, given_ = tmp_path / "state", tmp_path / "given"
    key = asyncio.run(put(state))
    before = keys.find_keys(state).file[0]
    give(given_, keys.CREDENTIAL, KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given_))
    assert asyncio.run(told(state)) == (key, PEOPLE)
    assert not (state / keys.FILE).exists()
    give(given_, keys.CREDENTIAL, OTHER)
    give(given_, keys.FORMER, KEY)
    assert asyncio.run(told(state)) == (key, PEOPLE)
    (given_ / keys.FORMER).unlink()
    assert asyncio.run(told(state)) == (key, PEOPLE)
    for old in (before, KEY):
        assert files_with(state, Seals(old, [old]).current) == []


def test_a_command_uses_the_services_key_and_never_takes_a_step_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, given_ = tmp_path / "state", tmp_path / "given"
    give(given_, keys.CREDENTIAL, KEY)
    monkeypatch.setattr(keys, "OF_SERVICE", given_)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given_))
    key = asyncio.run(put(state))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    give(state, keys.FILE, OTHER)
    assert asyncio.run(told(state)) == (key, PEOPLE)
    assert (asyncio.run(told(tmp_path / "elsewhere"))[1], keys.find_keys(tmp_path / "elsewhere").given) == ([], ())


def test_a_new_key_is_made_and_the_former_forgotten(tmp_path: Path) -> None:
    key = asyncio.run(put(tmp_path))
    before = keys.find_keys(tmp_path).file[0]
    asyncio.run(backups.renew_key(tmp_path))
    (after,) = keys.find_keys(tmp_path).file
    assert after != before
    assert asyncio.run(told(tmp_path)) == (key, PEOPLE)
    assert files_with(tmp_path, Seals(before, [before]).current) == []
    (tmp_path / FILE).write_bytes(b"not a database at all" * 1000)
    assert asyncio.run(told(tmp_path)) == (key, PEOPLE)


@pytest.mark.parametrize("steps", range(6))
def test_a_change_of_the_key_that_was_broken_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """At whichever write it stops: nobody is lost, and the next start brings it to its end."""
    key = asyncio.run(put(tmp_path))
    asyncio.run(backups.renew_key(tmp_path))
    keys.renew_key(tmp_path)

    async def stopped() -> None:
        left = steps
        write = Database.write

        async def some(self: Database, *statements: Statement, overwriting: bool = False) -> list[int]:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return await write(self, *statements, overwriting=overwriting)

        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", some)
            await Store.open(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(stopped())
    assert asyncio.run(told(tmp_path)) == (key, PEOPLE)
    assert len(keys.find_keys(tmp_path).file) == 1


def test_who_missed_that_the_key_was_changed_writes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        late = await Store.open(tmp_path)
        await late.members.put(PEOPLE[:1])
        await backups.renew_key(tmp_path)
        with pytest.raises(StoreError, match="begin anew"):
            await late.members.put(PEOPLE[1:2])
        await late.close()

    asyncio.run(run())
    assert asyncio.run(told(tmp_path))[1] == PEOPLE[:1]


def test_the_key_is_not_changed_under_a_daemon(tmp_path: Path) -> None:
    asyncio.run(put(tmp_path))
    before = (tmp_path / keys.FILE).read_bytes()
    daemon = FolderLock(tmp_path)
    assert daemon.take()
    with pytest.raises(StoreError, match="stop the daemon"):
        asyncio.run(backups.renew_key(tmp_path))
    assert (tmp_path / keys.FILE).read_bytes() == before
    daemon.free()


def test_a_register_from_before_there_were_seals_is_sealed_at_the_first_start(tmp_path: Path) -> None:
    make_version_1(tmp_path / FILE, PEOPLE)
    shutil.copy(tmp_path / FILE, tmp_path / COPY)
    assert asyncio.run(told(tmp_path)) == (GATEWAY_KEY, PEOPLE)
    for needle in (b"greeting", GATEWAY_KEY):
        assert files_with(tmp_path, needle) == []
