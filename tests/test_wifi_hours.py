"""Hours of faults in virtual time, in an order that a seed gives: the Wi-Fi driver with its ladder, and hostapd's."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from virtual_gateway import VirtualGateway, listening, open_files, play
from virtual_hostapd import VirtualHostapd
from virtual_nl80211 import VirtualNl80211
from virtual_time import play_in_virtual_time
from virtual_wifi import VirtualMonitor, why_not

from drivers import wifi
from drivers.driver import RadioState, Rung
from drivers.frames import probe_request
from drivers.hostapd import HostapdDriver, Pace
from drivers.wifi import Air, WifiDriver
from gateway.configuration.config import Receiver
from gateway.receiving.lookout import Lookout

WHY_NOT = why_not()
NEEDS_A_RADIO = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

PHONE = bytes.fromhex("5e3a11223344")
HOUR_S = 3600.0
LONGEST_FAULT_S = 10.0
LONGEST_REST_S = 300.0
AIR = Air(channels=(1, 6, 36), dwell_s=20.0)
WIFI_BOUND_S = 3 * wifi.RETRY_S
PACE = Pace()
HOSTAPD_BOUND_S = PACE.list_s + PACE.answer_s + PACE.retry_s
"""Whom hostapd no longer tells anything finds that out with the next list; all else is found out with the next ping."""
IN_VIRTUAL_TIME = partial(play_in_virtual_time, busy=lambda: False)
"""Nobody is outside this process: what the kernel is given has arrived when whoever sent it goes on."""
COMMANDS = {"connect", "GET_INTERFACE", "NEW_INTERFACE", "DEL_INTERFACE", "SET_CHANNEL"}


class Shop:
    """An adapter and a driver that hears with an interface of its own."""

    def __init__(self, kernel: VirtualNl80211, patch: pytest.MonkeyPatch) -> None:
        self.kernel = kernel
        self.name = kernel.plug().name
        self.patch = patch
        self.driver = WifiDriver("air", self.name, lambda: 0.0, AIR, connect=kernel.connect)

    @property
    def monitor(self) -> VirtualMonitor:
        (monitor,) = self.kernel.monitors()
        return monitor

    async def hear(self, gateway: VirtualGateway) -> None:
        """See that a frame is heard, and that nothing has gathered."""
        await asyncio.sleep(WIFI_BOUND_S)
        gateway.sightings.clear()
        self.monitor.receive(probe_request(PHONE, -60))
        await gateway.heard(1)
        gateway.reports.clear()

    @contextmanager
    def refusing(self, what: str, number: int) -> Iterator[None]:
        """Refuse one thing, for as long as the block."""
        self.kernel.faults[what] = number
        yield
        del self.kernel.faults[what]

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        self.kernel.unplug(self.name)
        yield
        self.kernel.plug(self.name)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Let the interface vanish, while no other can be made."""
        self.kernel.pull(self.monitor.name)
        with self.refusing("NEW_INTERFACE", errno.EBUSY):
            yield

    @contextmanager
    def down(self) -> Iterator[None]:
        self.monitor.down()
        with self.refusing("NEW_INTERFACE", errno.ERFKILL):
            yield

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Let whoever takes a frame get an error of the hardware."""
        self.patch.setattr("drivers.wifi.L2ListenSocket.recv_raw", _fail)
        self.monitor.receive(probe_request(bytes(6), -60))
        yield
        self.patch.undo()

    @contextmanager
    def forbidden(self) -> Iterator[None]:
        self.kernel.forbidden = {2412, 5180}
        yield
        self.kernel.forbidden = set()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        self.kernel.pull(self.monitor.name)
        with self.refusing("connect", errno.ENOENT):
            yield

    @contextmanager
    def untuned(self) -> Iterator[None]:
        with self.refusing("SET_CHANNEL", errno.EIO):
            yield

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let nothing answer."""
        with self.refusing("GET_INTERFACE", errno.ETIMEDOUT), self.refusing("SET_CHANNEL", errno.ETIMEDOUT):
            yield

    @contextmanager
    def rescanned(self) -> Iterator[None]:
        self.driver.recover(Rung.RESCAN)
        yield

    @contextmanager
    def cycled(self) -> Iterator[None]:
        self.driver.recover(Rung.POWER_CYCLE)
        yield

    @contextmanager
    def made_anew(self) -> Iterator[None]:
        self.driver.recover(Rung.RESTART)
        yield


FAULTS: tuple[Callable[[Shop], AbstractContextManager[None]], ...] = (
    Shop.unplugged,
    Shop.gone,
    Shop.down,
    Shop.failing,
    Shop.forbidden,
    Shop.unreachable,
    Shop.untuned,
    Shop.silent,
    Shop.rescanned,
    Shop.cycled,
    Shop.made_anew,
)


def _fail(_self: object, _size: int) -> None:
    raise OSError(errno.EIO, "")


@NEEDS_A_RADIO
@pytest.mark.parametrize("seed", range(2))
def test_after_each_fault_the_air_is_heard_again_nothing_has_gathered_and_nothing_was_sent(seed: int) -> None:
    schedule = random.Random(seed)

    async def scene() -> None:
        now = asyncio.get_running_loop().time
        with VirtualNl80211() as kernel, pytest.MonkeyPatch.context() as patch:
            shop = Shop(kernel, patch)
            async with listening(shop.driver) as gateway:
                await shop.hear(gateway)
                files, tasks = open_files(), len(asyncio.all_tasks())
                while now() < 2 * HOUR_S:
                    fault = schedule.choice(FAULTS)
                    with fault(shop):
                        await asyncio.sleep(schedule.uniform(0, LONGEST_FAULT_S))
                    await shop.hear(gateway)
                    assert (open_files(), len(asyncio.all_tasks()), kernel.connected) == (files, tasks, 1), fault
                    await asyncio.sleep(schedule.uniform(0, LONGEST_REST_S))
                kernel.sent += shop.monitor.sent()
            assert kernel.monitors() == []
            assert kernel.sent == []
            assert set(kernel.asked) == COMMANDS

    play(scene(), IN_VIRTUAL_TIME, within_s=3 * HOUR_S)


TICK_S = 5.0


def _is_past(now: Callable[[], float], moment: float) -> bool:
    return now() >= moment


@NEEDS_A_RADIO
def test_a_radio_that_gives_nothing_is_helped_rung_by_rung_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    switched: list[str] = []
    fared: set[RadioState] = set()
    monkeypatch.setattr(wifi, "switch_off", switched.append)

    async def scene() -> None:
        now = asyncio.get_running_loop().time
        with VirtualNl80211() as kernel, pytest.MonkeyPatch.context() as patch:
            shop = Shop(kernel, patch)
            lookout = Lookout(Receiver("air", "wifi", interface=shop.name), shop.driver.rungs, has_hours=True)
            async with listening(shop.driver) as gateway:

                async def live(until: Callable[[], bool], *, mute: bool) -> None:
                    """Live on, with frames or without, and do what the gateway does."""
                    while not until():
                        if not mute:
                            shop.monitor.receive(probe_request(PHONE, -60))
                        await asyncio.sleep(TICK_S)
                        for report in gateway.reports:
                            lookout.report(*report)
                        if gateway.sightings:
                            lookout.take(gateway.sightings)
                        gateway.reports.clear()
                        gateway.sightings.clear()
                        if rung := lookout.moment(now(), is_open=True):
                            fared.add(lookout.fares[0])
                            shop.driver.recover(rung)

                await gateway.reported(RadioState.HEARING)
                lookout.report(RadioState.HEARING, "")
                helped = (
                    lambda: shop.driver.counters["rescan"] > 0,
                    lambda: switched == [shop.monitor.name],
                    lambda: kernel.asked.count("NEW_INTERFACE") > 1,
                )
                for is_helped in helped:
                    well_until = now() + 2 * HOUR_S
                    await live(partial(_is_past, now, well_until), mute=False)
                    await live(is_helped, mute=True)
                    assert now() - well_until < 600
                assert RadioState.DEAF in fared
                assert shop.driver.counters.keys() == {"heard", "rescan", "power-cycle", "restart"}

    play(scene(), IN_VIRTUAL_TIME, within_s=10 * HOUR_S)


class AccessPoint(VirtualHostapd):
    """A hostapd, and what befalls it; whoever was on its network joins it again."""

    @contextmanager
    def killed(self) -> Iterator[None]:
        self.kill()
        yield
        self.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        yield
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.mute = {"PING", "STATUS", "ATTACH", "STA-FIRST"}
        yield
        self.mute = set()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        self.attached.clear()
        self.refuse = {"ATTACH"}
        yield
        self.refuse = set()

    @contextmanager
    def off_air(self) -> Iterator[None]:
        self.switch(on=False)
        yield
        self.switch(on=True)

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Begin anew in the same place at once."""
        self.kill()
        self.start()
        yield


TROUBLES: tuple[Callable[[AccessPoint], AbstractContextManager[None]], ...] = (
    AccessPoint.killed,
    AccessPoint.stopped,
    AccessPoint.frozen,
    AccessPoint.refusing,
    AccessPoint.off_air,
    AccessPoint.replaced,
)


@pytest.mark.parametrize("seed", range(2))
def test_after_each_trouble_with_hostapd_those_who_join_are_heard_and_nothing_has_gathered(
    seed: int, tmp_path: Path
) -> None:
    schedule = random.Random(seed)
    phone = PHONE.hex(":")

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        with AccessPoint(tmp_path / "wlan0", loop) as access_point:
            driver = HostapdDriver("guest-wifi", access_point.path, lambda: 0.0, PACE)
            async with listening(driver) as gateway:
                await gateway.reported(RadioState.HEARING)
                files, tasks = open_files(), len(asyncio.all_tasks())
                while loop.time() < 2 * HOUR_S:
                    trouble = schedule.choice(TROUBLES)
                    with trouble(access_point):
                        await asyncio.sleep(schedule.uniform(0, LONGEST_REST_S))
                    await asyncio.sleep(HOSTAPD_BOUND_S)
                    gateway.sightings.clear()
                    access_point.join(phone)
                    assert [each.address for each in await gateway.heard(1)] == [PHONE]
                    access_point.leave(phone)
                    assert gateway.reports[-1] == (RadioState.HEARING, "")
                    gateway.reports.clear()
                    assert (open_files(), len(asyncio.all_tasks())) == (files, tasks), trouble
                    assert len(access_point.attached) == 1
                    await asyncio.sleep(schedule.uniform(0, LONGEST_REST_S))

    play(scene(), IN_VIRTUAL_TIME, within_s=3 * HOUR_S)
