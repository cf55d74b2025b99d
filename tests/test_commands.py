"""Commands: one answer to each request, on the client's own topic, carried out once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient

from gateway.contract.commands import Operation
from gateway.contract.reading import RefusedError
from gateway.mqtt import commands as module
from gateway.mqtt.address import parse_url
from gateway.mqtt.commands import Commands
from gateway.mqtt.connection import Connection
from gateway.mqtt.outgoing import Delivery, Done, Outgoing
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Arrival, Command, Topics

TOPICS = Topics("s", "g")
ANSWER = "hushbell/v1/s/replies/erp/1"


class Bench:
    """Commands with what they sent, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.calls: list[Mapping[str, Any]] = []
        self.now = 0.0
        self.refuse_above = 1 << 30
        self.linked = True
        self.gate = asyncio.Event()
        self.commands = Commands(TOPICS, self._send, lambda: self.now)
        for name, handler in self._handlers().items():
            self.commands.register(Operation(name, "", dict, object), handler)

    def _send(self, message: Outgoing, done: Done) -> None:
        if not self.linked:
            done(Delivery.LOST, "no broker")
        elif len(message.payload) > self.refuse_above:
            done(Delivery.REFUSED, "too large")
        else:
            self.sent.append(message)
            done(Delivery.DELIVERED, "success")

    def _handlers(self) -> dict[str, Callable[[Mapping[str, Any]], Awaitable[Any]]]:
        async def put(arguments: Mapping[str, Any]) -> Any:
            self.calls.append(arguments)
            return {"number": len(self.calls)}

        async def refuse(_: Mapping[str, Any]) -> Any:
            raise RefusedError("invalid", "credentials[0].uuid", "not 32 hex digits")

        async def fail(_: Mapping[str, Any]) -> Any:
            raise RuntimeError("5e:3a:11:22:33:44")

        async def wait(arguments: Mapping[str, Any]) -> Any:
            await self.gate.wait()
            return await put(arguments)

        async def large(arguments: Mapping[str, Any]) -> Any:
            return "x" * arguments["size"]

        handlers = {"members.put": put, "members.wait": wait, "explain": put, "refuse": refuse}
        return handlers | {"fail": fail, "large": large}

    def ask(self, name: str, correlation: bytes | None = b"1", topic: str | None = ANSWER, **arguments: Any) -> None:
        self.send(name, json.dumps(arguments).encode(), correlation, topic)

    def send(self, name: str, body: bytes, correlation: bytes | None = b"1", topic: str | None = ANSWER) -> None:
        self.commands.receive(Command(name, body, topic, correlation))

    async def lose(self, count: int) -> None:
        """Wait until so many answers were lost."""
        for _ in range(1000):
            if self.commands.counters["answer lost"] >= count:
                break
            await asyncio.sleep(0)

    async def answers(self, count: int) -> list[Any]:
        for _ in range(1000):
            if len(self.sent) >= count:
                break
            await asyncio.sleep(0)
        return [json.loads(message.payload) for message in self.sent]


def test_an_answer_that_had_no_link_is_sent_once_there_is_one_unless_nobody_waits_for_it_any_more() -> None:
    """What waited at the broker arrives while the gateway still signs on."""

    async def run() -> None:
        bench = Bench()
        bench.linked = False
        bench.ask("members.put", b"1")
        bench.ask("members.put", b"2")
        await bench.lose(2)
        bench.commands.answer_again()
        bench.linked = True
        bench.commands.answer_again()
        assert await bench.answers(2) == [{"ok": True, "result": {"number": number}} for number in (1, 2)]
        bench.commands.answer_again()
        bench.linked = False
        bench.ask("members.put", b"3")
        await bench.lose(5)
        bench.linked, bench.now = True, module.ANSWER_LIFE_S
        bench.commands.answer_again()
        assert len(bench.sent) == 2

    asyncio.run(run())


def test_an_answer_goes_to_its_topic_with_its_correlation() -> None:
    async def run() -> None:
        bench = Bench()
        bench.ask("members.put", b"\x00\xff", member="oX3f")
        assert await bench.answers(1) == [{"ok": True, "result": {"number": 1}}]
        assert (bench.sent[0].topic, bench.sent[0].correlation) == (ANSWER, b"\x00\xff")
        assert bench.calls == [{"member": "oX3f"}]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refuse", {"code": "invalid", "field": "credentials[0].uuid", "message": "not 32 hex digits"}),
        ("nothing", {"code": "unknown", "field": None, "message": "there is no such command"}),
        ("report", {"code": "refused", "field": None, "message": "this version of the gateway cannot do that yet"}),
        ("fail", {"code": "internal", "field": None, "message": "the gateway failed at this"}),
    ],
)
def test_what_is_refused_says_why(name: str, error: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        bench = Bench()
        bench.ask(name)
        assert await bench.answers(1) == [{"ok": False, "error": error}]

    asyncio.run(run())
    assert "5e:3a" not in caplog.text


@pytest.mark.parametrize(
    ("body", "code", "field", "message"),
    [
        (b"[]", "invalid", None, "expected an object"),
        (b"{", "invalid", None, "not JSON in UTF-8"),
        (b'{"a": 1, "a": 2}', "invalid", "a", "stands twice"),
        (b'{"a": {"b": "138 0013 8000"}}', "refused", "a.b", "holds a phone number, which is never stored"),
        (b'{"a": ' * 9 + b"1" + b"}" * 9, "too_large", "a.a.a.a.a.a.a.a", "is nested more than 8 deep"),
        (b"[" * 60_000, "too_large", None, "nested deeper than 16"),
        (b'"' + b"x" * 70_000 + b'"', "too_large", None, "larger than 65536 bytes"),
    ],
)
def test_a_body_that_is_not_understood_is_answered_and_not_carried_out(
    body: bytes, code: str, field: str | None, message: str
) -> None:
    async def run() -> None:
        bench = Bench()
        bench.send("members.put", body, b"7")
        assert await bench.answers(1) == [{"ok": False, "error": {"code": code, "field": field, "message": message}}]
        assert (bench.sent[0].correlation, bench.calls) == (b"7", [])

    asyncio.run(run())


@pytest.mark.parametrize("topic", [None, "hushbell/v1/s/alerts/floor", "hushbell/v1/other/replies/erp/1", "#"])
def test_without_a_fit_answer_topic_nothing_is_done(topic: str | None) -> None:
    async def run() -> None:
        bench = Bench()
        bench.ask("members.put", topic=topic)
        assert await bench.answers(1) == []
        assert bench.calls == []
        assert bench.commands.counters == {"no answer topic": 1}

    asyncio.run(run())


def test_a_request_that_comes_again_gets_the_same_answer() -> None:
    """Also while it is still carried out, and not for another client, other arguments, or much later."""

    async def run() -> None:
        bench = Bench()
        bench.ask("members.wait", member="a")
        bench.ask("members.wait", member="a")
        bench.gate.set()
        bench.ask("members.wait", member="a")
        first = {"ok": True, "result": {"number": 1}}
        assert await bench.answers(3) == [first] * 3
        bench.ask("members.wait", member="b")
        bench.ask("members.wait", topic="hushbell/v1/s/replies/pos/1", member="a")
        bench.ask("members.wait", b"2", member="a")
        bench.ask("members.wait", None, member="a")
        bench.ask("members.wait", None, member="a")
        numbers = [answer["result"]["number"] for answer in await bench.answers(8)]
        assert numbers == [1, 1, 1, 2, 3, 4, 5, 6]
        bench.now = module.REMEMBERED_S
        bench.ask("members.wait", member="a")
        assert (await bench.answers(9))[-1]["result"]["number"] == 7

    asyncio.run(run())


def test_a_family_keeps_its_order_and_holds_up_no_other() -> None:
    async def run() -> None:
        bench = Bench()
        bench.ask("members.wait", b"1", member="first")
        bench.ask("members.put", b"2", member="second")
        bench.ask("explain", b"3", id="a-1")
        assert len(await bench.answers(2)) == 1
        bench.gate.set()
        await bench.answers(3)
        assert bench.calls == [{"id": "a-1"}, {"member": "first"}, {"member": "second"}]

    asyncio.run(run())


def test_a_flood_is_told_that_we_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(module, "REMEMBERED", 2)

    async def run() -> None:
        bench = Bench()
        for number in range(5):
            bench.ask("members.wait", b"%d" % number)
        answers = await bench.answers(2)
        assert [answer["error"]["code"] for answer in answers] == ["busy", "busy"]
        bench.gate.set()
        assert [answer["ok"] for answer in await bench.answers(5)] == [False, False, True, True, True]
        assert len(bench.commands._given) == 2

    asyncio.run(run())


def test_a_client_that_floods_is_told_then_left_alone_and_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BURST", 3.0)
    monkeypatch.setattr(module, "A_SECOND", 1.0)

    async def run() -> None:
        bench = Bench()
        bench.commands._clients["erp"] = module._Client(0.0, 3.0)
        for number in range(9):
            bench.ask("explain", b"%d" % number)
        bench.ask("explain", topic="hushbell/v1/s/replies/pos/1")
        oks = [answer["ok"] for answer in await bench.answers(6)]
        assert oks.count(False) == 2
        assert len(bench.calls) == 4, "three of the first, one of the other"
        assert bench.commands.counters["unanswered, too many of one client"] == 4
        bench.now = 6.0
        bench.ask("explain", b"later")
        assert (await bench.answers(7))[-1]["ok"]

    asyncio.run(run())


def test_one_client_s_slow_commands_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE_EACH", 2)

    async def run() -> None:
        bench = Bench()
        for number in range(3):
            bench.ask("members.wait", b"%d" % number)
        bench.ask("explain", topic="hushbell/v1/s/replies/pos/1")
        answers = await bench.answers(2)
        assert sorted(answer["ok"] for answer in answers) == [False, True]
        bench.gate.set()
        await bench.answers(4)
        bench.ask("members.wait", b"again")
        assert (await bench.answers(5))[-1]["ok"]

    asyncio.run(run())


def test_an_answer_that_is_too_large_says_so() -> None:
    async def run() -> None:
        bench = Bench()
        bench.ask("large", size=module.ANSWER_BYTES)
        bench.refuse_above = 20_000
        bench.ask("large", size=20_000)
        bench.ask("large", size=19_000)
        answers = await bench.answers(3)
        assert [answer["ok"] or answer["error"]["code"] for answer in answers] == ["too_large", "too_large", True]
        assert len(bench.commands._given) == 1, "large answers are not remembered"

    asyncio.run(run())


def test_closing_gives_up_what_waits() -> None:
    async def run() -> None:
        bench = Bench()
        bench.ask("members.wait")
        await asyncio.sleep(0)
        await bench.commands.close()
        assert bench.sent == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_request_and_response_over_a_real_broker(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker, erp: VirtualClient) -> None:
        bench = Bench()

        def receive(arrival: Arrival) -> None:
            value = TOPICS.parse(arrival)
            assert isinstance(value, Command)
            bench.commands.receive(value)

        settings = Settings(parse_url(broker.url), TOPICS.client_id, Outgoing(TOPICS.status, b""), TOPICS.subscriptions)
        online = asyncio.Event()
        connection = Connection(settings, receive, lambda state: online.set() if state.online else None)
        bench.commands._send = connection.send
        task = asyncio.create_task(connection.run())
        await asyncio.wait_for(online.wait(), 10)
        for body in ({"member": "oX3f"}, b"not json", b"[" * 100_000):
            await asyncio.to_thread(erp.request, "hushbell/v1/s/commands/members.put", body, ANSWER, b"\x01")
        await asyncio.to_thread(erp.wait_for, 3)
        connection.close()
        await task

    with running_broker(tmp_path) as broker, VirtualClient(broker.port, "erp", "hushbell/v1/s/replies/erp/+") as erp:
        asyncio.run(run(broker, erp))
        answers = {json.dumps(message.body.get("error", {}).get("code")) for message in erp.received}
        assert answers == {"null", '"invalid"', '"too_large"'}
        assert all(message.correlation == b"\x01" for message in erp.received)
