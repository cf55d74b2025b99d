"""What is held about members, row by row and in pages. Keys and addresses stay where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import msgspec

from gateway.contract.commands import Exported, Row
from gateway.contract.reading import RefusedError
from gateway.events import DecisionRow, StateRow, rfc3339
from gateway.identity.member import Member, stored_member
from gateway.store.changes import Changes
from gateway.store.events import PastEvent
from gateway.store.store import Store

PAGE_BYTES = 192 * 1024
MEMBERS_AT_ONCE = 50


async def export(store: Store, timezone: ZoneInfo, member: str | None, after: str | None) -> Exported:
    """Return the page behind `after` of every row about a member, or about all. Raises RefusedError."""
    index, _, start = (after or f"0:{member or ''}").partition(":")
    skip = int(index)
    page: list[Row] = []
    room = PAGE_BYTES
    news = await store.held.news()
    async for id_, text in _stored(store, start, member):
        rows = await _rows(store, news, timezone, id_, text)
        for number, row in enumerate(rows[skip if id_ == start else 0 :], skip if id_ == start else 0):
            size = len(msgspec.json.encode(row))
            if page and size > room:
                return Exported(rows=page, after=f"{number}:{id_}", more=True)
            room -= size
            page.append(row)
    return Exported(rows=page, after=None, more=False)


async def _stored(store: Store, start: str, member: str | None) -> AsyncIterator[tuple[str, str]]:
    """Iterate over the stored members from an id on, or give the one that is asked for."""
    if member is not None:
        found = await store.members.starting_at(member, 1)
        if not found or found[0][0] != member:
            raise RefusedError("unknown", "member", "is not enrolled")
        yield found[0]
        return
    while found := await store.members.starting_at(start, MEMBERS_AT_ONCE):
        for id_, text in found:
            yield id_, text
        start = found[-1][0] + "\0"  # the next id there can be


async def _rows(store: Store, news: Changes, timezone: ZoneInfo, id_: str, text: str) -> list[Row]:
    state, decisions, events = await store.held.about(id_, news)
    return [
        Row(member=id_, what="member", row=_without_keys(stored_member(text))),
        *(Row(member=id_, what="state", row=_state(row, timezone)) for row in state),
        *(Row(member=id_, what="decision", row=_decision(row, timezone)) for row in decisions),
        *(Row(member=id_, what="event", row=_event(row, timezone)) for row in events),
    ]


def _without_keys(member: Member) -> dict[str, object]:
    kinds = [{"kind": credential.kind} for credential in member.credentials]
    return {**member.as_json(), "credentials": kinds}


def _state(row: StateRow, timezone: ZoneInfo) -> dict[str, object]:
    until = None if row.until is None else rfc3339(row.until, timezone)
    return {"kind": row.kind, "value": row.value, "until": until}


def _decision(row: DecisionRow, timezone: ZoneInfo) -> dict[str, object]:
    decided, at = rfc3339(row.t, timezone), rfc3339(row.detail["at"], timezone)
    return {"decided": decided, "visit": row.visit, "rule": row.rule, "outcome": row.outcome, **row.detail, "at": at}


def _event(row: PastEvent, timezone: ZoneInfo) -> dict[str, object]:
    event = row.event
    time = rfc3339(event.time, timezone)
    return {"id": event.id, "topic": event.topic, "type": event.type, "time": time, "data": event.data}
