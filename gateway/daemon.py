"""`hushbell run`: the composition root. Radios, core, disk and broker, put together and kept going."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.sighting import Sighting
from gateway import clock
from gateway.assembly import make_core, make_recorded_core
from gateway.calibrate.tags import Tags
from gateway.commandline.lines import complain, refuse
from gateway.commands import Desk
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.control import ControlServer
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.kept import fits
from gateway.door import Door
from gateway.events import Outcome, rfc3339
from gateway.health import Health
from gateway.homeassistant import HomeAssistant, filters
from gateway.housekeeping import Housekeeping
from gateway.identity.recognition import Register
from gateway.journal.journal import Journal
from gateway.membership.enrolments import Enrolments
from gateway.membership.membership import Membership
from gateway.memory import forbid_dumps, lock_memory
from gateway.mqtt.commands import Commands
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.settings import make_settings
from gateway.mqtt.topics import (
    Arrival,
    Claim,
    Command,
    DeviceStatus,
    Fact,
    FactRemoved,
    Feedback,
    MemberTold,
    Refused,
    Topics,
)
from gateway.mqtt.trouble import TroubleError
from gateway.notify import Notifier
from gateway.receiving.receivers import Receivers, place_of
from gateway.rulebook import Rulebook, load_before, rules_in_force
from gateway.rulekeeper import RuleKeeper
from gateway.store.database import Reason, StoreError
from gateway.store.store import Store
from gateway.timekeeping import Timekeeping
from gateway.trust import beyond_reach, kinds_carried, kinds_heard
from gateway.watchers import Watchers
from rules.messages import say_why

if TYPE_CHECKING:
    from gateway.guest.network import GuestNetwork

log = logging.getLogger("hushbell")

MOMENT_S = 1.0
MEMBERS_POLL_S = 0.5
HEALTH_S = 60.0
MOST_REASONS = 100  # that refused messages are counted by: some name a field that the sender made up
STOPPING_S = 5.0


def run(config_path: Path) -> int:
    """Run the daemon until it is told to stop; return the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    forbid_dumps()
    if not lock_memory():
        log.warning("memory is not locked: strangers' addresses could reach swap; the service's unit allows to lock it")
    try:
        config = load_config(config_path)
        asyncio.run(_run(config, _in_force(config)))
    except ConfigError as error:
        refuse(str(error))
    except (StoreError, TroubleError) as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename}: {say_why(error)}")
    else:
        return 0
    return 2


def _in_force(config: Config) -> Rulebook:
    book, faults = rules_in_force(config, load_before(config.gateway.state))
    for fault in faults:
        log.error("%s", fault)
    if book.refused:
        log.error("in the place of a file at fault stands what was in force before; mend it, then reload")
    if len(faults) > len(book.refused):
        log.error("what the back end put is left aside")
    return book


async def _run(config: Config, book: Rulebook) -> None:
    anew = True
    while anew:
        store = await Store.open(config.gateway.state)
        try:
            anew = await Daemon(config, book, store, await store.begin_run()).run()
        finally:
            await store.close()


def _tell_mended(set_aside: Path, restored: int | None) -> str:
    members = "there is no copy of the members" if restored is None else f"{restored} members are restored"
    return f"the database was damaged and is set aside as {set_aside.name}; a new one is begun, {members}"


def _note_stray(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody waited for, such as a library's where D-Bus ends; its text could quote an address."""
    error = context.get("exception")
    log.error("nobody waited for an error at %s", place_of(error) if error else context["message"])


class Daemon:
    """One gateway at work. Everything here runs on one event loop."""

    def __init__(self, config: Config, book: Rulebook, store: Store, run: int) -> None:
        self._config = config
        self._store = store
        self._topics = Topics(config.store.id, config.gateway.id)
        self._notifier = Notifier(os.environ)
        ids = Identifiers(store.gateway_key, run.to_bytes(8, "big"))
        self._journal: Journal | None = None
        if config.record:
            self._core, recorder = make_recorded_core(config, book.rules, Register(), ids)
            self._journal = Journal(config, run, store.gateway_key, recorder, lambda: self._rules.book.texts)
        else:
            self._core = make_core(config, book.rules, Register(), ids)
        self._conductor = Conductor(self._core, clock.wall, self._take)
        self._committer = Committer(self._commit, self._disk_refused, StoreError)
        self._rules = RuleKeeper(config, book, self._conductor, clock.wall, self._rules_changed)
        self._health = Health(config, book, self._core.devices_online, wall=clock.wall(), steady=clock.monotonic())
        self._watchers = Watchers(self._core, book.actions)
        self._receivers = Receivers(config, self._health, self._deliver, self._publish_status)
        will = Outgoing(self._topics.status, b'{"state": "offline"}', retain=True)
        subscriptions = (*self._topics.subscriptions, *filters(config))
        settings = make_settings(config.mqtt, self._topics.client_id, will, subscriptions)
        self._connection = Connection(settings, self._arrived, self._link_changed, settled=self._settled)
        self._home_assistant = HomeAssistant(config, self._topics, self._connection.keep)
        self._publisher = Publisher(store.outbox, self._connection, self._topics, config.store.timezone, clock.wall)
        self._membership = Membership(store, self._conductor, self._committer, config.gateway.id, clock.wall)
        self._guest = self._open_guest_network()
        references = frozenset(receiver.reference.identity for receiver in config.receivers if receiver.reference)
        self._enrolments = Enrolments(self._core.is_enrolled, references)
        self._tags = Tags(references)
        self._door = Door(
            config,
            self._conductor,
            self._connection,
            self._topics,
            self._watchers,
            self._enrolments,
            self._tags,
            clock.wall,
        )
        self._timekeeping = Timekeeping(self._conductor, self._committer, store.outbox, self._mend)
        self._housekeeping = Housekeeping(config, store.retention, self._conductor, self._membership)
        desk = Desk(
            config,
            self._rules,
            store,
            self._conductor,
            self._membership,
            self._health,
            self._enrolments,
            clock.wall,
        )
        self._commands = Commands(self._topics, self._connection.send, clock.monotonic)
        desk.register(self._commands)
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._anew = False
        self._status = ""
        self._refused: Counter[str] = Counter()

    async def run(self) -> bool:
        """Work until told to stop, then end in order: radios, disk, broker; return whether to begin anew."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_note_stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        await self._begin()
        gc.collect()
        gc.freeze()  # members and rules last as long as we do: looking at all of them again would hold up an alert
        async with asyncio.TaskGroup() as tasks:
            radios = [tasks.create_task(work, name=name) for name, work in self._receivers.works()]
            others = [
                tasks.create_task(work, name=name)
                for name, work in (
                    ("committer", self._committer.run()),
                    ("publisher", self._publisher.run()),
                    ("control", ControlServer(self._config.gateway.state, self._door.talk).run()),
                    ("members", self._follow_members()),
                    ("rules", self._keep_rules()),
                    ("moments", self._moments()),
                    ("preparing", self._timekeeping.keep_prepared()),
                    ("housekeeping", self._housekeeping.run()),
                    *([("guest network", self._guest.run())] if self._guest else []),
                    *([("journal", self._journal.run())] if self._journal else []),
                )
            ]
            link = tasks.create_task(self._connection.run(), name="connection")
            self._notifier.ready()
            log.info("running as %s of %s", self._config.gateway.id, self._config.store.id)
            await self._stop.wait()
            if not self._anew:
                self._notifier.stopping()
            await self._end(radios)
            self._connection.close()
            await asyncio.wait({link}, timeout=STOPPING_S)
            await self._commands.close()
            for task in (*others, link):
                task.cancel()
        self._conductor.close()
        self._notifier.close()
        gc.unfreeze()
        return self._anew

    def _open_guest_network(self) -> GuestNetwork | None:
        if self._config.guest is None:
            return None
        from gateway.guest.network import GuestNetwork

        network = GuestNetwork(
            self._config,
            self._config.guest,
            self._receivers.drivers,
            self._core,
            self._membership,
            self._store.gateway_key,
        )
        self._membership.tell(network.changed)
        return network

    async def _begin(self) -> None:
        if self._store.set_aside:
            remark = _tell_mended(self._store.set_aside, self._store.restored)
            log.error("%s", remark)
            self._health.remember(remark)
        await self._rules.keep()
        await self._membership.follow()
        if self._journal:
            self._journal.begin(clock.wall())
        rows = await self._store.held.state()
        if odd := sorted({row.kind for row in rows if not fits(row)}):
            log.warning("what was kept is left out where its shape is not known: %s", ", ".join(odd))
        self._conductor.settle(self._core.restore(rows, clock.wall()))
        await self._timekeeping.prepare()
        await self._membership.tell_noted()
        self._timekeeping.tell_clock()
        kinds = kinds_heard(self._config) & kinds_carried(self._core.members())
        for rule, needed in beyond_reach(self._config, self._rules.book.rules, kinds) if kinds else ():
            log.warning("rule %s needs a credential that is %s, and no member carries one", rule.name, needed.word)
        self._home_assistant.announce()

    async def _end(self, radios: list[asyncio.Task[None]]) -> None:
        for radio in radios:
            radio.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await self._committer.settled()
                if self._journal:
                    self._journal.flush()
                if self._connection.state.online:
                    await self._publisher.drained()

    # what is heard

    def _deliver(self, sightings: list[Sighting]) -> None:
        self._enrolments.hear(sightings)
        self._tags.hear(sightings)
        self._conductor.hear(sightings)

    # what was decided

    def _take(self, outcome: Outcome) -> None:
        if self._journal:
            self._journal.keep(outcome)
        self._watchers.outcome(outcome)
        self._committer.push(outcome)
        self._home_assistant.take(outcome)

    async def _commit(self, outcome: Outcome) -> None:
        """Commit what was decided, after what it was decided on was written."""
        if self._journal:
            await self._journal.settled()
        await self._store.commit(outcome)

    def _disk_refused(self, error: Exception | None) -> None:
        reason = str(error or "")
        self._mend(error)
        if self._health.disk(reason):
            log.error("the store refuses: %s", reason) if reason else log.info("the store takes again")
            self._publish_status()

    # the broker

    def _link_changed(self, link: LinkState) -> None:
        if link.online:
            self._conductor.settle(self._core.roll_call(clock.wall()))
            self._commands.answer_again()
        log.info("%s", link)

    def _publish_status(self) -> None:
        self._health.judge(wall=clock.wall(), steady=clock.monotonic())
        status = self._health.status()
        text = json.dumps(status, ensure_ascii=False)
        if text != self._status:
            self._status = text
            self._connection.keep(self._topics.status, text.encode())
            self._notifier.status(", ".join([status["state"], *status["reasons"]]))

    def _arrived(self, arrival: Arrival) -> None:
        if self._home_assistant.clear(arrival):
            return
        now = clock.wall()
        match self._topics.parse(arrival):
            case Claim(device=device, group=group, alert=alert, action=action):
                self._door.claimed(alert, device)
                self._conductor.settle(self._core.claim(now, group, device, alert, action))
            case Fact(name=name, value=value):
                self._conductor.settle(self._core.fact(now, name, value, repeated=self._connection.is_settling))
            case Feedback(feedback=feedback, outcome=outcome):
                self._conductor.settle(self._core.outcome(now, feedback, outcome))
            case FactRemoved(name=name):
                self._conductor.settle(self._core.fact(now, name, None))
            case DeviceStatus(device=device, online=online):
                self._conductor.settle(self._core.device(now, device, online=online))
                self._publish_status()
            case MemberTold(source=source, told=told):
                if source != self._topics.source:
                    self._membership.hear(told)
            case Command() as request:
                self._commands.receive(request)
            case Refused(reason=reason):
                known = reason in self._refused or len(self._refused) < MOST_REASONS
                self._refused[reason if known else "other reasons"] += 1

    async def _settled(self) -> None:
        """Wait until what arrived before is in force, and all that it caused on the disk."""
        while True:
            with contextlib.suppress(StoreError):
                await self._membership.obeyed()
                break
            await asyncio.sleep(MEMBERS_POLL_S)
        await self._committer.settled()

    # rules

    async def _keep_rules(self) -> None:
        """Read the rules anew whenever somebody asks for it."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            await self._rules.reload()

    def _rules_changed(self, book: Rulebook) -> None:
        self._health.enforce(book)
        self._watchers.actions = book.actions
        self._publish_status()

    # members

    async def _follow_members(self) -> None:
        while True:
            await asyncio.sleep(MEMBERS_POLL_S)
            try:
                await self._membership.obeyed()
                if await self._membership.follow():
                    await self._membership.tell_noted()
            except StoreError as error:
                log.warning("members cannot be read: %s", error)
                self._mend(error)

    # time

    async def _moments(self) -> None:
        """Once a second: tell who watches, see whether the status changed, feed the watchdog."""
        fed = clock.monotonic()
        published = -HEALTH_S
        while True:
            await asyncio.sleep(MOMENT_S)
            await self._timekeeping.follow_clock()  # first: before this step is over no frame can come between
            now = clock.monotonic()
            self._receivers.judge()
            self._publish_status()
            self._watchers.moment(clock.wall(), self._health.status(), self._core.counts())
            self._home_assistant.moment()
            if self._notifier.watchdog_s and now - fed >= self._notifier.watchdog_s - MOMENT_S and self._progresses():
                self._notifier.alive()
                fed = now
            if now - published >= HEALTH_S:
                self._timekeeping.tell_clock()
                self._publish_health()
                self._committer.push(self._core.alive(clock.wall()))
                published = now

    def _mend(self, error: Exception | None) -> None:
        """Begin anew where the database is damaged: opening it sets it aside."""
        if isinstance(error, StoreError) and error.reason is Reason.CORRUPT:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._anew = True
        self._stop.set()

    def _progresses(self) -> bool:
        return not self._committer.is_stuck()

    def _publish_health(self) -> None:
        timezone = self._config.store.timezone
        body = {
            "clock": {"at": rfc3339(clock.wall(), timezone), "synchronised": self._core.clock_synchronised},
            "receivers": self._receivers.rows(timezone),
            "heard": self._receivers.heard,
            "core": self._core.counts(),
            "queue": self._store.outbox.queued,
            "dropped": dict(self._committer.dropped),
            "refused": dict(self._refused),
        }
        self._connection.keep(
            self._topics.under(f"gateways/{self._config.gateway.id}/health"), json.dumps(body).encode()
        )
