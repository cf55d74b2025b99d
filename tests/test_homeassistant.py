"""Home Assistant finds the gateway, learns nothing of members, and forgets it when that is switched off."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import SHOP, VirtualClient
from virtual_daemon import CONFIG, VirtualDaemon, a_member

from gateway.configuration.config import Config, Gateway, Language, Mqtt, Store
from gateway.contract.examples import BODIES
from gateway.events import Event, Outcome, Priority
from gateway.homeassistant import HomeAssistant, filters
from gateway.mqtt.topics import Arrival, Topics

PLACE = "homeassistant/device/hushbell-lilac-01/door-pi"
ENTITIES = {"status", "queue", "passing", "lingering", "inside", "alert"}
T = datetime.fromisoformat("2026-12-05T16:20:05.501+08:00").timestamp()

SWITCHED_ON = CONFIG.replace('mqtt: {{url: "{url}"}}', 'mqtt: {{url: "{url}", home_assistant: true}}')


class Kept(dict[str, bytes]):
    """What a broker would hold retained."""

    def keep(self, topic: str, payload: bytes) -> None:
        self[topic] = payload

    def json(self, name: str) -> Any:
        return json.loads(self[f"{PLACE}/{name}"])


def config(*, on: bool = True, language: Language = "zh") -> Config:
    store = Store("lilac-01", ZoneInfo("Asia/Shanghai"), name="丁香路店", language=language)
    return Config(Path("x"), store, Gateway("door-pi"), Mqtt("mqtt://a", home_assistant=on), (), (), ())


def home(kept: Kept, *, on: bool = True, language: Language = "zh") -> HomeAssistant:
    return HomeAssistant(config(on=on, language=language), Topics("lilac-01", "door-pi"), kept.keep)


def announced(language: Language = "zh") -> Any:
    kept = Kept()
    home(kept, language=language).announce()
    assert set(kept) == {f"{PLACE}/config"}
    return kept.json("config")


def outcome(type_: str, data: dict[str, Any], t: float = T) -> Outcome:
    return Outcome(events=[Event("id", "topic", type_, t, 1, data, t + 60, Priority.ALERT)])


def data_of(name: str) -> dict[str, Any]:
    body = BODIES[name][0]
    assert isinstance(body, dict)
    data = body["data"]
    assert isinstance(data, dict)
    return data


def test_the_discovery_has_what_home_assistant_demands_of_a_device() -> None:
    told = announced()
    assert set(told) == {"device", "origin", "components", "qos"}
    assert told["device"]["identifiers"] == ["hushbell.lilac-01.door-pi"]
    assert told["origin"]["name"] == "Hushbell"
    entities = told["components"]
    assert set(entities) == ENTITIES
    assert all(entity["platform"] == "sensor" and entity["state_topic"] for entity in entities.values())
    assert len({entity["unique_id"] for entity in entities.values()}) == len(ENTITIES)


@pytest.mark.parametrize(("language", "name"), [("zh", "在店"), ("en", "Inside")])
def test_entities_are_named_in_the_shops_language(language: Language, name: str) -> None:
    assert announced(language)["components"]["inside"]["name"] == name


def test_every_template_reads_a_field_that_its_topic_has() -> None:
    there = {
        f"{SHOP}gateways/door-pi/status": BODIES["gateway.status"][0],
        f"{SHOP}gateways/door-pi/health": BODIES["gateway.health"][0],
        f"{PLACE}/crowd": data_of("crowd.counted"),
        f"{PLACE}/alert": {"at": "2026-12-05T16:20:05.501+08:00"},
    }
    for entity in announced()["components"].values():
        first, *more = re.findall(r"value_json\.([\w.]+)", entity["value_template"])
        value: Any = there[entity["state_topic"]]
        for step in first.removesuffix(".count").split("."):
            value = value[step]
        assert more == []


def test_a_count_and_the_time_of_an_alert_are_kept_at_the_next_moment() -> None:
    kept = Kept()
    assistant = home(kept)
    assistant.take(outcome("hushbell.crowd.counted", data_of("crowd.counted")))
    assistant.take(outcome("hushbell.alert.raised", data_of("alert.raised"), T - 1))
    assistant.take(outcome("hushbell.alert.raised", data_of("alert.raised")))
    assert not kept
    assistant.moment()
    assert kept.json("crowd") == data_of("crowd.counted")
    assert kept.json("alert") == {"at": "2026-12-05T16:20:05.501+08:00"}
    kept.clear()
    assistant.moment()
    assert not kept


@pytest.mark.parametrize(
    ("type_", "more"),
    [
        ("hushbell.alert.raised", {"test": True}),
        ("hushbell.alert.claimed", {}),
        ("hushbell.visit.started", {}),
        ("hushbell.offer.triggered", {}),
    ],
)
def test_of_anything_else_nothing_is_kept(type_: str, more: dict[str, Any]) -> None:
    kept = Kept()
    assistant = home(kept)
    assistant.take(outcome(type_, data_of(type_.removeprefix("hushbell.")) | more))
    assistant.moment()
    assert not kept


def test_switched_off_it_says_nothing_and_takes_back_what_is_left() -> None:
    kept = Kept()
    assistant = home(kept, on=False)
    assistant.announce()
    assistant.take(outcome("hushbell.alert.raised", data_of("alert.raised")))
    assistant.moment()
    assert not kept
    assert filters(config(on=False)) == (f"{PLACE}/+",)
    assert assistant.clear(Arrival(f"{PLACE}/config", b"{}", retained=True))
    assert assistant.clear(Arrival(f"{PLACE}/config", b""))
    assert kept == {f"{PLACE}/config": b""}


def test_its_own_echo_is_passed_over_and_what_is_not_for_it_is_left_to_others() -> None:
    kept = Kept()
    assistant = home(kept)
    assert filters(config()) == ()
    assert assistant.clear(Arrival(f"{PLACE}/config", b"{}"))
    assert not assistant.clear(Arrival(f"{SHOP}facts/new_arrivals", b"true"))
    assert not kept


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[VirtualBroker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


def test_a_shop_that_switches_it_on_is_seen_and_one_that_switches_it_off_is_forgotten(
    tmp_path: Path, broker: VirtualBroker
) -> None:
    with VirtualClient(broker.port, "home", "homeassistant/#") as client:
        shop = VirtualDaemon(tmp_path / "shop", broker.url, SWITCHED_ON)
        shop.put(a_member(note="喜欢新款童鞋"))
        with shop:
            asyncio.run(_walk_in(shop))
            client.wait_until(lambda: client.on("/alert"))
            shop.stop()
        told = b"".join(message.payload for message in client.received).decode()
        assert [word for word in ("王女士", "oX3f-91c2", "童鞋", '"member"', '"visit"', '"v-') if word in told] == []
        (shop.folder / "hushbell.yaml").write_text(CONFIG.format(url=broker.url), encoding="utf-8")
        with shop:
            client.wait_until(lambda: {m.topic for m in client.received if not m.payload} == {*_left(client)})
    with VirtualClient(broker.port, "later", "homeassistant/#", f"{SHOP}gateways/+/status") as later:
        later.wait_for(1)
        assert {message.topic for message in later.received} == {f"{SHOP}gateways/door-pi/status"}


def _left(client: VirtualClient) -> set[str]:
    return {message.topic for message in client.received if message.payload}


async def _walk_in(shop: VirtualDaemon) -> None:
    await shop.hearing()
    await shop.walk_in()
