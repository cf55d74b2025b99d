"""Invariant: any datagram gives a value or None, and what a station can say of itself gives it no key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.stations import (
    LONGEST,
    ON_AIR,
    Event,
    Listed,
    Station,
    Stop,
    What,
    parse_consent,
    parse_event,
    parse_listed,
    parse_pong,
    parse_state,
)

PHONE = bytes.fromhex("5e3a11223344")

EVENTS = {
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44": Event(What.JOINED, Station(PHONE)),
    b"<3>AP-STA-CONNECTED 5E:3A:11:22:33:44": Event(What.JOINED, Station(PHONE)),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 keyid=k-7781": Event(What.JOINED, Station(PHONE, b"k-7781")),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 keyid=k-7781\n": Event(What.JOINED, Station(PHONE, b"k-7781")),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 p2p_dev_addr=5e:3a:11:22:33:45 ip_addr=10.0.0.7 keyid=a dpp_pkhash=00": (
        Event(What.JOINED, Station(PHONE, b"a"))
    ),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 keyid=a keyid=b": Event(What.JOINED, Station(PHONE)),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 keyid=": Event(What.JOINED, Station(PHONE)),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 keyid=" + b"k" * 65: Event(What.JOINED, Station(PHONE)),
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 keyid=\xe4\xb8\x81": Event(What.JOINED, Station(PHONE)),
    b"<3>AP-STA-DISCONNECTED 5e:3a:11:22:33:44": Event(What.LEFT, Station(PHONE)),
    b"<3>AP-ENABLED ": Event(What.ON_AIR),
    b"<3>AP-DISABLED ": Event(What.OFF_AIR),
    b"<3>INTERFACE-ENABLED ": Event(What.ON_AIR),
    b"<3>INTERFACE-DISABLED ": Event(What.OFF_AIR),
    b"<3>CTRL-EVENT-TERMINATING ": Event(What.ENDING),
    b"<2>AP-STA-POSSIBLE-PSK-MISMATCH 5e:3a:11:22:33:44": Event(What.OTHER),
    b"<3>RX-PROBE-REQUEST sa=5e:3a:11:22:33:44 signal=-60": Event(What.OTHER),
    b"<3>CTRL-EVENT-EAP-STARTED 5e:3a:11:22:33:44": Event(What.OTHER),
    b"<3>AP-STA-CONNECTED": None,
    b"<3>AP-STA-CONNECTED ": None,
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33": None,
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44:55": None,
    b"<3>AP-STA-CONNECTED 5e-3a-11-22-33-44": None,
    b"<3>AP-STA-CONNECTED 5g:3a:11:22:33:44": None,
    b"<3>AP-STA-CONNECTED 00:00:00:00:00:00": None,
    b"<3>AP-STA-CONNECTED ff:ff:ff:ff:ff:ff": None,
    b"<3>AP-STA-CONNECTED keyid=k-7781": None,
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44\nkeyid=k-7781": None,
    b"<3> AP-STA-CONNECTED 5e:3a:11:22:33:44": None,
    b"<33>AP-STA-CONNECTED 5e:3a:11:22:33:44": None,
    b"<x>AP-STA-CONNECTED 5e:3a:11:22:33:44": None,
    b"AP-STA-CONNECTED 5e:3a:11:22:33:44": None,
    b"<3>": None,
    b"<": None,
    b"": None,
    b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44 " + b"x" * LONGEST: None,
}


@pytest.mark.parametrize(("datagram", "event"), EVENTS.items())
def test_an_event_says_who_joined_and_who_left(datagram: bytes, event: Event | None) -> None:
    assert parse_event(datagram) == event


ANSWERS = {
    b"": Stop.END,
    b"FAIL\n": Stop.BROKEN,
    b"UNKNOWN COMMAND\n": Stop.BROKEN,
    b"5e:3a:11:22:33:44\nflags=[AUTH][ASSOC][AUTHORIZED]\naid=1\n": Listed(Station(PHONE), authorized=True),
    b"5e:3a:11:22:33:44\nflags=[AUTHORIZED][SHORT_PREAMBLE]\naid=1\nkeyid=k-7781\n": (
        Listed(Station(PHONE, b"k-7781"), authorized=True)
    ),
    b"5e:3a:11:22:33:44\nflags=[AUTH][ASSOC]\naid=1\n": Listed(Station(PHONE), authorized=False),
    b"5e:3a:11:22:33:44\nflags=\naid=1\nflags=[AUTHORIZED]\n": Listed(Station(PHONE), authorized=False),
    b"5e:3a:11:22:33:44\naid=1\nflags=[AUTHORIZED]\n": Listed(Station(PHONE), authorized=False),
    b"5e:3a:11:22:33:44\n": Listed(Station(PHONE), authorized=False),
    b"5e:3a:11:22:33:44": Listed(Station(PHONE), authorized=False),
    b"5e:3a:11:22:33:44\nflags=[AUTHORIZED]\nkeyid=a\nkeyid=b\n": Listed(Station(PHONE), authorized=True),
    b"5e:3a:11:22:33:44\nflags=[AUTHORIZED]\nsignal=-51 keyid=a\n": Listed(Station(PHONE), authorized=True),
    b"ff:ff:ff:ff:ff:ff\nflags=[AUTHORIZED]\n": None,
    b"flags=[AUTHORIZED]\n": None,
    b"PONG\n": None,
    b"OK\n": None,
    b"5e:3a:11:22:33:44\nflags=[AUTHORIZED]\n" + b"x" * LONGEST: None,
}


@pytest.mark.parametrize(("answer", "listed"), ANSWERS.items())
def test_the_list_says_who_is_on_the_network(answer: bytes, listed: Listed | Stop | None) -> None:
    assert parse_listed(answer) == listed


def test_a_name_to_sign_on_with_cannot_hold_somebodys_key() -> None:
    forged = b"x\nkeyid=k-7781"
    entry = b"5e:3a:11:22:33:44\nflags=[AUTHORIZED]\ndot1xAuthSessionUserName=%b\nsignal=-51\n" % forged
    assert parse_listed(entry) == Listed(Station(PHONE), authorized=True)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"state=ENABLED\nphy=phy0\n", ON_AIR),
        (b"phy=phy0\nstate=DFS\n", "DFS"),
        (b"state=COUNTRY_UPDATE\n", "COUNTRY_UPDATE"),
        (b"UNKNOWN COMMAND\n", ON_AIR),
        (b"FAIL\n", ON_AIR),
        (b"state=what you like\n", None),
        (b"state=" + b"A" * 33 + b"\n", None),
        (b"substate=ENABLED\n", None),
        (b"PONG\n", None),
        (b"", None),
    ],
)
def test_the_state_is_a_short_word_or_no_answer(answer: bytes, state: str | None) -> None:
    assert parse_state(answer) == state


def test_the_short_answers_are_taken_to_the_letter() -> None:
    answers = (b"OK\n", b"FAIL\n", b"UNKNOWN COMMAND\n", b"PONG\n", b"OK", b"")
    assert [parse_consent(answer) for answer in answers] == [True, False, False, None, None, None]
    assert [parse_pong(answer) for answer in answers] == [None, None, None, True, None, None]


def test_a_station_does_not_print() -> None:
    station = Station(PHONE, b"k-7781")
    texts = [repr(value) for value in (station, Event(What.JOINED, station), Listed(station, authorized=True))]
    assert not [text for text in texts if "k-7781" in text or repr(PHONE)[2:-1] in text]


ADDRESSES = st.binary(min_size=6, max_size=6).filter(lambda address: any(address) and not address[0] & 1)
KEYIDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64).map(str.encode)


@given(address=ADDRESSES, keyid=KEYIDS, level=st.integers(0, 9), own_key=st.booleans())
def test_what_hostapd_writes_is_what_is_read(address: bytes, keyid: bytes, level: int, *, own_key: bool) -> None:
    key = (b" keyid=" + keyid) if own_key else b""
    event = b"<%d>AP-STA-CONNECTED %b ip_addr=10.0.0.7%b" % (level, address.hex(":").encode(), key)
    station = Station(address, keyid if own_key else b"")
    assert parse_event(event) == Event(What.JOINED, station)
    entry = b"\n".join((address.hex(":").encode(), b"flags=[AUTHORIZED]", b"aid=1", key.strip(), b""))
    assert parse_listed(entry) == Listed(station, authorized=True)


@given(
    st.binary(max_size=80)
    | st.builds(
        lambda head, words: head + b" ".join(words),
        st.sampled_from([b"<3>AP-STA-CONNECTED ", b"<3>AP-STA-DISCONNECTED ", b"<3>", b"5e:3a:11:22:33:44\n", b""]),
        st.lists(st.binary(max_size=20) | st.sampled_from([b"5e:3a:11:22:33:44", b"keyid=a", b"\n"]), max_size=5),
    )
)
def test_any_datagram_gives_a_value_or_none(datagram: bytes) -> None:
    event, listed = parse_event(datagram), parse_listed(datagram)
    for station in (event and event.station, listed.station if isinstance(listed, Listed) else None):
        if station is not None:
            assert len(station.address) == 6
            assert all(0x21 <= byte <= 0x7E for byte in station.keyid[:65])
            assert len(station.keyid) <= 64
    assert isinstance(parse_state(datagram), str | None)
    assert isinstance(parse_consent(datagram), bool | None)
    assert isinstance(parse_pong(datagram), bool | None)
