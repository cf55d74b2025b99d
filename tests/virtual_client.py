"""Somebody else on the broker (the back end, a badge), on paho's own thread and independent of the gateway's code.

What it sends in the virtual shop, and what the gateway sends it there, must be as the AsyncAPI description says.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from cloudevents.core.formats.json import JSONFormat
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from virtual_contract import faults

WAIT_S = 10.0
SHOP = "hushbell/v1/lilac-01/"
THEIRS = re.compile(SHOP + "(facts/|outcomes|commands/|devices/|alerts/[^/]+/claims/)")
"""What others than the gateway say."""


class Received(NamedTuple):
    topic: str
    payload: bytes
    retained: bool
    correlation: bytes | None
    expiry_s: int | None
    content_type: str | None

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


class VirtualClient:
    """Connects, subscribes and collects. With `session_s` the broker keeps what comes while it is away."""

    def __init__(
        self, port: int, client_id: str, *filters: str, session_s: int = 0, user: tuple[str, str] | None = None
    ) -> None:
        self.received: list[Received] = []
        self._faults: list[str] = []
        self._odd: set[str] = set()  # topics of ours where anything may stand
        self._filters = filters
        self._changed = threading.Condition()
        self._subscribed = False
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        if user is not None:
            self._client.username_pw_set(*user)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_s
        self._client.connect("127.0.0.1", port, clean_start=session_s == 0, properties=properties)
        self._client.loop_start()
        if filters:
            self.wait_until(lambda: self._subscribed)

    def publish(self, topic: str, body: Any, *, retain: bool = False) -> None:
        """Publish a JSON value, or bytes as they are, and wait for the acknowledgement."""
        payload = self._payload(topic, body)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_S)

    def request(self, topic: str, body: Any, answer_topic: str | None, correlation: bytes | None = None) -> None:
        """Publish a request with Response Topic and Correlation Data."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if answer_topic is not None:
            properties.ResponseTopic = answer_topic
        if correlation is not None:
            properties.CorrelationData = correlation
        payload = self._payload(topic, body)
        self._client.publish(topic, payload, qos=1, properties=properties).wait_for_publish(WAIT_S)

    def _payload(self, topic: str, body: Any) -> bytes:
        """Write what is sent; bytes may be anything, which is for tests of what happens then."""
        if isinstance(body, bytes):
            self._odd.add(topic)
            return body
        payload = json.dumps(body).encode()
        assert not topic.startswith(SHOP) or not (found := faults("receive", topic, payload)), found
        return payload

    def wait_until(self, condition: Callable[[], object], timeout_s: float = WAIT_S) -> None:
        """Wait until a condition over what was received holds. Raises AssertionError."""
        with self._changed:
            came = self._changed.wait_for(condition, timeout_s)
        self.check()
        assert came, f"only {len(self.received)} messages came"

    def check(self) -> None:
        """Fail where something came that is not as described."""
        assert not self._faults, self._faults

    def wait_for(self, count: int, timeout_s: float = WAIT_S) -> list[Received]:
        """Wait until so many messages came, and return all."""
        self.wait_until(lambda: len(self.received) >= count, timeout_s)
        return self.received

    def on(self, topic_end: str) -> list[Received]:
        """Return what came on topics with this end."""
        return [message for message in self.received if message.topic.endswith(topic_end)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Without a cycle paho's own sockets are closed here and now, and not at some collection later.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def __enter__(self) -> VirtualClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None:
            self.check()

    def _on_connect(self, client: Client, *_: object) -> None:
        if self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])

    def _on_subscribe(self, _: Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        assert not any(reason.is_failure for reason in reasons), reasons
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        properties = message.properties
        received = Received(
            message.topic,
            bytes(message.payload),
            message.retain,
            getattr(properties, "CorrelationData", None),
            getattr(properties, "MessageExpiryInterval", None),
            getattr(properties, "ContentType", None),
        )
        theirs = received.topic in self._odd or not _is_the_gateways(received.topic)
        try:
            wrong = [] if theirs else _faults(received)
        except Exception as error:  # it would end paho's thread, and nothing more would come
            wrong = [f"{received.topic}: {error!r}"]
        with self._changed:
            self._faults += wrong
            self.received.append(received)
            self._changed.notify_all()


def _faults(received: Received) -> list[str]:
    is_event = received.payload.startswith(b'{"specversion"')
    if is_event is not (received.content_type == "application/cloudevents+json"):
        return [f"{received.topic}: content type {received.content_type}"]
    if is_event:
        JSONFormat().read(None, received.payload)  # the CloudEvents SDK raises where it is none
    return faults("send", received.topic, received.payload)


def _is_the_gateways(topic: str) -> bool:
    return topic.startswith(SHOP) and not THEIRS.match(topic)
