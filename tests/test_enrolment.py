"""One card, held for a while: what is nearly so binds nothing, and says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sighting import Kind, Sighting
from gateway.membership.enrolment import APART_DB, HELD_S, STRONG_DBM, Enrolment, credential

CARD = bytes(range(20))
OTHER = bytes(range(1, 21))


def heard(*frames: tuple[bytes, int], receiver: str = "door", kind: Kind = "ibeacon", over_s: float = 4.0) -> Enrolment:
    """Let frames come one after the other within so many seconds."""
    enrolment = Enrolment("door")
    for number, (identity, rssi) in enumerate(frames):
        t = 1.0 + over_s * number / max(len(frames) - 1, 1)
        enrolment.hear(Sighting(t, receiver, "ble", kind, rssi, identity))
    return enrolment


def member_at(dbm: int, enrolment: Enrolment) -> Enrolment:
    enrolment.hear_member(Sighting(1.0, "door", "ble", "ibeacon", dbm, OTHER))
    return enrolment


def test_one_strong_tag_is_found_as_a_credential() -> None:
    assert heard((CARD, -40), (OTHER, -70), (CARD, -42), (CARD, -40)).found() == {
        "kind": "ibeacon",
        "uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "major": 0x1011,
        "minor": 0x1213,
    }


@pytest.mark.parametrize(
    ("enrolment", "why"),
    [
        (heard(), "no unknown tag at all"),
        (heard(*[(CARD, -70)] * 9), "hold it closer"),
        (heard(*[(CARD, -40), (OTHER, -45)] * 5), "2 unknown tags"),
        (heard(*[(CARD, -50), (OTHER, -60)] * 5), "another tag is nearly as close"),
        (heard(*[(CARD, -40)] * 9, receiver="till"), "no unknown tag at all"),
        (heard(*[(CARD, -40)] * 9, kind="advert"), "no unknown tag at all"),
        (heard(*[(CARD, -40)] * 99, over_s=HELD_S - 0.1), "too briefly"),
        (heard((CARD, -30), (CARD, -30)), "too briefly"),
        (member_at(-40, heard()), "a member's already"),
        (member_at(-40, heard(*[(CARD, -70)] * 9)), "a member's already"),
        (member_at(-45, heard(*[(CARD, -40)] * 9)), "another tag is nearly as close"),
    ],
)
def test_a_weak_crowded_brief_or_foreign_tag_binds_nothing_and_says_why(enrolment: Enrolment, why: str) -> None:
    assert enrolment.found() is None
    assert why in enrolment.why_not()


def test_a_members_card_further_away_does_not_disturb() -> None:
    assert member_at(-40 - APART_DB, heard(*[(CARD, -40)] * 9)).found()


def test_a_tag_that_sends_seldom_is_waited_for_before_the_other_is_taken() -> None:
    frames = [(CARD, -40)] * 20
    assert heard(*frames[:9], (OTHER, -44), *frames).found() is None


@given(st.lists(st.tuples(st.sampled_from([CARD, OTHER]), st.integers(-100, -20)), max_size=30), st.floats(0, 9))
def test_what_is_found_was_held_and_nothing_came_near_it(frames: list[tuple[bytes, int]], over_s: float) -> None:
    """Invariant: the tag found is the strongest, strong enough, and by far stronger than any other."""
    found = heard(*frames, over_s=over_s).found()
    if found is not None:
        best = {identity: max(r for i, r in frames if i == identity) for identity, _ in frames}
        winner = max(best, key=lambda identity: best[identity])
        assert found == credential("ibeacon", winner)
        assert best[winner] >= STRONG_DBM
        assert all(level <= best[winner] - APART_DB for identity, level in best.items() if identity != winner)
        assert over_s >= HELD_S


@pytest.mark.parametrize(
    ("kind", "identity", "expected"),
    [
        ("altbeacon", CARD, {"kind": "altbeacon", "id": CARD.hex()}),
        (
            "eddystone-uid",
            CARD[:16],
            {"kind": "eddystone-uid", "namespace": CARD[:10].hex(), "instance": "0a0b0c0d0e0f"},
        ),
    ],
)
def test_other_cards_are_written_as_their_own_credentials(
    kind: Kind, identity: bytes, expected: dict[str, object]
) -> None:
    assert credential(kind, identity) == expected
