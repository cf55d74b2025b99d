import pytest

from drivers.sighting import Kind, Sighting
from gateway.enrolment import Enrolment, credential

CARD = bytes(range(20))
OTHER = bytes(range(1, 21))


def heard(*frames: tuple[bytes, int], receiver: str = "door", kind: Kind = "ibeacon") -> Enrolment:
    enrolment = Enrolment("door")
    for identity, rssi in frames:
        enrolment.hear(Sighting(1.0, receiver, "ble", kind, rssi, identity))
    return enrolment


def test_one_strong_tag_is_found_as_a_credential() -> None:
    assert heard(*[(CARD, -40)] * 3, (OTHER, -70)).found() == {
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
        (heard(*[(CARD, -40)] * 9, receiver="till"), "no unknown tag at all"),
        (heard(*[(CARD, -40)] * 9, kind="advert"), "no unknown tag at all"),
    ],
)
def test_a_weak_crowded_or_foreign_tag_binds_nothing_and_says_why(enrolment: Enrolment, why: str) -> None:
    assert enrolment.found() is None
    assert why in enrolment.why_not()


def test_a_members_card_is_told_as_such() -> None:
    enrolment = Enrolment("door")
    enrolment.hear_member(Sighting(1.0, "door", "ble", "ibeacon", -40, CARD))
    assert "a member's already" in enrolment.why_not()


def test_a_single_strong_frame_is_not_enough() -> None:
    assert heard((CARD, -30)).found() is None


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
