"""The story of a decision: what is kept of it, in the words of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.contract.commands import DecisionTold, Explained, RuleText, Silence
from gateway.deciding.decided import NAMED_BY
from gateway.deciding.recent import BAND_DB
from gateway.events import DecisionRow, rfc3339
from gateway.store.lookup import Silent, counted_rows
from gateway.store.store import Store

MOST_DECISIONS = 100  # of one visit, the newest


async def story(store: Store, timezone: ZoneInfo, subject: str) -> Explained:
    """Tell the decisions about an alert, an offer's feedback token, an event or a visit, the oldest first."""
    rows = [row for row in reversed(await _about(store, subject)) if "at" in row.detail]
    return Explained(
        id=subject,
        decisions=[_told(row, timezone) for row in rows],
        rules=_texts(rows, await store.held.rule_texts()),
        silences=_silences(counted_rows(rows)),
        counts={},
    )


async def silences(store: Store, since: float, counts: Mapping[str, int]) -> Explained:
    """Tell how often each rule said no since a time (epoch seconds), why, and what led to no decision at all."""
    found = await store.held.silences(since)
    return Explained(id=None, decisions=[], rules=[], silences=_silences(found), counts=dict(counts))


async def _about(store: Store, subject: str) -> list[DecisionRow]:
    if subject.startswith("v-"):
        return await store.held.decisions(visit=subject, limit=MOST_DECISIONS)
    return await store.held.decisions(subject=subject) or await store.held.decision_of_event(subject)


def _texts(rows: Iterable[DecisionRow], texts: Mapping[str, str]) -> list[RuleText]:
    named = {row.detail.get("text"): row.rule for row in rows}
    found = {sha256: named.get(sha256[:NAMED_BY]) for sha256 in texts}
    return [RuleText(rule=rule, sha256=sha256, text=texts[sha256]) for sha256, rule in found.items() if rule]


def _silences(found: Iterable[Silent]) -> list[Silence]:
    return [Silence(each.rule, each.outcome, each.line, each.reason, each.times) for each in found]


def _told(row: DecisionRow, timezone: ZoneInfo) -> DecisionTold:
    kept: dict[str, Any] = dict(row.detail)
    told = {**kept, "visit": row.visit or None, "rule": row.rule, "outcome": row.outcome}
    told["decided"], told["at"] = rfc3339(row.t, timezone), rfc3339(kept["at"], timezone)
    if row.subject:
        told["subject"] = row.subject
    if "text" in kept:
        told["sha256"] = kept["text"]
    if "sightings" in kept:
        told["sightings"] = [_spell(row.t, timezone, *spell) for spell in kept["sightings"]]
    if "caps" in kept:
        told["caps"] = [{"cap": cap, "used": used, "most": most} for cap, used, most in kept["caps"]]
    return msgspec.convert(told, DecisionTold)


def _spell(
    t: float, timezone: ZoneInfo, receiver: str, low: int | None, since_s: float, until_s: float, frames: int
) -> dict[str, Any]:
    return {
        "receiver": receiver,
        "since": rfc3339(t - since_s, timezone),
        "until": rfc3339(t - until_s, timezone),
        "rssi": None if low is None else (low, low + BAND_DB - 1),
        "frames": frames,
    }
