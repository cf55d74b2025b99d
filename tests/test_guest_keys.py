"""Members' own keys: the file that hostapd reads is true, in memory, and whole at every moment."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_daemon import RECEIPT
from virtual_gateway import listening
from virtual_hostapd import VirtualHostapd, find_hostapd, running_hostapd

from drivers.driver import RadioState
from drivers.hostapd import HostapdDriver, Pace
from gateway.guest import keys as module
from gateway.guest.keys import (
    LONGEST_NAME,
    MOST_KEYS,
    Key,
    KeyRing,
    derive_psk,
    is_in_memory,
    keys_of,
    write_in_memory,
    written,
)
from gateway.identity.member import Member, parse_member

T = 1763791200.0
PSK = bytes(range(1, 33))
LINE = re.compile(r"keyid=[!-~]{1,31} 00:00:00:00:00:00 [0-9a-f]{64}\n")
AGREED = [{"purpose": "recognise", **RECEIPT}]


def member(name: str = "oX3f-91c2", **more: Any) -> Member:
    credential = {"kind": "wifi-key", "keyid": f"k-{name}", "psk": PSK.hex()}
    return parse_member({"member": name, "credentials": [credential], "consent": AGREED, **more})


@pytest.fixture
def memory() -> Iterator[Path]:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        if not is_in_memory(Path(folder)):
            pytest.skip("there is no folder in memory here")
        yield Path(folder)


@pytest.mark.parametrize(
    ("passphrase", "ssid", "psk"),
    [
        ("password", "IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
        ("ThisIsAPassword", "ThisIsASSID", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"),
    ],
)
def test_a_passphrase_gives_the_key_of_the_standards_vectors(passphrase: str, ssid: str, psk: str) -> None:
    assert derive_psk(passphrase, ssid).hex() == psk  # IEEE 802.11-2020, J.4.2


def test_only_who_agreed_and_has_a_key_that_we_know_is_let_in() -> None:
    assert keys_of(member()) == (Key("k-oX3f-91c2", PSK, -math.inf),)
    assert keys_of(member(consent=[])) == ()
    assert keys_of(member(consent=[{"purpose": "offers", **RECEIPT}])) == ()
    assert keys_of(member(credentials=[{"kind": "wifi-key", "keyid": "k-1"}])) == ()
    too_long = {"kind": "wifi-key", "keyid": "k" * (LONGEST_NAME + 1), "psk": PSK.hex()}
    assert keys_of(member(credentials=[too_long])) == ()


def test_a_key_goes_the_way_of_the_member_and_is_never_printed() -> None:
    put = member()
    assert put.as_json()["credentials"] == [{"kind": "wifi-key", "keyid": "k-oX3f-91c2", "psk": PSK.hex()}]
    assert PSK.hex() not in repr(put.credentials) + repr(keys_of(put))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            Key,
            st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=LONGEST_NAME),
            st.binary(min_size=32, max_size=32) | st.sampled_from([bytes([n]) * 32 for n in (1, 2)]),
            st.sampled_from([-math.inf, T, T + 1]),
        )
    )
)
def test_every_line_is_one_that_hostapd_reads_and_no_key_stands_twice(keys: list[Key]) -> None:
    """Invariant: hostapd refuses the file, and with it everybody, for one line that it cannot read."""
    text = written(keys, T)
    assert "".join(LINE.findall(text)) == text
    assert all(len(line) < 128 for line in text.splitlines())
    psks = [line.rpartition(" ")[2] for line in text.splitlines()]
    assert psks == list(dict.fromkeys(key.psk.hex() for key in keys if key.since <= T))


def test_there_are_at_most_so_many_keys_as_hostapd_can_try() -> None:
    keys = [Key(f"k-{n}", n.to_bytes(32, "big"), -math.inf) for n in range(MOST_KEYS + 1)]
    assert written(keys, T).count("\n") == MOST_KEYS


def test_the_file_is_its_owners_alone_and_in_memory(memory: Path, tmp_path: Path) -> None:
    file = memory / "keys"
    for text in ("a\n", "b\n"):
        write_in_memory(file, text)
        assert file.read_text() == text
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in memory.iterdir()] == ["keys"]
    if not is_in_memory(tmp_path):
        with pytest.raises(OSError, match="not in memory"):
            write_in_memory(tmp_path / "keys", "a\n")
        assert list(tmp_path.iterdir()) == []


class Bunch:
    """A key ring at work; hostapd is a count of how often it was told."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now = T
        self.reloads = 0
        self._told = asyncio.Event()
        self.ring = KeyRing(file, self._reload, lambda: self.now)

    def _reload(self) -> None:
        self.reloads += 1
        self._told.set()

    async def reloaded(self) -> str:
        async with asyncio.timeout(5):
            await self._told.wait()
        self._told.clear()
        return self.file.read_text()


def play(file: Path, scene: Callable[[Bunch], Awaitable[None]]) -> None:
    async def main() -> None:
        bunch = Bunch(file)
        task = asyncio.create_task(bunch.ring.run())
        try:
            await scene(bunch)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_keys_come_and_go_with_their_members_and_hostapd_is_told_only_of_changes(memory: Path) -> None:
    async def scene(bunch: Bunch) -> None:
        assert await bunch.reloaded() == ""
        bunch.ring.changed([member()], ())
        assert await bunch.reloaded() == f"keyid=k-oX3f-91c2 00:00:00:00:00:00 {PSK.hex()}\n"
        bunch.ring.changed([member(greeting="x"), member("oK7a-40d1", credentials=[])], ["oYYY-0001"])
        await asyncio.sleep(0)
        assert bunch.reloads == 2
        bunch.ring.changed([member(consent=[])], ())
        assert await bunch.reloaded() == ""
        bunch.ring.changed([member()], ())
        await bunch.reloaded()
        bunch.ring.changed((), ["oX3f-91c2"])
        assert await bunch.reloaded() == ""

    play(memory / "keys", scene)


def test_a_pause_takes_the_key_away_and_its_end_gives_it_back(memory: Path) -> None:
    async def scene(bunch: Bunch) -> None:
        bunch.ring.changed([member()], ())
        assert await bunch.reloaded()
        bunch.ring.changed([member(choices={"paused_until": "2025-11-22T06:00:00.05Z"})], ())
        assert await bunch.reloaded() == ""
        bunch.now += 0.05
        assert await bunch.reloaded()

    play(memory / "keys", scene)


def test_a_folder_that_is_not_there_is_told_and_waited_for(
    memory: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.02)
    caplog.set_level(logging.ERROR)

    async def scene(bunch: Bunch) -> None:
        bunch.ring.changed([member()], ())
        await asyncio.sleep(0)
        assert not bunch.file.parent.exists()
        bunch.file.parent.mkdir()
        assert await bunch.reloaded()

    play(memory / "later" / "keys", scene)
    assert "members' keys cannot be written" in caplog.text
    assert PSK.hex() not in caplog.text


QUICK = Pace(refresh_s=60.0, ping_s=30.0, list_s=60.0, answer_s=2.0, retry_s=0.02)


def test_hostapd_is_told_at_once_and_again_where_it_did_not_hear(tmp_path: Path) -> None:
    control = tmp_path / "wlan0"

    async def scene() -> None:
        driver = HostapdDriver("guest-wifi", control, lambda: T, QUICK)
        driver.reload_keys()
        with VirtualHostapd(control) as access_point:
            async with listening(driver) as gateway:
                await gateway.reported(RadioState.HEARING)
                await asyncio.to_thread(access_point.wait_until, lambda: access_point.asked["RELOAD_WPA_PSK"] == 1)
                driver.reload_keys()
                await asyncio.to_thread(access_point.wait_until, lambda: access_point.asked["RELOAD_WPA_PSK"] == 2)
                await gateway.until(lambda: driver.counters["keys reloaded"] == 2)
                access_point.refuse.add("RELOAD_WPA_PSK")
                driver.reload_keys()
                await gateway.until(lambda: driver.counters["keys refused"] == 1)
                assert gateway.reports[-1][0] is RadioState.HEARING

    asyncio.run(asyncio.wait_for(scene(), 20))


@pytest.mark.skipif(find_hostapd() is None, reason="hostapd is not installed")
def test_a_real_hostapd_takes_the_file_and_parts_from_who_has_no_key_in_it(tmp_path: Path, memory: Path) -> None:
    file = memory / "keys"
    write_in_memory(file, written(keys_of(member()), T))

    async def scene() -> None:
        more = f"ssid=Lilac-Guest\nwpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_psk_file={file}\n"
        with running_hostapd(tmp_path, more) as access_point:
            driver = HostapdDriver("guest-wifi", access_point.control, lambda: T, QUICK)
            async with listening(driver) as gateway:
                await gateway.reported(RadioState.HEARING)
                access_point.join("5e:3a:11:22:33:44")
                write_in_memory(file, "")
                driver.reload_keys()
                await gateway.until(lambda: driver.counters["keys reloaded"] == 1)
                full = (Key(f"k-{n}", n.to_bytes(32, "big"), -math.inf) for n in range(1, MOST_KEYS + 1))
                write_in_memory(file, written(full, T))
                driver.reload_keys()
                await gateway.until(lambda: driver.counters["keys reloaded"] == 2)

    asyncio.run(asyncio.wait_for(scene(), 20))
