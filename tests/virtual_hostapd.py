"""A virtual access point: the control socket of a hostapd, answered on a thread or a loop, with faults on demand.

It does what hostapd 2.10 was seen to do, down to the empty datagram at the end of the list of stations.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

WITHIN_S = 10.0

LINES = (
    "aid=1",
    "capability=0x431",
    "listen_interval=10",
    "supported_rates=82 84 8b 96 24 30 48 6c 0c 12 18 60",
    "timeout_next=NULLFUNC POLL",
    "hostapdWPAPTKState=11",
    "rx_packets=112",
    "inactive_msec=40",
    "signal=-51",
    "connected_time=74",
)
"""What stands in an entry of the list between the flags and the keyid."""


class VirtualHostapd:
    """One access point. Commands in `mute` get no answer, those in `refuse` get FAIL; `asked` counts all.

    It answers on a thread of its own, or on `loop`, whose time may be virtual.
    """

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.path = path
        self._loop = loop
        self.state = "ENABLED"
        self.mute: set[str] = set()
        self.refuse: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.attached: list[str | bytes] = []
        self.stations: dict[str, tuple[str, ...]] = {}  # flags and further lines by address, the newest first
        self.endless = False  # the list of stations begins again after its end
        self.lost = 0  # events that found no room
        self.before_answering: Callable[[str], None] = lambda command: None
        self._news = threading.Condition(threading.RLock())
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.path.unlink(missing_ok=True)

    def start(self) -> None:
        """Begin, with nobody on the network, in the place of whatever is at the path."""
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.attached, self.stations = [], {}
        if self._loop:
            self._loop.add_reader(self._socket, self._take, self._socket)
            return
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), name="hostapd")
        self._thread.start()

    def stop(self) -> None:
        """End as it is told to by systemd."""
        self.tell("CTRL-EVENT-TERMINATING ")
        self.kill()
        self.path.unlink(missing_ok=True)

    def kill(self) -> None:
        """End without a word; the socket stays in its folder, with nobody behind it."""
        if self._socket is None:
            return
        if self._loop:
            self._loop.remove_reader(self._socket)
        self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread:
            self._thread.join()
        self._socket.close()
        self._socket = self._thread = None

    def join(self, address: str, *, keyid: str = "", flags: str = "[AUTH][ASSOC][AUTHORIZED]") -> None:
        """Let a station on the network."""
        with self._news:
            self.enlist(address, *LINES, *([f"keyid={keyid}"] if keyid else []), flags=flags)
            self.tell(f"AP-STA-CONNECTED {address}" + (f" keyid={keyid}" if keyid else ""))

    def enlist(self, address: str, *lines: str, flags: str = "[AUTH][ASSOC][AUTHORIZED]") -> None:
        """Put a station on the list without a word."""
        with self._news:
            self.stations = {address: (f"flags={flags}", *lines), **self.stations}

    def leave(self, address: str) -> None:
        with self._news:
            self.stations.pop(address)
            self.tell(f"AP-STA-DISCONNECTED {address}")

    def switch(self, *, on: bool) -> None:
        """Bring the network on the air or off it."""
        with self._news:
            self.state = "ENABLED" if on else "DISABLED"
            self.stations = {}
            self.tell("AP-ENABLED " if on else "AP-DISABLED ")

    def tell(self, event: str | bytes, level: str = "<3>") -> None:
        """Send an event to whoever is attached; it waits for nobody."""
        data = event if isinstance(event, bytes) else f"{level}{event}".encode()
        with self._news:
            for client in tuple(self.attached):
                self._send(data, client)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that was asked makes the condition true."""
        with self._news:
            assert self._news.wait_for(condition, WITHIN_S), self.asked

    def _serve(self, sock: socket.socket) -> None:
        while self._take(sock):
            pass

    def _take(self, sock: socket.socket) -> bool:
        """Answer one command; return whether there may be more."""
        data, client = sock.recvfrom(4096)
        if not data:
            return False
        command = data.decode()
        self.before_answering(command)
        with self._news:
            word = command.partition(" ")[0]
            self.asked[word] += 1
            if word not in self.mute:
                self._send(("FAIL\n" if word in self.refuse else self._answer(command, client)).encode(), client)
            self._news.notify_all()
        return True

    def _answer(self, command: str, client: str | bytes) -> str:
        match command.split(" "):
            case ["PING"]:
                return "PONG\n"
            case ["RELOAD_WPA_PSK"]:
                return "OK\n"
            case ["STATUS"]:
                return f"state={self.state}\nphy=phy0\nchannel=6\nnum_sta[0]={len(self.stations)}\n"
            case ["ATTACH"]:
                if client not in self.attached:
                    self.attached.append(client)
                return "OK\n"
            case ["DETACH"] if client in self.attached:
                self.attached.remove(client)
                return "OK\n"
            case ["STA-FIRST"]:
                return self._entry(0)
            case ["STA-NEXT", address] if address in self.stations:
                return self._entry(list(self.stations).index(address) + 1)
            case ["STA-NEXT" | "DETACH", *_]:
                return "FAIL\n"
        return "UNKNOWN COMMAND\n"

    def _entry(self, number: int) -> str:
        if number >= len(self.stations) and not (self.endless and self.stations):
            return ""
        address, lines = list(self.stations.items())[number % len(self.stations)]
        return "".join(f"{line}\n" for line in (address, *lines))

    def _send(self, data: bytes, client: str | bytes) -> None:
        """Send to one who may be gone, or may have no room: hostapd would wait then, this one counts."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(data, socket.MSG_DONTWAIT, client)
        except BlockingIOError:
            self.lost += 1
        except OSError:
            with suppress(ValueError):
                self.attached.remove(client)


class RealHostapd:
    """A real hostapd without a radio, which lets stations on its network when it is told to."""

    def __init__(self, program: str, folder: Path, more: str = "") -> None:
        self.control = folder / "control" / "lo"
        self._program = program
        self._config = folder / "hostapd.conf"
        self._config.write_text(f"interface=lo\ndriver=none\nctrl_interface={self.control.parent}\n{more}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers."""
        self._process = subprocess.Popen(
            [self._program, str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError):
                self.tell("PING")
                return
            time.sleep(0.01)
        raise AssertionError("hostapd does not start")

    def end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WITHIN_S)
            self._process = None

    def tell(self, command: str) -> None:
        """Give it a command and wait for the answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WITHIN_S)
            sock.connect(str(self.control))
            sock.bind("")
            sock.send(command.encode())
            answer = sock.recv(4096)
            assert answer in (b"OK\n", b"PONG\n"), (command, answer)

    def join(self, address: str) -> None:
        self.tell(f"NEW_STA {address}")

    def leave(self, address: str) -> None:
        self.tell(f"DEAUTHENTICATE {address}")


def find_hostapd() -> str | None:
    return shutil.which("hostapd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")


@contextmanager
def running_hostapd(folder: Path, more: str = "") -> Iterator[RealHostapd]:
    """Run a real hostapd as long as the block; `find_hostapd` says whether there is one."""
    hostapd = RealHostapd(find_hostapd() or "", folder, more)
    hostapd.start()
    try:
        yield hostapd
    finally:
        hostapd.end(signal.SIGKILL)
