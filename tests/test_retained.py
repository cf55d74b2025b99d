"""Retained messages: after a new session, what is known is exactly what the broker still has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.retained import MOST_TOPICS, Retained


def test_what_does_not_come_again_is_forgotten_once() -> None:
    retained = Retained()
    for topic in ("stays", "goes", "went"):
        retained.take(topic, b"1")
    retained.take("went", b"")
    retained.doubt()
    retained.take("stays", b"1")
    retained.take("new", b"1")
    assert retained.sweep() == ["goes"]
    assert retained.sweep() == []


def test_without_doubt_nothing_is_forgotten() -> None:
    retained = Retained()
    retained.take("a", b"1")
    assert retained.sweep() == []


def test_no_flood_of_topics_fills_memory() -> None:
    retained = Retained()
    for number in range(MOST_TOPICS + 10):
        retained.take(str(number), b"1")
    retained.doubt()
    assert len(retained.sweep()) == MOST_TOPICS


TOPICS = st.sampled_from("abcdef")
SAID = st.dictionaries(TOPICS, st.sampled_from([b"1", b""]))


@given(st.lists(SAID, min_size=1, max_size=6))
def test_what_is_known_is_what_the_last_session_said(sessions: list[dict[str, bytes]]) -> None:
    retained, known = Retained(), set[str]()
    for said in sessions:
        retained.doubt()
        for topic, payload in said.items():
            retained.take(topic, payload)
            known = known | {topic} if payload else known - {topic}
        known -= set(retained.sweep())
        assert known == {topic for topic, payload in said.items() if payload}
