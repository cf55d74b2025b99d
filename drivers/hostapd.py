"""Stations on the shop's own access point, as hostapd tells of them over its control socket.

The socket takes and gives datagrams: each command is answered by one, and whoever sent ATTACH is sent events, which may
come between a command and its answer (hostapd 2.10, hostapd/ctrl_iface.c).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from drivers.driver import Clock, Deliver, RadioState, Report
from drivers.errors import RadioError
from drivers.sighting import Sighting
from drivers.stations import (
    LONGEST,
    OFF_AIR,
    ON_AIR,
    Event,
    Listed,
    Station,
    Stop,
    What,
    is_event,
    parse_consent,
    parse_event,
    parse_listed,
    parse_pong,
    parse_state,
)

MOST_STATIONS: Final = 2007
"""As many as one access point can number (IEEE 802.11-2020, 9.4.1.8)."""

MOST_DATAGRAMS: Final = 64
"""Datagrams taken in one wake-up, so that a flood leaves the loop time for others."""

REFRESH_S: Final = 15.0
_LOCAL: Final = 0x02

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what happens, and how long to wait for an answer, in seconds."""

    refresh_s: float = REFRESH_S  # from one sighting of a connected station to the next
    ping_s: float = 5.0  # nothing else tells that hostapd was killed
    list_s: float = 60.0  # from one comparison with hostapd's list of stations to the next
    answer_s: float = 2.0
    retry_s: float = 1.0


class HostapdDriver:
    """Hears which stations are on the network of one access point, by the control socket of its interface.

    A station is delivered when it joins, and then with all others that are on the network every `refresh_s`, until
    it leaves; that it left is not delivered. `dropped` counts stations beyond `MOST_STATIONS`.
    """

    def __init__(self, receiver: str, control: Path, clock: Clock, pace: Pace | None = None) -> None:
        self.receiver = receiver
        self.counters: Counter[str] = Counter()
        self._control = control
        self._clock = clock
        self._pace = pace or Pace()
        self._stations: dict[bytes, Station] = {}  # by address
        self._changes = 0
        self._state = ON_AIR
        self._line: _Line | None = None
        self._are_keys_old = False
        self._deliver: Deliver
        self._report: Report

    def is_here(self, address: bytes) -> bool:
        """Tell whether a device is on the network."""
        return address in self._stations

    def reload_keys(self) -> None:
        """Let hostapd read its file of keys anew, as soon as it can be reached.

        It parts from whoever joined with a key that is in it no more (hostapd 2.10, hostapd/ctrl_iface.c).
        """
        self._are_keys_old = True
        if self._line:
            self._line.wake()

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Hear until cancelled; a hostapd that stopped, restarted or fell silent is attached to anew."""
        self._deliver, self._report = deliver, report
        report(RadioState.STARTING, f"looking for hostapd at {self._control}")
        while True:
            try:
                with closing(_Line(self._control, self._pace.answer_s, self._take, self.counters)) as line:
                    self._line = line
                    await self._follow(line)
            except RadioError as trouble:
                report(trouble.state, trouble.reason)
            finally:
                self._line = None
                self._stations.clear()
            await asyncio.sleep(self._pace.retry_s)

    async def _follow(self, line: _Line) -> None:
        """Keep up with hostapd until that fails; raise why."""
        now = asyncio.get_running_loop().time
        self._state = await self._ask_state(line)
        list_at, refresh_at = now(), now() + self._pace.refresh_s
        while True:
            if self._are_keys_old:
                await self._renew_keys(line)
            if now() >= list_at and await self._catch_up(line):
                list_at = now() + self._pace.list_s
            await line.ask(b"PING", parse_pong)
            self._say_state()
            if now() >= refresh_at:
                self._send(self._stations.values())
                refresh_at = now() + self._pace.refresh_s
            await line.rest(min(self._pace.ping_s, self._pace.refresh_s))

    async def _renew_keys(self, line: _Line) -> None:
        self._are_keys_old = False
        try:
            is_done = await line.ask(b"RELOAD_WPA_PSK", parse_consent)
        except RadioError:
            self._are_keys_old = True
            raise
        self.counters["keys reloaded" if is_done else "keys refused"] += 1

    async def _ask_state(self, line: _Line) -> str:
        try:
            return await line.ask(b"STATUS", parse_state)
        except _SilenceError:
            return ON_AIR

    async def _catch_up(self, line: _Line) -> bool:
        """Take hostapd's list of stations for ours, and deliver who is new; return whether it could be had whole.

        One that breaks off adds stations and takes none away; one during which stations came or went does nothing.
        hostapd is asked for events anew: whom it could not reach eleven times running it leaves out for good.
        """
        if not await line.ask(b"ATTACH", parse_consent):
            raise RadioError(RadioState.FAILED, f"hostapd refuses to tell of stations at {self._control}")
        changes = self._changes
        found, whole = await self._walk(line)
        if changes != self._changes:
            return False
        known = set(self._stations)
        if whole:
            self._stations.clear()
        self._send([station for station in found if self._add(station) and station.address not in known])
        return whole

    async def _walk(self, line: _Line) -> tuple[list[Station], bool]:
        """Ask for one station after the other; return those on the network, and whether they are all."""
        found: dict[bytes, Station] = {}
        command = b"STA-FIRST"
        with suppress(_SilenceError):  # PING will tell whether hostapd answers to nothing at all
            for _ in range(MOST_STATIONS + 1):
                listed: Listed | Stop = await line.ask(command, parse_listed)
                if isinstance(listed, Stop):
                    return list(found.values()), listed is Stop.END
                if listed.authorized:
                    found[listed.station.address] = listed.station
                command = b"STA-NEXT " + listed.station.address.hex(":").encode()
        return list(found.values()), False

    def _take(self, events: list[Event]) -> None:
        """Follow what hostapd tells, and deliver who joined."""
        joined: list[Station] = []
        for what, station in events:
            self._changes += 1
            if station is None:
                self._switch(on_air=what is What.ON_AIR)
            elif what is What.LEFT:
                self._stations.pop(station.address, None)
            elif self._add(station):
                joined.append(station)
                self._state = ON_AIR
        self._send(joined)

    def _switch(self, *, on_air: bool) -> None:
        self._state = ON_AIR if on_air else OFF_AIR
        self._stations.clear()
        self._say_state()

    def _say_state(self) -> None:
        if self._state == ON_AIR:
            self._report(RadioState.HEARING, "")
        else:
            self._report(RadioState.OFF, f"the access point is off the air: hostapd calls itself {self._state}")

    def _add(self, station: Station) -> bool:
        """Keep a station; return whether there is room for it."""
        if station.address not in self._stations and len(self._stations) >= MOST_STATIONS:
            self.counters["dropped"] += 1
            return False
        self._stations[station.address] = station
        return True

    def _send(self, stations: Iterable[Station]) -> None:
        now = self._clock()
        sightings = [_sighting(now, self.receiver, station) for station in stations]
        if sightings:
            self.counters["heard"] += len(sightings)
            self._deliver(sightings)


def _sighting(t: float, receiver: str, station: Station) -> Sighting:
    return Sighting(
        t,
        receiver,
        "wifi",
        "station",
        identity=station.keyid,
        address=station.address,
        address_type="local" if station.address[0] & _LOCAL else "global",
        own_network=True,
    )


class _SilenceError(RadioError):
    """hostapd is there and does not answer."""


class _Question(NamedTuple):
    parse: Callable[[bytes], Any]
    answer: asyncio.Future[Any]


class _Line:
    """A connection to one life of hostapd."""

    def __init__(
        self, control: Path, answer_s: float, take: Callable[[list[Event]], None], counters: Counter[str]
    ) -> None:
        self._control = control
        self._answer_s = answer_s
        self._take = take
        self._counters = counters
        self._life = _life(control)
        self._socket = _open(control)
        self._question: _Question | None = None
        self._lost: asyncio.Future[RadioError] = asyncio.get_running_loop().create_future()
        self._woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    async def ask(self, command: bytes, parse: Callable[[bytes], T | None]) -> T:
        """Send a command and return its answer: the next datagram that `parse` makes something of."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._question = _Question(parse, answer)
        try:
            self._socket.send(command)
        except BlockingIOError:
            raise self._silence() from None
        except OSError as error:
            raise _explain(error, self._control) from None
        await asyncio.wait((answer, self._lost), timeout=self._answer_s, return_when=asyncio.FIRST_COMPLETED)
        self._raise_if_lost()
        if not answer.done():
            raise self._silence()
        return answer.result()

    async def rest(self, seconds: float) -> None:
        """Wait, unless woken or the connection is lost; see then that the socket is still the one that was opened."""
        await asyncio.wait((self._lost, self._woken), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        self._raise_if_lost()
        if self._woken.done():
            self._woken = asyncio.get_running_loop().create_future()
        if _life(self._control) not in (self._life, None):
            raise RadioError(RadioState.MISSING, f"hostapd has begun anew at {self._control}")

    def wake(self) -> None:
        """End the rest, or the next one at once."""
        if not self._woken.done():
            self._woken.set_result(None)

    def close(self) -> None:
        """Take leave, so that hostapd sends no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        with suppress(OSError):
            self._socket.send(b"DETACH")
        self._socket.close()

    def _read(self) -> None:
        """Take what has arrived, at most `MOST_DATAGRAMS`."""
        events: list[Event] = []
        try:
            for _ in range(MOST_DATAGRAMS):
                self._sort(self._socket.recv(LONGEST + 1), events)
        except BlockingIOError:
            pass
        except OSError as error:
            self._lose(_explain(error, self._control))
        if events:
            self._take(events)

    def _sort(self, datagram: bytes, events: list[Event]) -> None:
        if not is_event(datagram):
            self._answer(datagram)
            return
        event = parse_event(datagram)
        if event is None:
            self._counters["malformed"] += 1
        elif event.what is What.OTHER:
            self._counters["other"] += 1
        elif event.what is What.ENDING:
            self._lose(RadioError(RadioState.MISSING, "hostapd is ending"))
        else:
            events.append(event)

    def _answer(self, datagram: bytes) -> None:
        """Hand an answer to who asked; one that is late or no answer at all is counted."""
        question = self._question
        found = question.parse(datagram) if question and not question.answer.done() else None
        if question is None or found is None:
            self._counters["unasked"] += 1
        else:
            question.answer.set_result(found)

    def _lose(self, trouble: RadioError) -> None:
        if not self._lost.done():
            self._lost.set_result(trouble)

    def _raise_if_lost(self) -> None:
        if self._lost.done():
            raise self._lost.result()

    def _silence(self) -> _SilenceError:
        return _SilenceError(RadioState.FAILED, f"hostapd does not answer at {self._control}")


def _open(control: Path) -> socket.socket:
    """Return a socket that hears hostapd and nobody else.

    Its own name is one that the kernel makes up and that is no file (unix(7), autobind): hostapd can answer to it
    whatever folders it sees, and nothing stays behind when we are killed. It is connected before it has a name, and
    nobody can send to a connected socket but whom it is connected to. Being connected also makes room: hostapd 2.10
    waits, and its network with it, for whoever leaves 277 events unread; a socket with a name alone had room for 11
    (net.unix.max_dgram_qlen).
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(str(control))
        sock.bind("")
    except OSError as error:
        sock.close()
        raise _explain(error, control) from None
    return sock


def _life(control: Path) -> tuple[int, int] | None:
    """Return what tells one life of hostapd from the next: it makes its socket anew."""
    try:
        status = control.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _explain(error: OSError, control: Path) -> RadioError:
    """Say in plain words why hostapd cannot be talked to."""
    if isinstance(error, PermissionError):
        return RadioError(
            RadioState.DENIED,
            f"no right to talk to hostapd at {control}: its ctrl_interface_group must be one of this user's",
        )
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return RadioError(RadioState.MISSING, f"hostapd has no control socket {control}")
    if control.is_dir():
        return RadioError(RadioState.FAILED, f"{control} is a folder: name the socket in it, such as {control}/wlan0")
    if isinstance(error, ConnectionError):
        return RadioError(RadioState.MISSING, f"hostapd has left its control socket {control}")
    reason = errno.errorcode.get(error.errno or 0, str(error))
    return RadioError(RadioState.FAILED, f"the control socket {control} fails: {reason}")
