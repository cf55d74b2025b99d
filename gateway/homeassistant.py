"""Home Assistant finds the gateway by MQTT: how it fares, how many came, when it last alerted; nothing of members."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from gateway.configuration.config import Config, Language
from gateway.events import Outcome, rfc3339
from gateway.mqtt.topics import Arrival, Topics

PREFIX = "homeassistant"
"""Home Assistant's own default for `discovery_prefix`."""

STALE_S = 1800
"""A count that is older shows no more: every quarter of an hour brings a new one while anybody is heard."""

NAMES: dict[str, dict[Language, str]] = {
    "status": {"en": "Status", "zh": "状态"},
    "queue": {"en": "Events waiting", "zh": "待发事件"},
    "passing": {"en": "Passing by", "zh": "路过"},
    "lingering": {"en": "Lingering", "zh": "逗留"},
    "inside": {"en": "Inside", "zh": "在店"},
    "alert": {"en": "Last alert", "zh": "上次提醒"},
}


def place(config: Config) -> str:
    """Return the topic below which all that is for Home Assistant lies; discovery allows two levels of ids."""
    return f"{PREFIX}/device/hushbell-{config.store.id}/{config.gateway.id}"


def filters(config: Config) -> tuple[str, ...]:
    """Return where to look for what was left at the broker before this was switched off."""
    return () if config.mqtt.home_assistant else (f"{place(config)}/+",)


class HomeAssistant:
    """Keeps retained what Home Assistant needs, or takes it back where the configuration does not ask for it.

    `keep` takes a topic and its retained value, empty for none.
    """

    def __init__(self, config: Config, topics: Topics, keep: Callable[[str, bytes], None]) -> None:
        self._config = config
        self._topics = topics
        self._keep = keep
        self._place = place(config)
        self._news: dict[str, Any] = {}  # by topic, what is to be kept at the next moment

    def announce(self) -> None:
        """Let Home Assistant find the gateway."""
        if self._config.mqtt.home_assistant:
            self._keep_json(f"{self._place}/config", self._discovery())

    def take(self, outcome: Outcome) -> None:
        """Take what was decided: of a count its cells, of an alert that is no test its time."""
        for event in outcome.events if self._config.mqtt.home_assistant else ():
            if event.type == "hushbell.crowd.counted":
                self._news["crowd"] = event.data
            elif event.type == "hushbell.alert.raised" and not event.data.get("test"):
                self._news["alert"] = {"at": rfc3339(event.time, self._config.store.timezone)}

    def moment(self) -> None:
        """Tell what is new; called once a second, so that many alerts are one message."""
        for name, value in self._news.items():
            self._keep_json(f"{self._place}/{name}", value)
        self._news.clear()

    def clear(self, arrival: Arrival) -> bool:
        """Take back what was left at the broker; return whether a message is Home Assistant's and nobody else's."""
        is_theirs = arrival.topic.startswith(f"{self._place}/")
        if is_theirs and arrival.payload and not self._config.mqtt.home_assistant:
            self._keep(arrival.topic, b"")
        return is_theirs

    def _keep_json(self, topic: str, value: Any) -> None:
        self._keep(topic, json.dumps(value, ensure_ascii=False).encode())

    def _discovery(self) -> dict[str, Any]:
        """Return a device with its entities, as Home Assistant reads them since 2024.12."""
        store, gateway = self._config.store, self._config.gateway
        return {
            "device": {
                "identifiers": [f"hushbell.{store.id}.{gateway.id}"],
                "name": f"Hushbell {store.name or store.id} {gateway.id}",
                "manufacturer": "Hushbell",
            },
            "origin": {"name": "Hushbell"},
            "components": {name: self._entity(name) | more for name, more in self._entities()},
            "qos": 1,
        }

    def _entity(self, name: str) -> dict[str, Any]:
        store, gateway = self._config.store, self._config.gateway
        return {
            "platform": "sensor",
            "unique_id": f"hushbell.{store.id}.{gateway.id}.{name}",
            "name": NAMES[name][store.language],
        }

    def _entities(self) -> Iterator[tuple[str, dict[str, Any]]]:
        status = self._topics.status
        alive = {
            "availability_topic": status,
            "availability_template": "{{ 'offline' if value_json.state == 'offline' else 'online' }}",
        }
        yield (
            "status",
            {
                "state_topic": status,
                "value_template": "{{ value_json.state }}",
                "json_attributes_topic": status,
                "device_class": "enum",
                "options": ["online", "degraded", "offline"],
            },
        )
        yield (
            "queue",
            alive
            | {
                "state_topic": self._topics.under(f"gateways/{self._config.gateway.id}/health"),
                "value_template": "{{ value_json.queue }}",
                "entity_category": "diagnostic",
                "state_class": "measurement",
            },
        )
        for cell in ("passing", "lingering", "inside"):
            yield (
                cell,
                alive
                | {
                    "state_topic": f"{self._place}/crowd",
                    "value_template": "{{ value_json." + cell + ".count | default(none) }}",  # hidden is unknown
                    "state_class": "measurement",
                    "expire_after": STALE_S,
                },
            )
        yield (
            "alert",
            alive
            | {
                "state_topic": f"{self._place}/alert",
                "value_template": "{{ value_json.at }}",
                "device_class": "timestamp",
            },
        )
