"""What was said on a topic is given again: whole, in order, in answers of a bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
import pytest
from virtual_contract import faults
from virtual_shop import SIX_LINES, six_lines

from gateway import commands as module
from gateway.commands import Desk
from gateway.configuration.configfile import load_config
from gateway.contract.commands import EventsSince
from gateway.contract.events import PastEvent
from gateway.events import Event, Outcome, Priority
from gateway.inforce import tell_configuration
from gateway.rulebook import read_rulebook
from gateway.rulekeeper import RuleKeeper
from gateway.store.store import Store

SHANGHAI = ZoneInfo("Asia/Shanghai")
T = 1_795_327_200.0
ROOT = "hushbell/v1/lilac-01"


def visit(number: int, *, expires: float = T + 1e6, member: str | None = None) -> Event:
    data = {
        "visit": "v-1",
        "member": "oX3f-91c2",
        "at": "2026-11-22T14:03:10.040+08:00",
        "zone": None,
        "kind": "inside",
        "confidence": 0.5,
        "trust": "hint",
        "credential": "ibeacon",
    }
    id_ = f"01936f5e-7b1c-7d20-9c55-{number:012x}"
    return Event(id_, "visits", "hushbell.visit.started", T + number, number, data, expires, Priority.VISIT, member)


def play(folder: Path, scene: Callable[[Desk, Store], Awaitable[None]]) -> None:
    file = folder / "hushbell.yaml"
    file.write_text(six_lines(), encoding="utf-8")
    config = load_config(file)

    async def main() -> None:
        store = await Store.open(folder / "state")
        nobody: Any = None
        keeper = RuleKeeper(config, read_rulebook(config), nobody, lambda: T, lambda _: None)
        desk = Desk(config, keeper, store, nobody, nobody, nobody, nobody, lambda: T)
        try:
            await scene(desk, store)
        finally:
            await store.close()

    asyncio.run(main())


async def put(store: Store, *events: Event) -> None:
    """Commit events and say that they were sent, those that have not expired."""
    await store.commit(Outcome(list(events)))
    await store.outbox.expire(T)
    store.outbox.sent(*[row.place for row in await store.outbox.pending(1000)])


async def all_since(desk: Desk, sequence: str, most: int) -> list[list[PastEvent]]:
    pages = []
    while True:
        page = await desk.events_since(EventsSince(topic="visits", sequence=sequence, most=most))
        answer = msgspec.json.encode({"ok": True, "result": page})
        assert faults("send", f"{ROOT}/replies/erp/1", answer) == []
        pages.append(page.events)
        if not page.more:
            return pages
        sequence = page.events[-1].sequence


@pytest.mark.parametrize(("most", "room"), [(500, 1 << 20), (3, 1 << 20), (500, 1), (500, 1500)])
def test_every_event_comes_once_and_in_order_with_tombstones_whatever_an_answer_holds(
    most: int, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_BYTES", room)

    async def scene(desk: Desk, store: Store) -> None:
        await put(store, *(visit(n, expires=T - 1 if n == 4 else T + 1e6) for n in range(1, 11)))
        pages = await all_since(desk, "0000000000000002", most)
        told = [event for page in pages for event in page]
        assert [int(event.sequence) for event in told] == list(range(3, 11))
        assert [event.gone for event in told if not event.event] == ["expired"]
        assert told[0].event == visit(3).envelope("/stores/lilac-01/gateways/door-pi", SHANGHAI)
        assert max(map(len, pages)) <= most

    play(tmp_path, scene)


def test_an_erased_members_events_are_tombstones_that_say_nothing(tmp_path: Path) -> None:
    async def scene(desk: Desk, store: Store) -> None:
        await put(store, visit(1, member="oX3f-91c2"))
        await store.erasure.of_member("oX3f-91c2")
        ((past,),) = await all_since(desk, "0" * 16, 10)
        assert (past.gone, past.event) == ("erased", msgspec.UNSET)

    play(tmp_path, scene)


def test_what_is_still_to_be_sent_is_not_given_ahead_of_its_time(tmp_path: Path) -> None:
    async def scene(desk: Desk, store: Store) -> None:
        await store.commit(Outcome([visit(1)]))
        assert await all_since(desk, "0" * 16, 10) == [[]]

    play(tmp_path, scene)


def test_the_configuration_is_told_in_its_own_words_and_no_secret_with_it(tmp_path: Path) -> None:
    file = tmp_path / "hushbell.yaml"
    for secret in ("zq-password", "zq-key.pem"):
        (tmp_path / secret).write_text("zq-secret")
    mqtt = "{url: mqtts://broker, username: zq-user, password_file: zq-password}"
    hours = '{id: lilac-01, timezone: Asia/Shanghai, opening_hours: "10:00-22:00"}'
    receivers = "[{id: door, driver: ble}, {id: till, driver: hostapd, control: /run/hostapd/wlan0, ssid: Lilac}]"
    guest = '{receiver: till, listen: "10.0.0.1:8080", keys: /run/zq-keys}'
    zones = f"{SIX_LINES['zones'][:-1]}, {{id: floor, kind: inside, hear: [{{receiver: till}}]}}]"
    parts = {"receivers": receivers, "guest": guest, "zones": zones}
    file.write_text(six_lines(mqtt=mqtt, store=hours, presence="{leave_after: 90 s}", **parts), encoding="utf-8")
    config = load_config(file)
    told = cast(dict[str, Any], msgspec.to_builtins(tell_configuration(config)))
    assert "zq-" not in str(told)
    assert (told["mqtt"], told["presence"]) == ({"urls": ["mqtts://broker"]}, {"leave_after": "90 s"})
    assert told["guest"] == {"receiver": "till", "listen": "10.0.0.1:8080", "has_keys": True}
    assert told["store"]["opening_hours"] == "10:00-22:00"
    assert told["zones"][1] == {
        "id": "entrance",
        "kind": "door",
        "name": "",
        "hear": [{"receiver": "door", "at_least": -70.0, "offset": 0.0}],
    }
