"""One network connection to a broker, with an MQTT client of its own. The only file that knows paho."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway import clock
from gateway.mqtt.address import Address
from gateway.mqtt.framing import PacketError
from gateway.mqtt.outgoing import Delivery, Done, Outgoing
from gateway.mqtt.packets import PUBACK, encode_publish, parse_puback
from gateway.mqtt.probe import OLD_GREETING, certificate_trouble, speaks_old
from gateway.mqtt.settings import Settings
from gateway.mqtt.tls import tls_trouble
from gateway.mqtt.topics import Arrival
from gateway.mqtt.trouble import (
    FIRST_FAILURE,
    KEEP_ALIVE_TIMEOUT,
    NOT_AUTHORISED,
    REFUSED_AT_THE_DOOR,
    SERVER_MOVED,
    USE_ANOTHER_SERVER,
    Cause,
    Trouble,
    TroubleError,
    harmless,
    words_of,
)
from gateway.mqtt.wire import Wire, dial
from rules.messages import say

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

log = logging.getLogger("hushbell.mqtt")

KEEP_ALIVE_S = 20
"""The broker speaks our will after one and a half of these without a word from us (MQTT 5, section 3.1.2.10)."""

WINDOW = 64
"""Unacknowledged messages at most; few enough that an alert need not wait behind them on a slow line."""

ARRIVING = 128
ARRIVING_BYTES = 128 * 1024
"""What we tell the broker to send us at most: unacknowledged messages, and bytes of one packet."""

HOLD_S = 10.0
HELD_BACK = ARRIVING // 2
"""How long all acknowledgements wait for a disk that refuses, and how many wait on: with the rest we are not deaf."""

_CONNACK = 0x20
_FIRST_IDENTIFIER, _LAST_IDENTIFIER = 2, 0xFFFF  # section 2.2.1; paho takes 1 for the one SUBSCRIBE
_Answer = TypeVar("_Answer")

Settled = Callable[[], Awaitable[None]]
"""Waits until all that was caused by what arrived so far is on the disk. Never raises."""


async def open_link(
    address: Address,
    settings: Settings,
    receive: Callable[[Arrival], None],
    on_room: Callable[[], None],
    settled: Settled | None,
) -> Link:
    """Connect and sign on; `subscribe` is still to be called. Raises TroubleError, and leaves nothing open then."""
    link = Link(await dial(address, settings.files), address, settings, receive, on_room, settled)
    try:
        await link.sign_on()
    except TroubleError as error:
        cause, patience_s = error.trouble.cause, settings.patience_s / 4
        if cause is Cause.HUNG_UP and address.tls:
            trouble = await certificate_trouble(address, settings.files, patience_s)
            if trouble:
                raise trouble from error
        if cause in (Cause.MUTE, Cause.HUNG_UP) and await speaks_old(address, settings.files, patience_s):
            raise TroubleError(Cause.OLD, address=address) from error
        raise
    return link


class Link:
    """A connection from the first byte to the last.

    A client that outlived its connection would send again by itself what is by then too old to be sent. What arrives is
    acknowledged once `settled` returns, in the order in which it came (MQTT 5, section 4.6), or at once where that is
    None; where that takes long, all but the last `HELD_BACK` are.
    """

    def __init__(
        self,
        wire: Wire,
        address: Address,
        settings: Settings,
        receive: Callable[[Arrival], None],
        on_room: Callable[[], None],
        settled: Settled | None,
    ) -> None:
        self.address = address
        self.resumed = False  # the broker kept our session
        self.remark = ""
        self._settings = settings
        self._receive = receive
        self._on_room = on_room
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._sent: dict[int, tuple[Done, float]] = {}  # by packet identifier, with the time of sending
        self._identifier = _LAST_IDENTIFIER  # the last that was given
        self._writing = False  # `_write` is due
        self._has_room_anew = False
        self._window = WINDOW
        self._most_bytes = 0xFFFFFFFF
        self._leaving = False
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._granted: asyncio.Future[str] = self._loop.create_future()
        self.lost: asyncio.Future[Trouble] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()  # the other side knows that it is over
        self._unsettled: list[tuple[int, int]] = []  # packet identifier and QoS of what arrived
        self._arrived = asyncio.Event()
        self._acknowledging = asyncio.create_task(self._acknowledge(), name="mqtt acknowledgements")
        self._wire = wire
        self._client = self._make_client()
        wire.on_data, wire.on_end = self._on_data, self._on_end

    @property
    def room(self) -> int:
        return 0 if self.lost.done() else max(0, self._window - len(self._sent))

    def _make_client(self) -> Client:
        settings = self._settings
        client = _Client(self._wire, settings.client_id)
        client.max_inflight_messages = 0  # the window is ours
        client.username_pw_set(settings.username, settings.password)
        client.will_set(settings.will.topic, settings.will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_register_write = self._on_write_wanted
        return client

    async def sign_on(self) -> None:
        """Say who we are, and wait for the greeting. Raises TroubleError, having let go of the wire."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._settings.session_s
        properties.ReceiveMaximum = ARRIVING
        properties.MaximumPacketSize = ARRIVING_BYTES
        self._client.connect(
            self.address.host or "socket",
            keepalive=KEEP_ALIVE_S,
            clean_start=False,
            properties=properties,
        )
        if self._wire.ended or self._wire.buffer:
            self._on_data()
        await self._answer(self._greeted, Cause.MUTE)

    async def subscribe(self) -> None:
        """Ask for what we listen to; `remark` tells what of it is refused. Raises TroubleError."""
        if self._settings.subscriptions:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            self._client.subscribe([(topic, options) for topic in self._settings.subscriptions])
            refused = await self._answer(self._granted, Cause.FELL_SILENT)
            self.remark = "; ".join(filter(None, (self.remark, refused)))

    async def _answer(self, answer: asyncio.Future[_Answer], otherwise: Cause) -> _Answer:
        try:
            futures: set[asyncio.Future[Any]] = {answer, self.lost}
            await asyncio.wait(futures, timeout=self._settings.patience_s, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        except asyncio.CancelledError:
            self.drop()
            raise
        trouble = self.lost.result() if self.lost.done() else self._trouble(otherwise)
        self.drop()
        raise TroubleError(trouble.cause, **dict(trouble.values))

    async def tend(self) -> Trouble:
        """Keep the link alive; return why it ended."""
        while not self.lost.done():
            await asyncio.wait({self.lost}, timeout=self._settings.patience_s / 2)
            self._client.loop_misc()
            oldest = next(iter(self._sent.values()), None)
            if oldest and clock.monotonic() - oldest[1] > self._settings.patience_s:
                return self._trouble(Cause.UNACKNOWLEDGED)
        return self.lost.result()

    def publish(self, message: Outgoing, done: Done) -> None:
        identifier = self._next_identifier()
        try:
            packet = encode_publish(message, identifier)
        except ValueError:
            done(Delivery.REFUSED, say("not a topic that can be published to"))
            return
        if len(packet) > self._most_bytes:
            done(Delivery.REFUSED, say("larger than the {most} bytes that the broker takes", most=self._most_bytes))
        elif self.lost.done():
            done(Delivery.LOST, str(self._trouble(Cause.LOST)))
        else:
            self._sent[identifier] = (done, clock.monotonic())
            self._wire.send(packet)
            self._write_soon()

    def _next_identifier(self) -> int:
        """Return one that nothing unacknowledged bears (MQTT 5, section 2.2.1)."""
        while True:
            following = self._identifier + 1
            self._identifier = following if following <= _LAST_IDENTIFIER else _FIRST_IDENTIFIER
            if self._identifier not in self._sent:
                return self._identifier

    def leave(self) -> None:
        """Send DISCONNECT, upon which the broker forgets the will, and the session that a visitor began."""
        self._leaving = True
        properties = None
        if self._settings.visiting and not self.resumed:
            properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
        self._client.disconnect(properties=properties)

    def drop(self) -> None:
        """Close without a word, and tell all who wait for an acknowledgement."""
        self._wire.on_data = lambda: None
        self._wire.abort()
        self._acknowledging.cancel()
        _resolve(self.lost, self._trouble(Cause.CLOSED))
        self._greeted.cancel()
        self._granted.cancel()
        sent, self._sent = self._sent, {}
        for done, _ in sent.values():
            done(Delivery.LOST, str(self._trouble(Cause.LOST)))

    def _trouble(self, cause: Cause, **more: str) -> Trouble:
        values = {"address": str(self.address), "host": self.address.host, **more}
        return Trouble(cause, tuple(values.items()))

    # The wire

    def _on_data(self) -> None:
        if not self._greeted.done() and (cause := _stranger(self._wire.buffer)):
            self._give_up(cause)
            return
        try:
            for packet in self._wire.take_packets(ARRIVING_BYTES):
                if self.lost.done():
                    break
                self._take(packet)
        except PacketError:
            self._give_up(Cause.NO_MQTT)
        except Exception as error:  # of a broker that does not keep to the protocol
            log.warning("what the broker sent cannot be read (%s)", type(error).__name__)
            self._give_up(Cause.NO_MQTT)
        if self._has_room_anew:
            self._has_room_anew = False
            self._on_room()

    def _take(self, packet: bytes) -> None:
        """Read an acknowledgement, and give paho all else. Raises PacketError."""
        if packet[0] == PUBACK:
            self._take_acknowledgement(packet)
        else:
            self._wire.offer(packet)
            self._client.loop_read()

    def _take_acknowledgement(self, packet: bytes) -> None:
        said = parse_puback(packet)
        if said is None:
            raise PacketError
        done, _ = self._sent.pop(said.identifier, (None, 0.0))
        if done is not None:
            self._has_room_anew = True
            if said.reason < FIRST_FAILURE:
                done(Delivery.DELIVERED, "")
            else:
                done(Delivery.REFUSED, words_of(said.reason, said.words))

    def _give_up(self, cause: Cause) -> None:
        _resolve(self.lost, self._trouble(cause))
        self._wire.abort()

    def _write_soon(self) -> None:
        """Write, at the end of this turn of the loop, all that is sent in it."""
        if not self._writing:
            self._writing = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._writing = False
        self._client.loop_write()
        self._wire.flush()

    def _on_end(self, error: Exception | None) -> None:
        _resolve(self.gone, None)
        if isinstance(error, ssl.SSLError):
            _resolve(self.lost, tls_trouble(error, self.address, self._settings.files).trouble)
        elif self._leaving:
            _resolve(self.lost, self._trouble(Cause.CLOSED))
        elif error is not None and not isinstance(error, OSError):
            _resolve(self.lost, self._trouble(Cause.NO_MQTT))
        else:
            _resolve(self.lost, self._trouble(Cause.LOST if self._greeted.done() else Cause.HUNG_UP))

    async def _acknowledge(self) -> None:
        """Acknowledge what arrived, as much at a time as came while the disk was busy."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            unsettled, self._unsettled = self._unsettled, []
            while unsettled and not await self._is_settled():
                surplus = max(0, len(unsettled) + len(self._unsettled) - HELD_BACK)
                self._acknowledge_all(unsettled[:surplus])
                del unsettled[:surplus]
            self._acknowledge_all(unsettled)

    async def _is_settled(self) -> bool:
        """Wait for the disk, for a while; tell whether it has what arrived before."""
        try:
            async with asyncio.timeout(HOLD_S):
                if self._settled is not None:
                    await self._settled()
        except TimeoutError:
            return False
        return True

    def _acknowledge_all(self, arrived: Iterable[tuple[int, int]]) -> None:
        for mid, qos in arrived:
            self._client.ack(mid, qos)

    # What paho calls

    def _on_write_wanted(self, _: Client, __: object, ___: object) -> None:
        self._write_soon()

    def _on_connect(
        self, _: Client, __: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            _resolve(self.lost, self._refusal(reason, properties))
        elif (lacking := _lacking(properties)) is not None:
            _resolve(self.lost, self._trouble(Cause.LACKS, what=lacking))
        else:
            self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
            self._most_bytes = getattr(properties, "MaximumPacketSize", self._most_bytes)
            kept_s = getattr(properties, "SessionExpiryInterval", self._settings.session_s)
            if kept_s < self._settings.session_s:
                self.remark = say("the broker keeps our session for {seconds} s only", seconds=kept_s)
            self.resumed = flags.session_present
            _resolve(self._greeted, None)

    def _refusal(self, reason: ReasonCode, properties: Properties | None) -> Trouble:
        if reason.value in (USE_ANOTHER_SERVER, SERVER_MOVED):
            server = getattr(properties, "ServerReference", None)
            return self._trouble(Cause.MOVED, server=harmless(server) if server else say("another server"))
        words = _words(reason, properties)
        if reason.value == NOT_AUTHORISED:
            words = words.replace(words_of(NOT_AUTHORISED), say(REFUSED_AT_THE_DOOR), 1)
        user = self._settings.username or say("a client without a user name")
        return self._trouble(Cause.REFUSED, user=user, reason=words)

    def _on_subscribe(
        self, _: Client, __: object, ___: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = [
            f"{topic} ({_words(reason, properties)})"
            for topic, reason in zip(self._settings.subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        _resolve(self._granted, say("not allowed to hear {topics}", topics=", ".join(refused)) if refused else "")

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        try:
            self._receive(_arrival(message))
        except UnicodeDecodeError:
            log.warning("a message came on a topic that is no text")
        except Exception as error:
            log.error("a message that arrived could not be handled (%s)", type(error).__name__)
        if message.qos and not self._settings.visiting:
            self._unsettled.append((message.mid, message.qos))
            self._arrived.set()

    def _on_disconnect(
        self, _: Client, __: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if not flags.is_disconnect_packet_from_server:
            cause = Cause.FELL_SILENT if reason.value == KEEP_ALIVE_TIMEOUT else Cause.NO_MQTT
            _resolve(self.lost, self._trouble(Cause.CLOSED if self._leaving else cause))
        elif reason.value in (USE_ANOTHER_SERVER, SERVER_MOVED):
            _resolve(self.lost, self._refusal(reason, properties))
        else:
            _resolve(self.lost, self._trouble(Cause.ENDED, reason=_words(reason, properties)))


class _Client(Client):
    """paho's client, on a wire that is open already."""

    def __init__(self, wire: Wire, client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5, reconnect_on_failure=False, manual_ack=True
        )
        self._wire = wire

    def _create_socket(self) -> SocketLike:
        return self._wire


def _stranger(first: bytes | bytearray) -> Cause | None:
    """Say what the first bytes of a peer give away, unless they begin a greeting of MQTT 5."""
    if first.startswith(OLD_GREETING):
        return Cause.OLD
    if first.startswith(b"\x15\x03"):  # a TLS alert (RFC 8446, section 5.1)
        return Cause.SPEAKS_TLS
    if first.startswith(b"HTTP"):
        return Cause.SPEAKS_HTTP
    return Cause.NO_MQTT if first and first[0] != _CONNACK else None


def _lacking(properties: Properties | None) -> str | None:
    """Name what a greeting says the broker cannot do."""
    if getattr(properties, "MaximumQoS", 1) < 1:
        return say("quality of service 1")
    if getattr(properties, "RetainAvailable", 1) < 1:
        return say("retained messages")
    return None


def _arrival(message: MQTTMessage) -> Arrival:
    properties = message.properties
    return Arrival(
        message.topic,
        bytes(message.payload),
        message.retain,
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
    )


def _words(reason: ReasonCode, properties: Properties | None) -> str:
    return words_of(reason.value, getattr(properties, "ReasonString", None) if reason.value >= FIRST_FAILURE else None)


def _resolve(future: asyncio.Future[_Answer], value: _Answer) -> None:
    if not future.done():
        future.set_result(value)
