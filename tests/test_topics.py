"""Topics and what arrives on them: values for what the contract knows, a refusal for all else, and never a raise."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.contract.catalogue import LARGE_BYTES, SMALL_BYTES
from gateway.contract.reading import MAX_DEPTH
from gateway.mqtt.topics import (
    Arrival,
    Claim,
    Command,
    DeviceStatus,
    Fact,
    FactRemoved,
    Feedback,
    Inbound,
    Refused,
    Topics,
)

TOPICS = Topics("lilac-01", "door-pi")
ROOT = "hushbell/v1/lilac-01"


def parse(topic: str, payload: str | bytes, *, retained: bool = False) -> Inbound:
    raw = payload.encode() if isinstance(payload, str) else payload
    return TOPICS.parse(Arrival(f"{ROOT}/{topic}", raw, retained))


def test_the_names_are_the_contract() -> None:
    assert TOPICS.status == f"{ROOT}/gateways/door-pi/status"
    assert TOPICS.under("alerts/floor") == f"{ROOT}/alerts/floor"
    assert TOPICS.source == "/stores/lilac-01/gateways/door-pi"
    assert set(TOPICS.subscriptions) == {
        f"{ROOT}/devices/+/status",
        f"{ROOT}/alerts/+/claims/+",
        f"{ROOT}/facts/+",
        f"{ROOT}/outcomes",
        f"{ROOT}/commands/+",
        f"{ROOT}/members",
    }


@pytest.mark.parametrize(
    ("topic", "payload", "value"),
    [
        (
            "alerts/floor/claims/badge-1",
            '{"alert": "a-01936f5e", "action": "claim"}',
            Claim("badge-1", "floor", "a-01936f5e", "claim"),
        ),
        (
            "alerts/floor/claims/badge-1",
            '{"alert": "a-1", "action": "not_now", "more": [1]}',
            Claim("badge-1", "floor", "a-1", "not_now"),
        ),
        (
            "devices/badge-1/status",
            '{"state": "online", "battery": 0.7}',
            DeviceStatus("badge-1", online=True, battery=0.7),
        ),
        ("devices/badge-1/status", '{"state": "offline"}', DeviceStatus("badge-1", online=False)),
        ("devices/badge-1/status", "", DeviceStatus("badge-1", online=False)),
        ("facts/new_arrivals", "true", Fact("new_arrivals", True)),
        ("facts/featured", '{"item": "sku-114"}', Fact("featured", {"item": "sku-114"})),
        ("facts/featured", "null", Fact("featured", None)),
        ("facts/featured", "", FactRemoved("featured")),
        (
            "outcomes",
            '{"feedback": "f-1", "outcome": "redeemed", "amount": 128.0}',
            Feedback("f-1", "redeemed", 128.0),
        ),
        ("outcomes", '{"feedback": "f-1", "outcome": "dismissed"}', Feedback("f-1", "dismissed")),
        ("commands/members.put", '{"member": "oX3f"}', Command("members.put", b'{"member": "oX3f"}', None, None)),
        ("commands/status", "", Command("status", b"", None, None)),
    ],
)
def test_what_the_contract_knows_is_a_value(topic: str, payload: str, value: Inbound) -> None:
    assert parse(topic, payload) == value


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("alerts/floor/claims/badge-1", "", "not JSON in UTF-8"),
        ("alerts/floor/claims/badge-1", "[]", "expected an object"),
        ("alerts/floor/claims/badge-1", '{"action": "claim"}', "alert: is missing"),
        (
            "alerts/floor/claims/badge-1",
            '{"alert": 7, "action": "claim"}',
            "alert: expected text of 1 to 128 characters",
        ),
        (
            "alerts/floor/claims/badge-1",
            '{"alert": "a", "action": "steal"}',
            "action: expected one of busy, claim, not_now, release, serious",
        ),
        ("alerts/floor/claims/badge 1", '{"alert": "a", "action": "claim"}', "the topic bears no valid id"),
        ("alerts/floor/claims/", '{"alert": "a", "action": "claim"}', "the topic bears no valid id"),
        ("devices/badge-1/status", '{"state": "asleep"}', "state: expected one of offline, online"),
        (
            "devices/badge-1/status",
            '{"state": "online", "battery": 70}',
            "battery: expected a number from 0 to 1 or null",
        ),
        (
            "devices/badge-1/status",
            '{"state": "online", "battery": true}',
            "battery: expected a number from 0 to 1 or null",
        ),
        ("facts/a b", "true", "the topic bears no valid id"),
        ("facts/x", "NaN", "not JSON in UTF-8"),
        ("facts/x", "[1e999]", "not JSON in UTF-8"),
        ("facts/x", '"\\ud800"', "not JSON in UTF-8"),
        ("facts/x", b'"\xff"', "not JSON in UTF-8"),
        ("facts/x", '{"a": 1', "not JSON in UTF-8"),
        ("facts/x", "9" * 5000, "not JSON in UTF-8"),
        ("facts/x", '"' + "x" * LARGE_BYTES + '"', f"larger than {LARGE_BYTES} bytes"),
        ("outcomes", " " * SMALL_BYTES + "{}", f"larger than {SMALL_BYTES} bytes"),
        ("facts/x", "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH}"),
        ("facts/x", "[" * 60_000, f"nested deeper than {MAX_DEPTH}"),
        (
            "outcomes",
            '{"feedback": "f", "outcome": "shown", "amount": "1"}',
            "amount: expected a number from -1000000000000 to 1000000000000 or null",
        ),
        (
            "outcomes",
            '{"feedback": "f", "outcome": "shown", "amount": 1' + "0" * 300 + "}",
            "amount: expected a number from -1000000000000 to 1000000000000 or null",
        ),
        ("visits", "{}", "nothing is expected on this topic"),
        ("alerts/floor", "{}", "nothing is expected on this topic"),
    ],
)
def test_what_is_wrong_is_refused_and_not_quoted(topic: str, payload: str | bytes, reason: str) -> None:
    refused = parse(topic, payload)
    assert isinstance(refused, Refused)
    assert refused.reason == reason


def test_brackets_in_texts_are_no_depth_and_many_lists_are_no_deep_one() -> None:
    assert isinstance(parse("facts/x", '"' + "[" * 1000 + '\\""'), Fact)
    assert isinstance(parse("facts/x", "[" + "[]," * 1000 + "[]]"), Fact)
    assert isinstance(parse("facts/x", "[" * MAX_DEPTH + "]" * MAX_DEPTH), Fact)


@pytest.mark.parametrize(
    "payload",
    ["[" * LARGE_BYTES, '"' + '\\"' * (LARGE_BYTES // 2 - 1), "[" * 20 + '"\\' * 30_000, "{[" * 30_000 + '"' * 5000],
)
def test_the_worst_is_refused_in_no_time(payload: str) -> None:
    began = time.perf_counter()
    assert isinstance(parse("facts/x", payload), Refused)
    assert time.perf_counter() - began < 0.2


def test_what_is_retained_is_obeyed_only_where_it_is_a_state() -> None:
    assert isinstance(parse("facts/x", "1", retained=True), Fact)
    assert isinstance(parse("devices/b/status", '{"state": "online"}', retained=True), DeviceStatus)
    for topic in ("commands/members.remove", "alerts/floor/claims/b", "outcomes"):
        refused = parse(topic, '{"alert": "a", "action": "claim"}', retained=True)
        assert isinstance(refused, Refused)
        assert refused.code == "refused"


@pytest.mark.parametrize("root", ["", "hushbell/v1/other/", "x/hushbell/v1/lilac-01/"])
def test_another_root_is_nobodys(root: str) -> None:
    assert isinstance(TOPICS.parse(Arrival(root + "facts/x", b"1")), Refused)


def test_a_command_is_taken_as_it_came() -> None:
    arrival = Arrival(f"{ROOT}/commands/Members/../put", b"{}", False, "answer", b"7")
    assert isinstance(TOPICS.parse(arrival), Refused)
    arrival = Arrival(f"{ROOT}/commands/Members..put", b"{", False, "answer", b"7")
    assert TOPICS.parse(arrival) == Command("Members..put", b"{", "answer", b"7")


@pytest.mark.parametrize(
    ("topic", "client"),
    [
        (f"{ROOT}/replies/erp/1", "erp"),
        (f"{ROOT}/replies/erp/a/b", "erp"),
        (f"{ROOT}/replies/erp", None),
        (f"{ROOT}/replies/erp/", None),
        (f"{ROOT}/replies//1", None),
        (f"{ROOT}/replies/+/1", None),
        (f"{ROOT}/replies/erp/#", None),
        (f"{ROOT}/replies/erp/\n", None),
        (f"{ROOT}/replies/erp/" + "x" * 300, None),
        (f"{ROOT}/alerts/floor", None),
        ("hushbell/v1/other/replies/erp/1", None),
        ("", None),
    ],
)
def test_answers_go_to_a_clients_own_replies_only(topic: str, client: str | None) -> None:
    assert TOPICS.client_of(topic) == client


KNOWN = st.sampled_from(
    ["facts/x", "outcomes", "devices/b/status", "alerts/g/claims/b", "members", "commands/members.put"]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["alert", "action", "state", "battery", "feedback", "outcome"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode()),
)


@given(st.one_of(KNOWN, st.text(max_size=30)), BODIES, st.booleans())
@example("facts/x", b'{"a":' * 5000, False)
def test_any_message_is_a_value_or_a_refusal(topic: str, payload: bytes, retained: bool) -> None:
    """Whatever comes gives a value that can be written as JSON again, or a refusal; nothing is raised."""
    value = parse(topic, payload, retained=retained)
    if isinstance(value, Fact):
        json.dumps(value.value, allow_nan=False, ensure_ascii=False).encode()
