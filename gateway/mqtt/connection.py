"""The connection to the broker: MQTT 5, kept up through everything. The only file that knows paho."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway import clock
from gateway.mqtt.topics import Arrival

log = logging.getLogger("hushbell.mqtt")

KEEP_ALIVE_S = 20
"""The broker speaks our will after one and a half of these without a word from us (section 3.1.2.10)."""

TEND_S = 5.0
CONNECT_S = 5.0
ANSWER_S = 10.0
"""How long the broker may take to greet, to grant subscriptions or to acknowledge."""

SESSION_S = 14 * 86400
"""How long the broker keeps commands and outcomes for a gateway that is away: over the longest holidays."""

WINDOW = 64
"""Unacknowledged messages at most; few enough that an alert need not wait behind them on a slow line."""

WAITING = 256
"""Messages that may wait for a place in the window; more are refused."""

ARRIVING = 128
ARRIVING_BYTES = 128 * 1024
"""What we tell the broker to send us at most: unacknowledged messages, and bytes of one."""

SCHEMES = {"mqtt": 1883, "mqtts": 8883}

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish with QoS 1. `expiry_s` is how long the broker may hold it."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None
    correlation: bytes | None = None
    content_type: str | None = None
    answer_topic: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Whom to connect to, as whom. The will is retained, and spoken by the broker when we vanish."""

    address: Address
    client_id: str
    will: Outgoing
    subscriptions: Sequence[str] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: doubled each time up to the longest, half of it left to chance."""

    first_s: float = 0.5
    longest_s: float = 30.0

    def delay(self, attempt: int, chance: float) -> float:
        """Return seconds for an attempt, counted from 0; `chance` is from 0 to 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(attempt, 30)) * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether the broker is reached, and if not why, in words. `resumed`: it kept our session while we were away."""

    online: bool
    reason: str = ""
    resumed: bool = False


class Delivery(Enum):
    """What became of a message that was to be published."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # by the broker, or before it was sent; sending it again helps only when something changes
    LOST = "lost"  # the connection ended before it was acknowledged; the broker may have it or not


Done = Callable[[Delivery, str], None]
"""Takes the outcome of a message, with the broker's reason in words. Called on the event loop, never raises."""


class PublishError(Exception):
    """Carries why a message was not published."""

    def __init__(self, delivery: Delivery, reason: str) -> None:
        super().__init__(f"{delivery.value}: {reason}")
        self.delivery = delivery


class _LinkError(Exception):
    """Carries, in words, why no link came about."""


def parse_url(url: str) -> Address:
    """Read `mqtt://host[:port]` or `mqtts://host[:port]`. Raises ValueError with a line for the installer."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"{url!r} is no broker's address, expected mqtt://host:port or mqtts://host:port")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user or password stands in the broker's address, expected username and password_file")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r} has more or less than a host and a port")
    return Address(parts.hostname, parts.port or SCHEMES[parts.scheme], parts.scheme == "mqtts")


class Connection:
    """Keeps one connection up: back-off, subscriptions, retained values, and a bounded window of messages.

    `receive` takes what arrives; `tell` takes each change of the link. Both are called on the event loop.
    """

    def __init__(
        self,
        settings: Settings,
        receive: Callable[[Arrival], None],
        tell: Callable[[LinkState], None],
        backoff: Backoff | None = None,
    ) -> None:
        self.state = LinkState(online=False, reason="not yet connected")
        self._settings = settings
        self._receive = receive
        self._tell = tell
        self._backoff = backoff or Backoff()
        self._closing = asyncio.Event()
        self._link: _Link | None = None
        self._kept: dict[str, bytes] = {}
        self._waiting: deque[tuple[Outgoing, Done]] = deque()
        self._watchers: list[Callable[[], None]] = []

    @property
    def room(self) -> int:
        """How many more messages may be sent now; 0 while there is no link."""
        return self._link.room if self._link and not self._waiting else 0

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when there may be room, or none any more; return what ends this."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def send(self, message: Outgoing, done: Done) -> None:
        """Publish without waiting; `done` hears of it exactly once."""
        if self._link is None:
            done(Delivery.LOST, self.state.reason)
        elif not self._waiting and self._link.room:
            self._link.publish(message, done)
        elif len(self._waiting) < WAITING:
            self._waiting.append((message, done))
        else:
            done(Delivery.REFUSED, "too many messages wait for the broker")

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait for the acknowledgement. Raises PublishError."""
        outcome: asyncio.Future[tuple[Delivery, str]] = asyncio.get_running_loop().create_future()
        self.send(message, lambda delivery, reason: _resolve(outcome, (delivery, reason)))
        delivery, reason = await outcome
        if delivery is not Delivery.DELIVERED:
            raise PublishError(delivery, reason)

    def keep(self, topic: str, payload: bytes) -> None:
        """Publish a retained value now, where there is a link, and again at each connection."""
        self._kept[topic] = payload
        if self._link is not None:
            self._send_kept(topic)

    def close(self) -> None:
        """Let `run` publish the will as a farewell, disconnect and return."""
        self._closing.set()

    async def run(self) -> None:
        """Connect and reconnect until `close`; cancelled, it drops the link and the broker speaks the will."""
        keeping = asyncio.create_task(self._keep_up(), name="mqtt link")
        closing = asyncio.create_task(self._closing.wait(), name="mqtt closing")
        try:
            await asyncio.wait({keeping, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._link is not None and closing.done():
                await self._say_farewell(self._link)
            if keeping.done():
                keeping.result()
        finally:
            keeping.cancel()
            closing.cancel()
            await asyncio.gather(keeping, closing, return_exceptions=True)

    async def _keep_up(self) -> None:
        attempt = 0
        while True:
            link = _Link(self._settings, self._receive, self._on_room)
            began = clock.monotonic()
            try:
                resumed = await link.open()
                self._on_open(link, resumed=resumed)
                reason = await link.tend()
            except _LinkError as error:
                reason = str(error)
            finally:
                self._link = None
                link.drop()
                self._lose_waiting()
            self._change(LinkState(online=False, reason=reason))
            attempt = attempt + 1 if clock.monotonic() - began < self._backoff.longest_s else 0
            await asyncio.sleep(self._backoff.delay(attempt, random.random()))

    def _on_open(self, link: _Link, *, resumed: bool) -> None:
        self._link = link
        for topic in self._kept:
            self._send_kept(topic)
        self._change(LinkState(online=True, reason=link.remark, resumed=resumed))

    def _send_kept(self, topic: str) -> None:
        def done(delivery: Delivery, reason: str) -> None:
            if delivery is Delivery.REFUSED:
                log.warning("the broker does not keep %s: %s", topic, reason)

        self.send(Outgoing(topic, self._kept[topic], retain=True), done)

    async def _say_farewell(self, link: _Link) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self.publish(replace(self._settings.will, retain=True))
                link.leave()
                await asyncio.wait({link.lost})
        except (TimeoutError, PublishError):
            log.info("the broker did not hear our farewell and will speak the will")

    def _on_room(self) -> None:
        while self._waiting and self._link is not None and self._link.room:
            self._link.publish(*self._waiting.popleft())
        self._call_watchers()

    def _lose_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, done in waiting:
            done(Delivery.LOST, "the connection ended")

    def _change(self, state: LinkState) -> None:
        if state != self.state:
            self.state = state
            self._tell(state)
        self._call_watchers()

    def _call_watchers(self) -> None:
        for callback in self._watchers:
            callback()


class _Link:
    """One network connection, with a paho client of its own.

    A client that outlives its connection would send again by itself what is by then too old to be sent.
    """

    def __init__(self, settings: Settings, receive: Callable[[Arrival], None], on_room: Callable[[], None]) -> None:
        self._settings = settings
        self._receive = receive
        self._on_room = on_room
        self._loop = asyncio.get_running_loop()
        self._sent: dict[int, tuple[Done, float]] = {}  # by packet identifier, with the time of sending
        self._window = WINDOW
        self._most_bytes = 0xFFFFFFFF
        self._socket: socket.socket | None = None
        self._leaving = False
        self._dropped = False
        self._greeted: asyncio.Future[bool] = self._loop.create_future()
        self._granted: asyncio.Future[str] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.remark = ""
        self._client = self._make_client()

    @property
    def room(self) -> int:
        return 0 if self.lost.done() else max(0, self._window - len(self._sent))

    def _make_client(self) -> Client:
        settings = self._settings
        client = Client(CallbackAPIVersion.VERSION2, settings.client_id, protocol=MQTTv5, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages = 0  # the window is ours
        client.username_pw_set(settings.username, settings.password)
        client.will_set(settings.will.topic, settings.will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_close = lambda *_: self._detach()
        client.on_socket_register_write = lambda *_: self._want_write()
        client.on_socket_unregister_write = lambda *_: self._unwant_write()
        return client

    async def open(self) -> bool:
        """Connect and subscribe; return whether the broker kept our session. Raises _LinkError."""
        try:
            await self._loop.run_in_executor(None, self._connect)
        except (OSError, ValueError) as error:
            raise _LinkError(_connect_words(error, self._settings)) from error
        self._attach()
        resumed = await self._answer(self._greeted)
        if self._settings.subscriptions:
            options = SubscribeOptions(qos=1)
            self._client.subscribe([(topic, options) for topic in self._settings.subscriptions])
            self.remark = await self._answer(self._granted)
        return resumed

    def _connect(self) -> None:
        """Block until the CONNECT packet is queued; runs in a thread of its own."""
        address = self._settings.address
        if address.tls:
            context = ssl.create_default_context(cafile=self._settings.ca_file)
            context.sslsocket_class = _TidySocket
            self._client.tls_set_context(context)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = ARRIVING
        properties.MaximumPacketSize = ARRIVING_BYTES
        self._client.connect(
            address.host, address.port, keepalive=KEEP_ALIVE_S, clean_start=False, properties=properties
        )
        if self._dropped:
            self._close_socket()

    async def _answer(self, answer: asyncio.Future[_Answer]) -> _Answer:
        futures: set[asyncio.Future[Any]] = {answer, self.lost}
        await asyncio.wait(futures, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise _LinkError(self.lost.result() if self.lost.done() else "the broker does not answer")

    async def tend(self) -> str:
        """Keep the link alive; return why it ended."""
        while not self.lost.done():
            await asyncio.wait({self.lost}, timeout=TEND_S)
            self._client.loop_misc()
            oldest = next(iter(self._sent.values()), None)
            if oldest and clock.monotonic() - oldest[1] > ANSWER_S:
                return "the broker does not acknowledge"
        return self.lost.result()

    def publish(self, message: Outgoing, done: Done) -> None:
        size = len(message.topic.encode()) + len(message.payload) + len(message.correlation or b"") + 64
        if size > self._most_bytes:
            done(Delivery.REFUSED, f"larger than the {self._most_bytes} bytes that the broker takes")
            return
        properties = (
            _often(message.expiry_s, message.content_type)
            if message.correlation is None and message.answer_topic is None
            else _Packed(message.expiry_s, message.content_type, message.correlation, message.answer_topic)
        )
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain, properties=properties)
        if info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._sent[info.mid] = (done, clock.monotonic())
        else:
            done(Delivery.LOST, "the connection ended")

    def leave(self) -> None:
        """Send DISCONNECT, upon which the broker forgets the will."""
        self._leaving = True
        self._client.disconnect()

    def drop(self) -> None:
        """Close the socket without a word, and tell all who wait for an acknowledgement."""
        self._dropped = True
        self._detach()
        client = self._client
        client.on_socket_close = client.on_socket_register_write = client.on_socket_unregister_write = None
        self._close_socket()
        _resolve(self.lost, "the connection was given up")
        self._greeted.cancel()
        self._granted.cancel()
        sent, self._sent = self._sent, {}
        for done, _ in sent.values():
            done(Delivery.LOST, "the connection ended")

    # The socket, on the event loop

    def _attach(self) -> None:
        opened = self._client.socket()
        if not isinstance(opened, socket.socket):
            raise _LinkError("the connection was lost")
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(opened, self._read)
        self._socket = opened
        if self._client.want_write():
            self._want_write()

    def _detach(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None

    def _close_socket(self) -> None:
        left = self._client.socket()
        if left is not None:
            left.close()

    def _want_write(self) -> None:
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._write)

    def _unwant_write(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        self._guard(self._client.loop_read)
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._guard(self._client.loop_read)

    def _write(self) -> None:
        self._guard(self._client.loop_write)

    def _guard(self, step: Callable[[], MQTTErrorCode]) -> None:
        """Run paho on bytes of a broker that may not keep to the protocol."""
        try:
            step()
        except Exception as error:
            log.warning("what the broker sent cannot be read (%s)", type(error).__name__)
            self._detach()
            _resolve(self.lost, "the broker does not keep to MQTT 5")

    # What paho calls

    def _on_connect(
        self, _: Client, __: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            _resolve(self.lost, f"the broker refuses us: {_words(reason)}")
            return
        if getattr(properties, "MaximumQoS", 1) < 1:
            _resolve(self.lost, "the broker takes no QoS 1")
            return
        self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        self._most_bytes = getattr(properties, "MaximumPacketSize", self._most_bytes)
        _resolve(self._greeted, flags.session_present)

    def _on_subscribe(self, _: Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        refused = [
            f"{topic} ({_words(reason)})"
            for topic, reason in zip(self._settings.subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        _resolve(self._granted, "not allowed to hear " + ", ".join(refused) if refused else "")

    def _on_publish(self, _: Client, __: object, mid: int, reason: ReasonCode, ___: object) -> None:
        done, _sent = self._sent.pop(mid, (None, 0.0))
        if done is not None:
            done(Delivery.REFUSED if reason.is_failure else Delivery.DELIVERED, _words(reason))
            self._on_room()

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        properties = message.properties
        answer_topic = getattr(properties, "ResponseTopic", None)
        correlation = getattr(properties, "CorrelationData", None)
        try:
            self._receive(Arrival(topic, bytes(message.payload), message.retain, answer_topic, correlation))
        except Exception as error:
            log.error("a message that arrived could not be handled (%s)", type(error).__name__)

    def _on_disconnect(self, _: Client, __: object, flags: DisconnectFlags, reason: ReasonCode, ___: object) -> None:
        if flags.is_disconnect_packet_from_server:
            _resolve(self.lost, f"the broker ended the connection: {_words(reason)}")
        elif self._greeted.done():
            _resolve(self.lost, "closed" if self._leaving else "the connection was lost")
        else:
            _resolve(self.lost, "the broker hung up without a greeting, it may not speak MQTT 5")


class _TidySocket(ssl.SSLSocket):
    """A socket that a failed handshake closes; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class _Packed(Properties):
    """Properties whose bytes are made once: paho takes longer over them than over all the rest of a message."""

    def __init__(
        self,
        expiry_s: int | None,
        content_type: str | None,
        correlation: bytes | None = None,
        answer_topic: str | None = None,
    ) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            self.MessageExpiryInterval = expiry_s
        if content_type is not None:
            self.ContentType = content_type
        if correlation is not None:
            self.CorrelationData = correlation
        if answer_topic is not None:
            self.ResponseTopic = answer_topic
        object.__setattr__(self, "_bytes", super().pack())  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:
        packed: bytes = object.__getattribute__(self, "_bytes")
        return packed


@lru_cache(maxsize=256)
def _often(expiry_s: int | None, content_type: str | None) -> _Packed:
    return _Packed(expiry_s, content_type)


def _words(reason: ReasonCode) -> str:
    return str(reason.getName()).lower()


def _connect_words(error: OSError | ValueError, settings: Settings) -> str:
    """Say in words why the broker was not reached."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {settings.address} is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"no TLS with {settings.address}: {error.reason}"
        case socket.gaierror():
            return f"nobody knows the name {settings.address.host}"
        case ConnectionRefusedError():
            return f"nobody listens at {settings.address}"
        case TimeoutError():
            return f"no answer from {settings.address}"
        case FileNotFoundError():
            return f"the CA file {settings.ca_file} is missing"
    return f"{settings.address} is not reached: {error}"


def _resolve(future: asyncio.Future[_Answer], value: _Answer) -> None:
    if not future.done():
        future.set_result(value)
