"""What a member does at one gateway, told to the others: nothing is agreed to by it, and what is newer stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_daemon import RECEIPT, a_member

from gateway.contract.events import MemberChanged
from gateway.contract.words import PURPOSES, By, MemberChangeKind
from gateway.identity.credentials import Credential
from gateway.identity.member import Member, MemberError, parse_member
from gateway.membership.memberchange import MemberChange, agreed_at, change, departure, followed, heard, read, written
from gateway.membership.withdrawal import chosen, honoured, refuse_withdrawn, settled

AGREED = datetime.fromisoformat(RECEIPT["at"]).timestamp()
NOW = AGREED + 86400
LATER = NOW + 7 * 86400


def at(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat()


def member(*purposes: str, agreed: float = AGREED, **more: Any) -> Member:
    consent = [{"purpose": purpose, **RECEIPT, "at": at(agreed)} for purpose in purposes]
    return replace(parse_member(a_member(consent=consent)), **more)


ALL = member(*PURPOSES)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, ALL, "enrolled"),
        (ALL, ALL, None),
        (ALL, replace(ALL, note="likes shoes", credentials=()), None),
        (ALL, member("recognise"), "changed"),
        (member("recognise"), ALL, "changed"),
        (ALL, member(), "withdrawn"),
        (ALL, replace(ALL, paused_until=LATER), "paused"),
        (replace(ALL, paused_until=NOW), replace(ALL, paused_until=LATER), "paused"),
        (replace(ALL, paused_until=LATER), ALL, "resumed"),
    ],
)
def test_what_is_told_is_what_changed(before: Member | None, after: Member, said: str | None) -> None:
    told = change(before, after, "guest-page", NOW)
    assert (told.change if told else None) == said
    if told:
        assert set(told.purposes) == after.purposes()
        assert told.until == after.paused_until
        assert read(written(told)) == told
        assert heard(msgspec.convert(msgspec.to_builtins(told.told(at)), MemberChanged)) == told


@pytest.mark.parametrize("t", ["1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("field", ["at", "until"])
def test_a_time_that_no_record_can_hold_is_not_heard(field: str, t: str) -> None:
    said = MemberChanged("oX3f-91c2", "paused", [], at(LATER), at(NOW), "guest-page")
    with pytest.raises(MemberError, match=f"data.{field}"):
        heard(msgspec.structs.replace(said, **{field: t}))


@pytest.mark.parametrize(
    ("by", "said"), [("guest-page", "withdrawn"), ("command-line", "removed"), ("idle", "removed")]
)
def test_only_who_goes_by_their_own_hand_withdraws(by: By, said: str) -> None:
    assert departure("oX3f-91c2", by, NOW).change == said


def test_a_change_does_not_print_whom_it_is_about() -> None:
    assert "oX3f" not in repr(departure("oX3f-91c2", "guest-page", NOW))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (MemberChange("m", "withdrawn", "guest-page", NOW), None),
        (MemberChange("m", "removed", "command-line", NOW), None),
        (MemberChange("m", "paused", "guest-page", NOW, PURPOSES, LATER), replace(ALL, paused_until=LATER, acted=NOW)),
        (MemberChange("m", "paused", "command-line", NOW, PURPOSES, LATER), replace(ALL, paused_until=LATER)),
        (MemberChange("m", "resumed", "guest-page", NOW, PURPOSES), replace(ALL, acted=NOW)),
        (MemberChange("m", "changed", "guest-page", NOW, ("recognise",)), replace(member("recognise"), acted=NOW)),
        (MemberChange("m", "enrolled", "guest-page", NOW, PURPOSES), ALL),
    ],
)
def test_what_was_done_elsewhere_holds_here(told: MemberChange, expected: Member | None) -> None:
    assert followed(ALL, told) == expected


times = st.floats(AGREED - 1e6, AGREED + 1e6).map(round).map(float)
changes: st.SearchStrategy[MemberChangeKind] = st.sampled_from(
    ("enrolled", "changed", "paused", "resumed", "withdrawn", "removed")
)
subsets = st.sets(st.sampled_from(PURPOSES)).map(lambda chosen: tuple(p for p in PURPOSES if p in chosen))


@given(subsets, times, st.none() | times, changes, times, subsets)
def test_nothing_heard_is_ever_agreed_to_and_what_is_newer_here_stands(
    has: tuple[str, ...], agreed: float, acted: float | None, kind: MemberChangeKind, t: float, purposes: Any
) -> None:
    """Invariant: purposes never grow; who agreed or acted after the event stays as before."""
    before = member(*has, agreed=agreed, acted=acted)
    after = followed(before, MemberChange("m", kind, "guest-page", t, purposes))
    assert after is None or after.purposes() <= before.purposes()
    if max(agreed_at(before), acted or 0.0) > t:
        assert after == before


@given(subsets, subsets, times, st.none() | times, st.none() | times)
def test_what_a_member_chose_nobody_else_undoes(
    has: Any, put: Any, acted: float, mine: float | None, theirs: float | None
) -> None:
    """Invariant: without a newer receipt no purpose comes back and no pause ends; more of both may be taken."""
    before = member(*has, acted=acted, paused_until=mine)
    after = honoured(before, member(*put, agreed=acted, paused_until=theirs))
    assert after.purposes() == set(has) & set(put)
    assert (after.paused_until or 0.0) == max(mine or 0.0, theirs or 0.0)
    assert after.acted == acted
    newer = member("recognise", *put, agreed=acted + 1, paused_until=theirs)
    assert honoured(before, newer) == replace(newer, acted=acted)


def test_an_act_at_the_page_is_dated_and_a_phone_that_is_only_bound_anew_is_none() -> None:
    paused = chosen(ALL, replace(ALL, paused_until=LATER), NOW)
    assert paused.acted == NOW
    assert chosen(paused, replace(paused, credentials=()), LATER).acted == NOW
    assert chosen(None, ALL, NOW).acted == NOW


def test_a_phone_that_was_bound_at_the_page_stays_bound_whatever_is_put() -> None:
    phone = Credential("wifi", b'\x5e:3"\x11\x44')
    before = replace(ALL, credentials=(*ALL.credentials, phone), acted=NOW)
    for put in (ALL, before, member(*PURPOSES, agreed=LATER)):
        assert honoured(before, put).credentials == (*ALL.credentials, phone)
    assert settled(before, honoured(before, member())).credentials == ()


def test_who_never_acted_here_is_as_the_back_end_says_whatever_it_says_of_acts() -> None:
    assert honoured(None, replace(ALL, acted=LATER)) == ALL
    assert honoured(replace(ALL, paused_until=LATER), ALL) == ALL


def test_who_withdrew_is_put_again_with_a_newer_receipt_alone() -> None:
    refuse_withdrawn(ALL, None)
    refuse_withdrawn(ALL, AGREED - 1)
    for withdrew in (AGREED, NOW):
        with pytest.raises(MemberError, match="withdrew"):
            refuse_withdrawn(ALL, withdrew)
    with pytest.raises(MemberError, match="withdrew"):
        refuse_withdrawn(member(), NOW)
