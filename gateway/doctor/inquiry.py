"""Asks bluetoothd, hostapd, the broker, `iw` and the kernel; each answers in time or counts as silent."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from drivers.bluez_watch import Adapter, BlueZWatch
from drivers.driver import RadioState
from drivers.errors import RadioError
from drivers.stations import LONGEST, parse_pong
from gateway import clock, control
from gateway.configuration.config import Config, Receiver
from gateway.control import ControlError
from gateway.doctor.facts import Answer, Bluetooth, Broker, Facts, Hostapd, Power, Version, Wireless
from gateway.doctor.files import look_at
from gateway.doctor.machine import read_machine
from gateway.mqtt.address import parse_url
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.outgoing import Outgoing, PublishError
from gateway.mqtt.settings import Settings, credential_folders, make_settings
from gateway.mqtt.topics import Topics
from gateway.mqtt.trouble import Cause, TroubleError

_Value = TypeVar("_Value")

PATIENCE_S: Final = 4.5
"""For each answer; all are asked at once."""

FAREWELL_S: Final = 0.5
PING_S: Final = 1.0

BLUETOOTHD: Final = ("usr/libexec/bluetooth/bluetoothd", "usr/lib/bluetooth/bluetoothd", "usr/sbin/bluetoothd")
IW: Final = ("usr/sbin/iw", "sbin/iw", "usr/bin/iw")
HOSTAPD: Final = ("usr/sbin/hostapd",)
VCGENCMD: Final = ("usr/bin/vcgencmd",)

SEARCH, WRITE = 0o1, 0o2

UNDER_VOLTAGE_NOW, UNDER_VOLTAGE_SEEN = 1 << 0, 1 << 16
"""Bits of the firmware's GET_THROTTLED (Raspberry Pi documentation, vcgencmd)."""


async def find_out(config: Config, root: Path = Path("/")) -> Facts:
    """Ask everything that the configuration makes matter. It raises nothing and takes 5 s at most."""
    uses = {receiver.driver for receiver in config.receivers}
    async with asyncio.TaskGroup() as tasks:
        broker = tasks.create_task(ask_brokers(config, root))
        bluez = tasks.create_task(ask_bluez(root)) if "ble" in uses else None
        iw = tasks.create_task(ask_iw(root)) if "wifi" in uses else None
        own = tasks.create_task(ask_own_network()) if "wifi" in uses else None
        points = [receiver for receiver in config.receivers if receiver.driver == "hostapd"]
        hostapds = [tasks.create_task(ask_hostapd(point, root)) for point in points]
        throttled = tasks.create_task(_output(_program(root, VCGENCMD), "get_throttled"))
        machine = read_machine(root, config.gateway.state, config.store.timezone.key)
    return Facts(
        machine,
        bluez.result() if bluez else Bluetooth(),
        iw.result() if iw else Wireless(),
        tuple(hostapd.result() for hostapd in hostapds),
        broker.result(),
        clock.is_synchronised(root),
        parse_throttled(throttled.result()) or Power(machine.low_voltage),
        own.result() if own else frozenset(),
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


async def ask_own_network() -> frozenset[str]:
    """Ask the kernel, as the driver will, by which interfaces this machine reaches others; none where it is silent."""
    from drivers.monitor import own_network  # only here: pyroute2 takes half a second to import

    try:
        async with asyncio.timeout(PATIENCE_S):
            return await own_network()
    except OSError:  # a TimeoutError too
        return frozenset()


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


async def ask_brokers(config: Config, root: Path) -> tuple[Broker, ...]:
    """Ask a running gateway, whose place at its broker we might take, and try the brokers that it is not on."""
    told = await _ask_gateway(config)
    try:
        settings = _settings(config, root)
    except TroubleError as error:
        brokers = [Broker(parse_url(url), error.trouble) for url in config.mqtt.urls]
        return tuple(told if told and told.address == broker.address else broker for broker in brokers)
    one_each = [replace(settings, address=address, others=()) for address in settings.addresses]
    return tuple(await asyncio.gather(*(_ask_broker(each, told) for each in one_each)))


async def _ask_gateway(config: Config) -> Broker | None:
    """Return what a running gateway says of the broker that it is on."""
    with suppress(ControlError, OSError, ValueError, TimeoutError):
        async with asyncio.timeout(PING_S):
            async for answer in control.ask(config.gateway.state, {"broker": True}):
                at = next((url for url in map(parse_url, config.mqtt.urls) if str(url) == answer.get("address")), None)
                return Broker(at, refusal=str(answer["refusal"]), remark=str(answer["remark"])) if at else None
    return None


async def _ask_broker(settings: Settings, told: Broker | None) -> Broker:
    if told and told.address == settings.address:
        return told
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _try(settings)
    except TimeoutError:
        return Broker(settings.address, TroubleError(Cause.SILENT, address=settings.address).trouble)


def _settings(config: Config, root: Path) -> Settings:
    """Return what the service will connect with, credentials of the machine's stores included."""
    topics = Topics(config.store.id, config.gateway.id)
    return make_settings(
        config.mqtt,
        f"{topics.client_id}-doctor",
        Outgoing(topics.trial, b"", retain=True),
        stores=[*credential_folders(), root / "etc/credstore", root / "run/credstore"],
        patience_s=PATIENCE_S / 3,
        visiting=True,
    )


async def _try(settings: Settings) -> Broker:
    """Connect once, and publish nothing where nothing is: an empty retained message leaves no trace."""
    first: asyncio.Future[LinkState] = asyncio.get_running_loop().create_future()
    connection = Connection(settings, lambda _: None, lambda link: _settle(first, link))
    task = asyncio.create_task(connection.run(), name="broker check")
    try:
        link = await first
        if not link.online:
            return Broker(settings.address, link.troubles[0])
        try:
            await connection.publish(settings.will)
        except PublishError as error:
            return Broker(settings.address, refusal=error.reason)
        return Broker(settings.address, remark=link.remark)
    finally:
        connection.close()
        await asyncio.wait({task}, timeout=FAREWELL_S)
        task.cancel()
        await asyncio.wait({task})


def _settle(future: asyncio.Future[_Value], value: _Value) -> None:
    if not future.done():
        future.set_result(value)


# Power


def parse_throttled(text: str) -> Power | None:
    """Read what `vcgencmd get_throttled` prints, such as throttled=0x50005."""
    found = re.fullmatch(r"throttled=0x([0-9a-f]{1,8})", text.strip())
    if found is None:
        return None
    bits = int(found[1], 16)
    return Power(bool(bits & UNDER_VOLTAGE_NOW), bool(bits & UNDER_VOLTAGE_SEEN))


# Programs


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
