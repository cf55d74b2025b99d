"""Asks bluetoothd, hostapd, the broker, `iw` and the kernel; each answers in time or counts as silent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path
from struct import unpack_from
from typing import Final, TypeVar

from drivers.bluez_watch import Adapter, BlueZWatch
from drivers.driver import RadioState
from drivers.errors import RadioError
from drivers.stations import LONGEST, parse_pong
from gateway.config import Config, Mqtt, Receiver
from gateway.doctor.facts import Answer, Bluetooth, Broker, Facts, Hostapd, Version, Wireless
from gateway.doctor.files import is_there, look_at
from gateway.doctor.machine import read_machine
from gateway.mqtt.connection import Connection, LinkState, Outgoing, PublishError, Settings, parse_url
from gateway.mqtt.topics import Topics

_Value = TypeVar("_Value")

PATIENCE_S: Final = 4.5
"""For each answer; all are asked at once."""

FAREWELL_S: Final = 0.5
PING_S: Final = 1.0

BLUETOOTHD: Final = ("usr/libexec/bluetooth/bluetoothd", "usr/lib/bluetooth/bluetoothd", "usr/sbin/bluetoothd")
IW: Final = ("usr/sbin/iw", "sbin/iw", "usr/bin/iw")
HOSTAPD: Final = ("usr/sbin/hostapd",)

UNREADABLE: Final = "the password cannot be read"

SEARCH, WRITE = 0o1, 0o2

_TIMEX_BYTES: Final = 512  # struct timex has 208 on 64 bits
_MAXERROR_AT: Final = 24
_UNSYNCHRONISED_US: Final = 16_000_000  # the error at which the kernel gives its clock up, and timedatectl too


async def find_out(config: Config, root: Path = Path("/")) -> Facts:
    """Ask everything that the configuration makes matter. It raises nothing and takes 5 s at most."""
    uses = {receiver.driver for receiver in config.receivers}
    async with asyncio.TaskGroup() as tasks:
        broker = tasks.create_task(ask_broker(config, root))
        bluez = tasks.create_task(ask_bluez(root)) if "ble" in uses else None
        iw = tasks.create_task(ask_iw(root)) if "wifi" in uses else None
        points = [receiver for receiver in config.receivers if receiver.driver == "hostapd"]
        hostapds = [tasks.create_task(ask_hostapd(point, root)) for point in points]
        machine = read_machine(root, config.gateway.state, config.store.timezone.key)
    return Facts(
        machine,
        bluez.result() if bluez else Bluetooth(),
        iw.result() if iw else Wireless(),
        tuple(hostapd.result() for hostapd in hostapds),
        broker.result(),
        clock_is_synchronised(),
    )


# Bluetooth


async def ask_bluez(root: Path) -> Bluetooth:
    """Ask bluetoothd for its adapters, and its program for the version; neither starts it."""
    program = _program(root, BLUETOOTHD)
    told, (running, adapters, trouble) = await asyncio.gather(_output(program, "--version"), _adapters())
    return Bluetooth(running, adapters, trouble, installed=program is not None, version=parse_version(told))


async def _adapters() -> tuple[bool, tuple[Adapter, ...], RadioState | None]:
    try:
        async with asyncio.timeout(PATIENCE_S), BlueZWatch() as watch:
            return watch.running, tuple(watch.adapters.values()), None
    except RadioError as trouble:
        return False, (), trouble.state
    except TimeoutError:
        return False, (), RadioState.FAILED


def parse_version(text: str) -> Version | None:
    """Read what `bluetoothd --version` prints, such as 5.66."""
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", text.strip())
    return (int(found[1]), int(found[2])) if found else None


# Wi-Fi


async def ask_iw(root: Path) -> Wireless:
    """Ask `iw` what each phy can do and which country's rules hold."""
    program = _program(root, IW)
    phys, country = await asyncio.gather(_output(program, "phy"), _output(program, "reg", "get"))
    return Wireless(program is not None, parse_monitors(phys), parse_country(country))


def parse_monitors(text: str) -> dict[str, bool]:
    """Return for each phy of `iw phy` whether monitor is among its interface modes."""
    monitors: dict[str, bool] = {}
    for part in re.split(r"^Wiphy ", text, flags=re.MULTILINE)[1:]:
        modes = re.search(r"Supported interface modes:\n((?:\s+\* .*\n?)*)", part)
        if modes:
            monitors[part.split(None, 1)[0]] = "monitor" in modes[1].split()
    return monitors


def parse_country(text: str) -> str:
    """Return the first country of `iw reg get`, which is the one for all radios; 00 is the world."""
    found = re.search(r"^country ([A-Z]{2}|00):", text, re.MULTILINE)
    return found[1] if found else ""


# hostapd


async def ask_hostapd(receiver: Receiver, root: Path) -> Hostapd:
    """Send PING to the control socket, and see whom it and its folder admit."""
    control = receiver.control or Path()
    places = [(look_at(path), rights) for path, rights in ((control.parent, SEARCH), (control, WRITE))]
    return Hostapd(
        receiver.id,
        control,
        await _ping(control),
        installed=_program(root, HOSTAPD) is not None,
        places=tuple((place, rights) for place, rights in places if place),
    )


async def _ping(control: Path) -> Answer:
    loop = asyncio.get_running_loop()
    try:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
            sock.setblocking(False)
            sock.connect(os.fspath(control))
            sock.bind("")  # to a name that leaves no file (unix(7), autobind), after which hostapd can answer
            async with asyncio.timeout(PING_S):
                await loop.sock_sendall(sock, b"PING")
                return Answer.PONG if parse_pong(await loop.sock_recv(sock, LONGEST)) else Answer.SILENT
    except TimeoutError:
        return Answer.SILENT
    except PermissionError:
        return Answer.DENIED
    except OSError as error:
        if _is_folder(control):
            return Answer.FOLDER
        return Answer.REFUSED if isinstance(error, ConnectionError) else Answer.ABSENT


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


# The broker


async def ask_broker(config: Config, root: Path) -> Broker:
    """Connect as the gateway would, but under a name of its own, so that a running gateway stays connected."""
    try:
        settings = _settings(config, root)
    except (OSError, ValueError):
        return Broker(False, UNREADABLE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            if not await _resolves(settings.address.host):
                return Broker(False, f"nobody knows the name {settings.address.host}")
            return await _try(settings)
    except TimeoutError:
        return Broker(False, "the broker does not answer")


def _settings(config: Config, root: Path) -> Settings:
    topics = Topics(config.store.id, config.gateway.id)
    return Settings(
        parse_url(config.mqtt.url),
        f"{topics.client_id}-doctor",
        Outgoing(topics.under(f"gateways/{config.gateway.id}/doctor"), b"", retain=True),
        username=config.mqtt.username,
        password=_password(config.mqtt, root),
        ca_file=config.mqtt.ca_file,
    )


async def _try(settings: Settings) -> Broker:
    """Connect once, and publish nothing where nothing is: an empty retained message leaves no trace."""
    first: asyncio.Future[LinkState] = asyncio.get_running_loop().create_future()
    connection = Connection(settings, lambda _: None, lambda link: _settle(first, link))
    task = asyncio.create_task(connection.run(), name="broker check")
    try:
        link = await first
        if not link.online:
            return Broker(False, link.reason)
        try:
            await connection.publish(settings.will)
        except PublishError as error:
            return Broker(True, refusal=str(error).removeprefix(f"{error.delivery.value}: "))
        return Broker(True)
    finally:
        connection.close()
        await asyncio.wait({task}, timeout=FAREWELL_S)
        task.cancel()
        await asyncio.wait({task})


async def _resolves(host: str) -> bool:
    """Tell whether a name is known, in a thread that nobody waits for: without a network it takes half a minute."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def look_up() -> None:
        try:
            socket.getaddrinfo(host, None)
            known = True
        except (OSError, ValueError):
            known = False
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, answer, known)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    return await answer


def _password(mqtt: Mqtt, root: Path) -> str | None:
    """Read the password that the service will use: of systemd's credentials, else of the file."""
    file = mqtt.password_file
    if file is None:
        return None
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    stores = [*([Path(given)] if given else []), root / "etc/credstore", root / "run/credstore"]
    places = [store / file.name for store in stores]
    return next((place for place in places if is_there(place)), file).read_text(encoding="utf-8").rstrip("\n")


def _settle(future: asyncio.Future[_Value], value: _Value) -> None:
    if not future.done():
        future.set_result(value)


# The kernel and programs


def clock_is_synchronised() -> bool | None:
    """Ask the kernel whether somebody keeps its clock right (adjtimex(2)); None where it does not say."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        if ctypes.CDLL(None).adjtimex(timex) < 0:
            return None
    except (OSError, AttributeError):
        return None
    error_us: int = unpack_from("q", timex, _MAXERROR_AT)[0]
    return error_us < _UNSYNCHRONISED_US


def _program(root: Path, places: tuple[str, ...]) -> Path | None:
    return next((root / place for place in places if os.access(root / place, os.X_OK)), None)


async def _output(program: Path | None, *arguments: str) -> str:
    """Return what a program prints; nothing where it is not there, fails, or takes too long."""
    if program is None:
        return ""
    quiet = asyncio.subprocess.DEVNULL
    try:
        child = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet, env={"LC_ALL": "C"}
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            printed, _ = await child.communicate()
            return printed.decode("utf-8", "replace")
    except TimeoutError:
        return ""
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
