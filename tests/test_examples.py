"""The example back ends, run for real: against the daemon, and against a gateway whose every word a test chooses."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import SHOP, VirtualClient
from virtual_contract import faults
from virtual_daemon import VirtualDaemon
from virtual_example import EXAMPLES, LANGUAGES, MEMBER, Language, VirtualExample, example_source
from virtual_users import shop_broker

CARD = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b1800630001")
THEIRS = ("commands/+", "facts/+", "outcomes")
BOTH = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[VirtualBroker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def gateway(broker: VirtualBroker) -> Iterator[VirtualClient]:
    """Somebody who hears what back ends say, and whom they take for the gateway."""
    with VirtualClient(broker.port, "gateway", *(SHOP + topic for topic in THEIRS)) as client:
        yield client


def example(language: Language, tmp_path: Path, url: str, member: Path = MEMBER) -> VirtualExample:
    folder = tmp_path / "example"
    folder.mkdir()
    return VirtualExample(language, folder, url, member)


@contextmanager
def a_shop(tmp_path: Path, port: int) -> Iterator[VirtualDaemon]:
    """Run the daemon; it is at the broker when the block begins."""
    with (
        VirtualClient(port, "onlooker", f"{SHOP}gateways/+/status") as onlooker,
        VirtualDaemon(tmp_path / "shop", f"mqtt://127.0.0.1:{port}") as shop,
    ):
        onlooker.wait_until(lambda: onlooker.received)
        yield shop


def tell(gateway: VirtualClient, number: int, topic: str = "visits") -> None:
    gateway.publish(SHOP + topic, json.dumps(event(number)).encode())


def event(number: int) -> dict[str, Any]:
    """Return an event with this place in its topic; its data say so again."""
    return {
        "specversion": "1.0",
        "id": f"id-{number}",
        "source": "/stores/lilac-01/gateways/door-pi",
        "type": "hushbell.visit.started",
        "time": "2026-12-05T16:20:05.501+08:00",
        "datacontenttype": "application/json",
        "sequence": f"{number:016}",
        "data": {"number": number},
    }


def numbers(back_end: VirtualExample) -> list[int]:
    return [data["number"] for data in back_end.events()]


@BOTH
def test_an_example_puts_a_member_states_a_fact_and_says_what_became_of_an_offer(
    language: Language, tmp_path: Path, broker: VirtualBroker, gateway: VirtualClient
) -> None:
    with a_shop(tmp_path, broker.port) as shop, example(language, tmp_path, broker.url) as back_end:
        back_end.wait_for("members.put: ok")
        asyncio.run(_come_by(shop, back_end))
        for type_ in ("visit.started", "offer.triggered", "alert.raised"):
            assert back_end.events(type_), back_end.lines
        assert back_end.events("visit.started")[0]["member"] == "example-0001"
        assert back_end.events("alert.raised")[0]["greeting"] == "赵女士"
        gateway.wait_until(lambda: gateway.on("/outcomes"))
        feedback = back_end.events("offer.triggered")[0]["feedback"]
        assert [outcome.body for outcome in gateway.on("/outcomes")] == [{"feedback": feedback, "outcome": "shown"}]
        assert gateway.on("/facts/new_arrivals")[0].body is True
    assert [faults("receive", said.topic, said.payload) for said in gateway.received] == [[]] * len(gateway.received)


async def _come_by(shop: VirtualDaemon, back_end: VirtualExample) -> None:
    """Stand at the window until there is an offer, then come in."""
    await shop.hearing()
    for type_, dbm in (("offer.triggered", -80), ("alert.raised", -50)):
        async with asyncio.timeout(20.0):
            while not back_end.events(type_):
                await shop.stand(dbm, 0.5, CARD)


@BOTH
def test_an_example_tells_which_field_was_refused(language: Language, tmp_path: Path, broker: VirtualBroker) -> None:
    wrong = json.loads(MEMBER.read_text(encoding="utf-8"))
    wrong["credentials"][0]["major"] = 65536
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    with a_shop(tmp_path, broker.port), example(language, tmp_path, broker.url, tmp_path / "wrong.json") as back_end:
        back_end.wait_for("members.put: invalid credentials[0].major: ")


@BOTH
def test_an_example_deals_with_each_event_once_and_asks_for_what_is_missing(
    language: Language, tmp_path: Path, broker: VirtualBroker, gateway: VirtualClient
) -> None:
    with example(language, tmp_path, broker.url) as back_end:
        gateway.wait_until(lambda: gateway.on("members.put"))
        for number in (7, 8, 8, 7, 11):
            tell(gateway, number)
        _answer(gateway, back_end, "0000000000000008", [9], more=True)
        _answer(gateway, back_end, "0000000000000009", [10, 11])
        tell(gateway, 12)
        back_end.wait_until(lambda: 12 in numbers(back_end))
    assert numbers(back_end) == [7, 8, 11, 10, 12]
    assert len(gateway.on("events.since")) == 2


def _answer(
    gateway: VirtualClient, back_end: VirtualExample, since: str, there: list[int], *, more: bool = False
) -> None:
    """Answer the question for events since one; the first of them has expired where there is more."""
    gateway.wait_until(lambda: any(asked.body["sequence"] == since for asked in gateway.on("events.since")))
    asked = gateway.on("events.since")[-1]
    rows = [{"sequence": f"{number:016}", "event": event(number)} for number in there]
    if more:
        rows[0] = {"sequence": rows[0]["sequence"], "id": "id-9", "type": "hushbell.visit.started", "gone": "expired"}
    answer = {"ok": True, "result": {"topic": "visits", "events": rows, "more": more}}
    topic = f"{SHOP}replies/{back_end.name}/answers"
    gateway.request(topic, json.dumps(answer).encode(), None, asked.correlation)


@BOTH
def test_an_example_misses_nothing_and_repeats_nothing_when_it_was_away(
    language: Language, tmp_path: Path, broker: VirtualBroker, gateway: VirtualClient
) -> None:
    back_end = example(language, tmp_path, broker.url)
    with back_end:
        gateway.wait_until(lambda: gateway.on("members.put"))
        tell(gateway, 1)
        tell(gateway, 2)
        back_end.wait_until(lambda: 2 in numbers(back_end))  # so it has noted down 1, and perhaps not yet 2
    for number in (1, 3, 6):
        tell(gateway, number)
    with back_end:
        back_end.wait_until(lambda: 6 in numbers(back_end))
        gateway.wait_until(lambda: gateway.on("events.since"))
    assert [number for number in numbers(back_end) if number != 2] == [1, 3, 6]
    assert gateway.on("events.since")[0].body == {"topic": "visits", "sequence": "0000000000000003"}


@BOTH
def test_an_example_needs_no_more_than_a_back_end_may(
    language: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{language}-back-end"
    with shop_broker(tmp_path / "broker", ("back-end", "lilac-01", name)) as broker:
        for variable in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
            monkeypatch.setenv(variable, str(broker.ca_file))
        user = f"lilac-01.{name}:{broker.passwords[f'lilac-01.{name}']}"
        url = f"mqtts://{user}@localhost:{broker.secure_port}"
        with a_shop(tmp_path, broker.port), example(language, tmp_path, url) as back_end:
            back_end.wait_for("members.put: ok")


def test_both_examples_and_the_page_bear_the_same_member() -> None:
    member = json.loads(MEMBER.read_text(encoding="utf-8"))
    assert not faults("receive", f"{SHOP}commands/members.put", json.dumps(member).encode())
    card = member["credentials"][0]
    assert bytes.fromhex(card["uuid"].replace("-", "")) + bytes((0, card["major"], 0, card["minor"])) == CARD


def test_what_the_page_shows_of_the_examples_stands_in_them() -> None:
    page = (EXAMPLES.parent / "docs" / "back-end.md").read_text(encoding="utf-8")
    for language, tag in (("python", "python"), ("nodejs", "js")):
        source = example_source(language).read_text(encoding="utf-8")  # type: ignore[arg-type]
        shown = re.findall(rf"^```{tag}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        assert shown
        assert [part for part in shown if part not in source] == []
