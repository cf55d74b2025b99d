"""The broker as a shop sets it up: scripts/broker, the shipped files, and users who see how far they get."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from virtual_broker import VirtualBroker, free_port

from gateway.demo.broker import make_broker

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "broker"
WAIT_S = 10.0


class Will(NamedTuple):
    topic: str
    payload: bytes


class Broker(Protocol):
    """What a user needs to know of a broker: its port on loopback, and what leads to the other one."""

    port: int
    secure_port: int
    passwords: dict[str, str]

    @property
    def ca_file(self) -> Path: ...


class ShopBroker(VirtualBroker):
    """A mosquitto with the shipped files in its conf.d; only ports are other ones, both on loopback."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.secure_port = free_port()
        self.passwords: dict[str, str] = {}
        self.run("setup", "localhost", "127.0.0.1")
        for name, listener, ours in (
            ("hushbell.conf", "listener 1883 127.0.0.1", f"listener {self.port} 127.0.0.1"),
            ("hushbell.tls.conf", "listener 8883", f"listener {self.secure_port} 127.0.0.1"),
        ):
            file = folder / "conf.d" / name
            text = file.read_text()
            assert f"\n{listener}\n" in text
            file.write_text(text.replace(f"\n{listener}\n", f"\n{ours}\n"))

    @property
    def ca_file(self) -> Path:
        return self.folder / "hushbell" / "ca.pem"

    def run(self, *arguments: str) -> str:
        """Run scripts/broker; return what it printed."""
        done = subprocess.run(
            [SCRIPT, "--folder", self.folder, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, *arguments: str) -> str:
        """Add a user; return its name."""
        words = self.run("add", *arguments).split()
        self.passwords[words[1]] = words[3]
        return words[1]

    def settings(self) -> list[str]:
        """Return what Debian's own mosquitto.conf says, for this folder."""
        return [
            "persistence true",
            f"persistence_location {self.folder}/",
            *(["user root"] if os.geteuid() == 0 else []),
            f"include_dir {self.folder}/conf.d",
        ]


class BrokerInMemory:
    """The broker of the demo, which has neither users nor files."""

    def __init__(self, folder: Path) -> None:
        self.port = self.secure_port = free_port()
        self.passwords: dict[str, str] = {}
        self.ca_file = Path()
        self._broker = make_broker(folder, self.port)

    def __enter__(self) -> BrokerInMemory:
        self._broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._broker.stop()


@contextmanager
def shop_broker(folder: Path, *users: tuple[str, ...]) -> Iterator[ShopBroker]:
    """Set a broker up with users, and run it as long as the block; skips the test where something is not installed."""
    for command in ("mosquitto_passwd", "openssl"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed")
    broker = ShopBroker(folder)
    for user in users:
        broker.add(*user)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class User:
    """Signs on, says and hears what it may, and tells what the broker answered. Without a name it is on loopback."""

    def __init__(
        self,
        broker: Broker,
        name: str | None = None,
        *,
        client_id: str = "",
        password: str | None = None,
        will: Will | None = None,
        session_s: int = 0,
        keep_alive_s: int = 60,
        secure: bool | None = None,
    ) -> None:
        self.heard: list[MQTTMessage] = []
        self.welcome: ReasonCode | None = None
        self.greeting: Properties | None = None
        self.resumed = False
        self.ended = threading.Event()
        self._answers: dict[int, list[ReasonCode]] = {}
        self._changed = threading.Condition()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id or name or "operator", protocol=MQTTv5, reconnect_on_failure=False
        )
        secure = name is not None if secure is None else secure
        if name is not None:
            self._client.username_pw_set(name, broker.passwords.get(name) if password is None else password)
        if secure:
            self._client.tls_set_context(ssl.create_default_context(cafile=broker.ca_file))
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self.ended.set()
        self._client.on_subscribe = lambda _, __, mid, reasons, ___: self._answered(mid, reasons)
        self._client.on_publish = lambda _, __, mid, reason, ___: self._answered(mid, [reason])
        self._client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_s
        port = broker.secure_port if secure else broker.port
        self._client.connect(
            "127.0.0.1", port, keepalive=keep_alive_s, clean_start=session_s == 0, properties=properties
        )
        self._client.loop_start()
        self.wait_until(lambda: self.welcome is not None)

    def subscribe(self, *filters: str) -> list[str]:
        """Subscribe with QoS 1; return the broker's words for each filter."""
        _, mid = self._client.subscribe([(topic, 1) for topic in filters])
        return self._answer(mid)

    def say(
        self, topic: str, payload: bytes = b"1", *, retain: bool = False, properties: Properties | None = None
    ) -> str:
        """Publish with QoS 1; return the broker's word."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        return self._answer(sent.mid)[0]

    def wait_until(self, condition: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), [message.topic for message in self.heard]

    @property
    def topics(self) -> list[str]:
        return [message.topic for message in self.heard]

    def vanish(self) -> None:
        """Cut the connection without a word."""
        self._client.loop_stop()
        opened = self._client.socket()
        if opened is not None:
            opened.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Without a cycle paho's own sockets are closed here and now, and not at some collection later.
        self._client.on_connect = self._client.on_disconnect = self._client.on_subscribe = None
        self._client.on_publish = self._client.on_message = None

    def __enter__(self) -> User:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, mid: int | None) -> list[str]:
        assert mid is not None
        self.wait_until(lambda: mid in self._answers)
        return [reason.getName() for reason in self._answers.pop(mid)]

    def _on_connect(
        self, _: Client, __: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        with self._changed:
            self.welcome, self.greeting, self.resumed = reason, properties, flags.session_present
            self._changed.notify_all()

    def _answered(self, mid: int, reasons: list[ReasonCode]) -> None:
        with self._changed:
            self._answers[mid] = reasons
            self._changed.notify_all()

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()
