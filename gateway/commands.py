"""What the back end may ask over MQTT, and how each is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from drivers.driver import Clock
from gateway.conductor import Conductor
from gateway.configuration.config import Config
from gateway.contract import commands as said
from gateway.contract import member as contract
from gateway.contract.configuration import Configuration
from gateway.contract.events import Events
from gateway.contract.events import PastEvent as Past
from gateway.contract.reading import RefusedError
from gateway.contract.status import GatewayStatus
from gateway.events import rfc3339
from gateway.guest.links import guest_link
from gateway.health import Health
from gateway.identity.fields import check_moment
from gateway.identity.member import Member, read_member
from gateway.identity.suspicion import Elsewhere, Place
from gateway.inforce import tell_configuration
from gateway.membership.enrolments import Enrolments
from gateway.membership.export import PAGE_BYTES, export
from gateway.membership.membership import Membership
from gateway.mqtt.commands import Commands
from gateway.mqtt.topics import Topics
from gateway.rulekeeper import RuleKeeper
from gateway.store.events import PastEvent
from gateway.store.store import Store
from gateway.story import silences, story

DAY_S = 86400.0
HEARD_LATE_S = 60.0
HEARD_EARLY_S = 10.0
"""How old what an app heard may be, and how far its clock may be ahead."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers commands. Every handler raises RefusedError for what the caller got wrong."""

    config: Config
    rules_in_force: RuleKeeper
    store: Store
    conductor: Conductor
    membership: Membership
    health: Health
    enrolments: Enrolments
    clock: Clock
    _tried_until: dict[str, float] = field(default_factory=dict)  # by group, epoch seconds

    def register(self, commands: Commands) -> None:
        """Let every command that stands be carried out here."""
        commands.register(said.MEMBERS_PUT, self.put)
        commands.register(said.MEMBERS_PAUSE, self.pause)
        commands.register(said.MEMBERS_REMOVE, self.remove)
        commands.register(said.MEMBERS_EXPORT, self.export)
        commands.register(said.ENROL_START, self.enrol)
        commands.register(said.GUEST_LINK, self.guest_link)
        commands.register(said.HEARD, self.heard)
        commands.register(said.MEMBERS_ELSEWHERE, self.elsewhere)
        commands.register(said.DEVICES_BUZZ, self.buzz)
        commands.register(said.RULES_GET, self.rules)
        commands.register(said.RULES_PUT, self.put_rules)
        commands.register(said.EVENTS_SINCE, self.events_since)
        commands.register(said.EXPLAIN, self.explain)
        commands.register(said.STATUS, self.status)
        commands.register(said.CONFIGURATION_GET, self.configuration)

    async def put(self, asked: contract.Member) -> said.MemberDone:
        """Enrol or change a member."""
        member = read_member(asked)
        await self.membership.put(member)
        return said.MemberDone(member=member.id)

    async def pause(self, asked: said.Pause) -> said.Paused:
        """Stop recognising a member until a time, or, with null, begin again."""
        until = None if asked.until is None else round(check_moment(asked.until, "until"), 3)
        await self.membership.pause(self._member(asked.member), until)
        return said.Paused(member=asked.member, paused_until=asked.until)

    async def remove(self, asked: said.MemberNamed) -> said.MemberDone:
        """Erase a member: every row, and at once."""
        await self.membership.remove(asked.member)
        return said.MemberDone(member=asked.member)

    async def export(self, asked: said.Export) -> said.Exported:
        """Give a page of every row about one member, or about all."""
        return await export(self.store, self.config.store.timezone, asked.member, asked.after)

    async def enrol(self, asked: said.EnrolStart) -> said.CardFound:
        """Wait for one card to be held to a receiver. Whose it is, `members.put` says."""
        if asked.receiver not in {receiver.id for receiver in self.config.receivers}:
            raise RefusedError("unknown", "receiver", "no such receiver is configured")
        found = await self.enrolments.wait(asked.receiver, asked.seconds)
        return said.CardFound(receiver=asked.receiver, credential=msgspec.convert(found, contract.Credential))

    async def guest_link(self, asked: said.GuestLink) -> said.GuestLinked:
        """Make a link that binds the phone on which it is opened to a member."""
        guest = self.config.guest
        if guest is None or guest.listen is None:
            raise RefusedError("refused", "", "there is no guest page here: guest.listen is not configured")
        until = self.clock() + asked.seconds
        url = guest_link(guest.listen, self.store.gateway_key, asked.member, until)
        return said.GuestLinked(member=asked.member, url=url, until=rfc3339(until, self.config.store.timezone))

    async def heard(self, asked: said.Hearing) -> said.Placed:
        """Take what a member's app heard; without consent it changes nothing, as with any frame."""
        receiver = self._receiver_of(asked.beacon)
        if "app" not in {credential.kind for credential in self._member(asked.member).credentials}:
            raise RefusedError("refused", "member", "carries no credential of kind app")
        now, t = self.clock(), check_moment(asked.at, "at")
        if not now - HEARD_LATE_S <= t <= now + HEARD_EARLY_S:
            raise RefusedError("refused", "at", f"is not of the last {HEARD_LATE_S:g} seconds")
        core = self.conductor.core
        self.conductor.settle(core.hear_app(now, min(t, now), receiver, asked.member, asked.rssi))
        return said.Placed(member=asked.member, receiver=receiver)

    async def elsewhere(self, asked: said.SeenElsewhere) -> said.MemberDone:
        """Take where another shop recognised a member, or where the app is; the next frame here is held to it."""
        if self.config.store.latitude is None or self.config.store.longitude is None:
            raise RefusedError("refused", "", "this shop's own place is not configured: store.latitude and longitude")
        member, t, now = self._member(asked.member), check_moment(asked.at, "at"), self.clock()
        if t > now + HEARD_EARLY_S:
            raise RefusedError("refused", "at", "is in the future")
        place = Place(asked.latitude, asked.longitude)
        seen = Elsewhere(asked.credential, place, t, asked.store or "", asked.trust)
        self.conductor.settle(self.conductor.core.elsewhere(now, member.id, seen))
        return said.MemberDone(member=member.id)

    async def buzz(self, asked: said.DevicesBuzz) -> said.Buzzing:
        """Raise a test alert in a group, one at a time."""
        if asked.group not in {group.id for group in self.config.staff.groups}:
            raise RefusedError("unknown", "group", "no such group is configured")
        core, now = self.conductor.core, self.clock()
        if now < self._tried_until.get(asked.group, now):
            raise RefusedError("busy", "group", "is being tried already")
        outcome, event = core.buzz(now, asked.group)
        self._tried_until[asked.group] = event.expires
        self.conductor.settle(outcome)
        return said.Buzzing(
            group=asked.group,
            alert=str(event.data["alert"]),
            online=core.devices_online(asked.group),
            until=rfc3339(event.expires, self.config.store.timezone),
        )

    async def rules(self, asked: said.RulesGet) -> said.RuleFiles:
        """Give the rule files in force, or one of them."""
        files = [file for file in self.rules_in_force.book.told() if asked.file in (None, file.file)]
        if not files:
            raise RefusedError("unknown", "file", "no rule file of this name is in force")
        return said.RuleFiles(files=files)

    async def put_rules(self, asked: said.RulesPut) -> said.RulesTaken:
        """Change a rule file, whole or not at all."""
        book = await self.rules_in_force.put(asked.file, asked.text)
        hashes = {file.file: file.sha256 for file in book.told()}
        return said.RulesTaken(file=asked.file, sha256=hashes.get(asked.file), version=book.version)

    async def events_since(self, asked: said.EventsSince) -> Events:
        """Give what was said on a topic behind a sequence number, as much as fits into an answer."""
        found = await self.store.outbox.events_since(asked.topic, int(asked.sequence), asked.most + 1)
        events: list[Past] = []
        room = PAGE_BYTES
        for past in found[: asked.most]:
            told = self._past(past)
            room -= len(msgspec.json.encode(told))
            if events and room < 0:
                break
            events.append(told)
        return Events(topic=asked.topic, events=events, more=len(events) < len(found))

    async def explain(self, asked: said.Explain) -> said.Explained:
        """Say why an alert or offer came, what became of a visit, or why rules were silent."""
        if asked.id is not None:
            return await story(self.store, self.config.store.timezone, asked.id)
        since = self.clock() - DAY_S if asked.since is None else check_moment(asked.since, "since")
        return await silences(self.store, since, self.conductor.core.counts())

    async def status(self, _: said.Nothing) -> GatewayStatus:
        """Say what the retained status says."""
        return msgspec.convert(self.health.status(), GatewayStatus)

    async def configuration(self, _: said.Nothing) -> Configuration:
        """Say what is in force."""
        return tell_configuration(self.config)

    def _member(self, member_id: str) -> Member:
        member = self.conductor.core.member(member_id)
        if member is None:
            raise RefusedError("unknown", "member", "is not enrolled")
        return member

    def _receiver_of(self, beacon: said.Beacon) -> str:
        """Return the virtual receiver that stands for one of the shop's beacons."""
        identity = UUID(beacon.uuid).bytes + beacon.major.to_bytes(2, "big") + beacon.minor.to_bytes(2, "big")
        for receiver in self.config.receivers:
            if receiver.driver == "app" and receiver.reference and receiver.reference.identity == identity:
                return receiver.id
        raise RefusedError("unknown", "beacon", "is the reference of no receiver whose driver is app")

    def _past(self, past: PastEvent) -> Past:
        event = past.event
        sequence = f"{event.sequence:016d}"
        if past.gone:
            return Past(sequence=sequence, id=event.id, type=event.type, gone=past.gone)
        source = Topics(self.config.store.id, self.config.gateway.id).source
        return Past(sequence=sequence, event=event.envelope(source, self.config.store.timezone))
