"""Goes through the database: every row is of a known kind, about somebody enrolled, and not held too long."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.audit.report import Held, Look, Report
from gateway.audit.traces import addresses_in, traces
from gateway.configuration.config import Config, Privacy
from gateway.contract.catalogue import EVENTS
from gateway.deciding.alerts import Alert
from gateway.deciding.history import Histories
from gateway.events import DecisionRow, StateRow
from gateway.identity.member import Member, MemberError, stored_member
from gateway.journal.pages import FOLDER, day_of
from gateway.membership.roster import dumps
from gateway.rulebook import BEFORE, put_files
from gateway.rulebook import FOLDER as RULES
from gateway.store.archive import MAGIC
from gateway.store.events import PastEvent, is_parting
from gateway.store.store import Store
from rules.messages import say

DAY_S: Final = 86400.0
LATE_S: Final = 2 * 3600.0
"""How long after its time a row may still be there: housekeeping comes round, but not at once."""

EVENT_S: Final = 14 * DAY_S + DAY_S + LATE_S  # the longest life, and a day after it was sent
IDLE_LATE_S: Final = 2 * DAY_S

DETAIL: Final = frozenset(
    {
        "trigger",
        "zone",
        "at",
        "trust",
        "credential",
        "reason",
        "file",
        "line",
        "text",
        "item",
        "caps",
        "sightings",
        "read",
    }
)
"""What a decision tells beside whom it is about."""

COLUMNS: Final = frozenset(
    f"{table}.{column}"
    for table, columns in (
        ("meta", "name value"),
        ("members", "id body changed"),
        ("tombstones", "digest"),
        ("events", "number priority topic sequence type time expires member id body gone"),
        ("changes", "number body"),
        ("decisions", "t id member visit rule outcome detail event subject"),
        ("state", "kind key value member until"),
        ("scratch", "zeros"),
    )
    for column in columns.split()
)
"""Every place in the database where anything may be."""

_FILES: Final = ("hushbell.db", "members.db")
_OTHERS: Final = frozenset({"lock", "hushbell.sock", "hushbell.key", "papers.json", FOLDER, RULES, BEFORE})


class Kind(NamedTuple):
    """A kind of state row: what it is, why it is held, until when, and the keys of its value, where it has any.

    `has_digests` where a digest in it is of no address.
    """

    what: str
    purpose: str
    until: str
    keys: frozenset[str] = frozenset()
    of_member: bool = True
    has_digests: bool = False


RECOGNISE: Final = "consent to be recognised"
WORK: Final = "the gateway's own work, about nobody"
KINDS: Final[Mapping[str, Kind]] = {
    "history": Kind(
        "visits that are over; where they stopped only with consent to zones",
        RECOGNISE,
        "{visits} days after the visit",
        frozenset({"visit", "started", "ended", "passed", "stops"}),
    ),
    "seen": Kind("the day of the last visit", RECOGNISE, "the member goes, or {inactive} days without a visit"),
    "visit": Kind(
        "open visits",
        RECOGNISE,
        "the visit ends",
        frozenset({"visit", "alias", "since", "arrived"}),
    ),
    "alert": Kind("open alerts", RECOGNISE, "a minute, as the rule has it", frozenset(Alert.__slots__)),
    "ledger": Kind(
        "how often a member was reached, and what became of offers",
        RECOGNISE,
        "8 days, or as long as a rule's caps look back",
    ),
    "changing": Kind("how far an id that changes has come, under a keyed digest", RECOGNISE, "the credential goes"),
    "demoted": Kind("credentials that are suspected, under a keyed digest", RECOGNISE, "24 hours"),
    "sequence": Kind("the number of the last message of each topic", WORK, "always", of_member=False),
    "note": Kind("what is still to be told of members, sealed", WORK, "it is told", of_member=False),
    "looked": Kind("when members were last looked through for who does not come", WORK, "always", of_member=False),
    "alive": Kind("when the gateway was last at work", WORK, "always", of_member=False),
    "outbox": Kind("what was sent", WORK, "always", of_member=False),
    "fact": Kind(
        "when the back end said each fact", WORK, "the back end takes it back", of_member=False, has_digests=True
    ),
    "rule": Kind("texts of rules that decided", WORK, "the last decision by it goes", of_member=False),
    "digest": Kind("digests of the decisions of a day", WORK, "400 days", of_member=False, has_digests=True),
}
"""All the state there is. What is of no such kind is a fault."""


class Audit:
    """Looks through one store at a time `now` (epoch seconds)."""

    def __init__(self, config: Config, now: float) -> None:
        self._now = now
        self._privacy = config.privacy
        self._state = config.gateway.state
        self._idle = Histories(config.zones, config.privacy)
        self._members: dict[str, Member] = {}
        self._came: list[Member] = []
        self._counts: Counter[str] = Counter()
        self._known: frozenset[str] = frozenset()
        self.report = Report()

    async def look(self, store: Store) -> Report:
        """Go through every table, row by row. Raises StoreError."""
        self._look_at_tables(await store.held.columns())
        async for id_, text in store.members.all():
            self._look_at_member(id_, text)
        self._known = frozenset(self._members)
        async for row in store.held.everything():
            if isinstance(row, StateRow):
                self._look_at_state(row)
            elif isinstance(row, DecisionRow):
                self._look_at_decision(row)
            else:
                self._look_at_event(row)
        idle, _ = self._idle.idle(self._came, self._now - IDLE_LATE_S)
        if idle:
            self._fault("{count} members have not come for so long that they should be forgotten", count=len(idle))
        self._tell_what_is_held(len(await store.members.tombstones()))
        return self.report

    def _fault(self, english: str, /, **values: object) -> None:
        text = say(english, **values)
        if text not in self.report.faults:
            self.report.faults.append(text)

    def _look_at_tables(self, columns: list[tuple[str, str]]) -> None:
        for table, column in columns:
            if f"{table}.{column}" not in COLUMNS:
                self._fault("the database has a column that nobody knows: {table}.{column}", table=table, column=column)

    def _look_at_member(self, id_: str, text: str) -> None:
        try:
            member = stored_member(text)
        except MemberError as error:
            self._fault("a member's record cannot be read: {reason}", reason=error)
            return
        self._members[id_] = member
        self._counts["member"] += 1
        self._counts["receipt"] += len(member.consent)
        self._counts["credential"] += len(member.credentials)
        if addresses_in(dumps(member).encode()) > addresses_in(_credentials_of(member)):
            self._fault("a row of kind {kind} holds {what}", kind="member", what=say("an address"))

    def _look_at_state(self, row: StateRow) -> None:
        kind = KINDS.get(row.kind)
        if kind is None:
            self._fault("state of a kind that nobody knows: {kind}", kind=row.kind)
            return
        self._counts[row.kind] += 1
        if kind.keys and (not isinstance(row.value, dict) or set(row.value) != kind.keys):
            self._fault("state of kind {kind} holds what nobody knows", kind=row.kind)
        self._look_at_owner(row.kind, row.member, needed=kind.of_member)
        if row.until is not None and row.until < self._now - LATE_S:
            self._overdue(row.kind)
        self._look_for_traces(row.kind, row.value, passing={"a digest"} if kind.has_digests else set())
        if row.kind == "seen" and row.member in self._members:
            self._idle.load(row)
            self._came.append(self._members[row.member])

    def _look_at_decision(self, row: DecisionRow) -> None:
        self._counts["decision"] += 1
        if not set(row.detail) <= DETAIL:
            self._fault("a decision holds what nobody knows")
        self._look_at_owner("decision", row.member, needed=True)
        if row.t < self._now - self._privacy.alerts_s - LATE_S:
            self._overdue("decision")
        self._look_for_traces("decision", row.detail)

    def _look_at_event(self, past: PastEvent) -> None:
        event = past.event
        self._counts["event"] += 1
        model = EVENTS.get(event.type.removeprefix("hushbell."))
        if model is None:
            self._fault("an event of a type that nobody knows: {type}", type=event.type)
        elif past.gone is None and not set(event.data) <= {f.encode_name for f in msgspec.structs.fields(model)}:
            self._fault("an event of type {type} holds what nobody knows", type=event.type)
        if past.gone or not is_parting(event):  # that somebody is gone is about nobody enrolled, until it is told
            self._look_at_owner("event", event.member or event.data.get("member"), needed=False)
        if event.time < self._now - EVENT_S:
            self._overdue("event")
        self._look_for_traces("event", event.data)

    def _look_at_owner(self, what: str, member: str | None, *, needed: bool) -> None:
        if member is None and needed and what != "alert":
            self._fault("a row of kind {kind} is about nobody who could be told", kind=what)
        elif member is not None and member not in self._members:
            self._fault("a row of kind {kind} is about somebody who is no member", kind=what)

    def _overdue(self, what: str) -> None:
        self._fault("rows of kind {kind} are held too long: the running gateway deletes them", kind=what)

    def _look_for_traces(self, what: str, value: Any, passing: Collection[str] = ()) -> None:
        for found in traces(value, self._known):
            if found not in passing:
                self._fault("a row of kind {kind} holds {what}", kind=what, what=say(found))

    def _tell_what_is_held(self, graves: int) -> None:
        counts, held = self._counts, self.report.held
        of_member = say("the member goes, or {inactive} days without a visit", **_days(self._privacy))
        held += [
            Held(say("members' records"), counts["member"], say("the member's own request"), of_member),
            Held(say("credentials"), counts["credential"], say(RECOGNISE), of_member),
            Held(say("receipts of consent"), counts["receipt"], say("proof of consent"), of_member),
        ]
        for name, kind in KINDS.items():
            if counts[name]:
                until = say(kind.until, **_days(self._privacy))
                held.append(Held(say(kind.what), counts[name], say(kind.purpose), until))
        until = say("{alerts} days", **_days(self._privacy))
        held += [
            Held(say("decisions: why a rule fired or did not"), counts["decision"], say(RECOGNISE), until),
            Held(say("messages, to be sent or sent"), counts["event"], say(RECOGNISE), say("a day after it was sent")),
            Held(
                say("keyed digests of members who were erased"),
                graves,
                say("to erase them again after a backup is restored"),
                say("always"),
            ),
        ]
        rows = sum(counts[name] for name in ("member", "decision", "event", *KINDS))
        self.report.looked.append(Look("hushbell.db", say("{count} rows, every field of each", count=rows)))


def look_at_files(folder: Path, read: Callable[[Path], bytes]) -> Report:
    """Look through the bytes of all that lies in the state folder."""
    report = Report()
    size = count = 0
    put = put_files(folder)
    for file in sorted(folder.rglob("*")):
        name = file.name
        base = name.removesuffix("-wal").removesuffix("-shm").partition(".corrupt-")[0]
        raw = read(file) if file.is_file() else b""
        ours = base in _FILES or name in _OTHERS or file in put
        if not ours and not day_of(file) and not raw.startswith(MAGIC):
            report.faults.append(say("a file in the state folder that nobody knows: {name}", name=name))
        if not file.is_file():
            continue
        size += len(raw)
        count += 1
        if found := addresses_in(raw):
            report.faults.append(say("{name} holds {count} addresses in clear text", name=name, count=found))
    report.looked.append(Look(str(folder), say("{count} files, {size} bytes", count=count, size=size)))
    return report


def _credentials_of(member: Member) -> bytes:
    return json.dumps([credential.as_json() for credential in member.credentials]).encode()


def _days(privacy: Privacy) -> dict[str, str]:
    return {
        "visits": f"{privacy.visits_s / DAY_S:g}",
        "alerts": f"{privacy.alerts_s / DAY_S:g}",
        "inactive": f"{privacy.inactive_member_s / DAY_S:g}",
    }
