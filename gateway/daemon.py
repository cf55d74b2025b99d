"""`hushbell run`: the composition root. Radios, core, disk and broker, put together and kept going."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import math
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.driver import Driver, RadioState, Recoverable
from drivers.sighting import Sighting
from gateway import clock
from gateway.assembly import make_core
from gateway.audit.papers import drift
from gateway.calibrate.tags import Tags
from gateway.commands import Desk
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.config import Config
from gateway.configfile import ConfigError, load_config_and_rules
from gateway.contract.commands import LONGEST_ENROLMENT_S
from gateway.contract.reading import RefusedError
from gateway.control import ControlServer, Send
from gateway.enrolments import Enrolments
from gateway.events import Outcome, rfc3339
from gateway.health import Health
from gateway.homeassistant import HomeAssistant, filters
from gateway.identifiers import Identifiers
from gateway.identity.recognition import Register
from gateway.inforce import read_rule_files
from gateway.lines import complain, refuse
from gateway.lookout import CRASHED, Lookout
from gateway.membership import Membership
from gateway.memory import forbid_dumps, lock_memory
from gateway.mqtt.commands import Commands
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.outgoing import Outgoing, PublishError
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.settings import make_settings
from gateway.mqtt.topics import Arrival, Claim, Command, DeviceStatus, Fact, FactRemoved, Refused, Topics
from gateway.mqtt.trouble import TroubleError
from gateway.notify import Notifier
from gateway.radios import make_driver
from gateway.store.database import Reason, StoreError
from gateway.store.store import Store
from gateway.trust import beyond_reach, kinds_carried, kinds_heard
from gateway.watchers import Watchers
from rules.model import Alert, Rule

if TYPE_CHECKING:
    from gateway.guest.network import GuestNetwork

log = logging.getLogger("hushbell")

MOMENT_S = 1.0
MEMBERS_POLL_S = 0.5
HEALTH_S = 60.0
MOST_REASONS = 100  # that refused messages are counted by: some name a field that the sender made up
HOUSEKEEPING_S = 600.0
MEMBERS_AT_ONCE = 500
IDS_AT_ONCE = 100
PREPARING_S = 0.002
IDLE_S = 86400.0  # how often members are looked for who do not come any more
STOPPING_S = 5.0
CLOCK_STEP_S = 0.5  # a clock that is off by less is left as it is
DRIVER_PAUSE_S = 5.0


def run(config_path: Path) -> int:
    """Run the daemon until it is told to stop; return the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    forbid_dumps()
    if not lock_memory():
        log.warning("memory is not locked: strangers' addresses could reach swap; the service's unit allows to lock it")
    try:
        config, rules = load_config_and_rules(config_path)
        asyncio.run(_run(config, rules))
    except ConfigError as error:
        refuse(str(error))
    except (StoreError, TroubleError) as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
    else:
        return 0
    return 2


async def _run(config: Config, rules: list[Rule]) -> None:
    anew = True
    while anew:
        store = await Store.open(config.gateway.state)
        try:
            anew = await Daemon(config, rules, store, await store.begin_run()).run()
        finally:
            await store.close()


def _tell_mended(set_aside: Path, restored: int | None) -> str:
    members = "there is no copy of the members" if restored is None else f"{restored} members are restored"
    return f"the database was damaged and is set aside as {set_aside.name}; a new one is begun, {members}"


def _place(error: BaseException) -> str:
    """Say where an error came from, and nothing of what it says."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
    return f"{where} ({type(error).__name__})"


def _note_stray(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody waited for, such as a library's where D-Bus ends; its text could quote an address."""
    error = context.get("exception")
    log.error("nobody waited for an error at %s", _place(error) if error else context["message"])


class Daemon:
    """One gateway at work. Everything here runs on one event loop."""

    def __init__(self, config: Config, rules: list[Rule], store: Store, run: int) -> None:
        self._config = config
        self._rules = rules
        self._store = store
        self._topics = Topics(config.store.id, config.gateway.id)
        self._notifier = Notifier(os.environ)
        ids = Identifiers(store.gateway_key, run.to_bytes(8, "big"))
        self._core = make_core(config, rules, Register(), ids)
        self._conductor = Conductor(self._core, clock.wall, self._take)
        self._committer = Committer(store.commit, self._disk_refused, StoreError)
        alerted = {rule.action.group for rule in rules if isinstance(rule.action, Alert)}
        self._health = Health(config, alerted, self._core.devices_online, wall=clock.wall(), steady=clock.monotonic())
        actions = {rule.name: "alert" if isinstance(rule.action, Alert) else "offer" for rule in rules}
        self._watchers = Watchers(self._core, actions)
        references = frozenset(receiver.reference.identity for receiver in config.receivers if receiver.reference)
        self._enrolments = Enrolments(self._core.is_enrolled, references)
        self._tags = Tags(references)
        self._trials: dict[str, Callable[[str], None]] = {}  # by test alert, what takes who answers
        self._drivers = [make_driver(receiver, clock.wall, config.leave_after_s) for receiver in config.receivers]
        self._lookouts = [self._look_out(driver) for driver in self._drivers]
        will = Outgoing(self._topics.status, b'{"state": "offline"}', retain=True)
        subscriptions = (*self._topics.subscriptions, *filters(config))
        settings = make_settings(config.mqtt, self._topics.client_id, will, subscriptions)
        self._connection = Connection(settings, self._arrived, self._link_changed, settled=self._committer.settled)
        self._home_assistant = HomeAssistant(config, self._topics, self._connection.keep)
        self._publisher = Publisher(store, self._connection, self._topics, config.store.timezone, clock.wall)
        self._membership = Membership(store, self._conductor, self._committer, config.gateway.id, clock.wall)
        self._guest = self._open_guest_network()
        rule_files = read_rule_files(config.rule_files, rules)
        desk = Desk(
            config,
            rule_files,
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
        self._anew = False
        self._status = ""
        self._outdated: list[str] = []
        self._refused: Counter[str] = Counter()

    async def run(self) -> bool:
        """Work until told to stop, then end in order: radios, disk, broker; return whether to begin anew."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_note_stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._begin()
        gc.collect()
        gc.freeze()  # members and rules last as long as we do: looking at all of them again would hold up an alert
        async with asyncio.TaskGroup() as tasks:
            radios = [
                tasks.create_task(self._hear(driver, lookout), name=f"radio {driver.receiver}")
                for driver, lookout in zip(self._drivers, self._lookouts, strict=True)
            ]
            others = [
                tasks.create_task(work, name=name)
                for name, work in (
                    ("committer", self._committer.run()),
                    ("publisher", self._publisher.run()),
                    ("control", ControlServer(self._config.gateway.state, self._talk).run()),
                    ("members", self._follow_members()),
                    ("moments", self._moments()),
                    ("preparing", self._keep_prepared()),
                    ("housekeeping", self._keep_house()),
                    *([("guest network", self._guest.run())] if self._guest else []),
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
            self._config, self._config.guest, self._drivers, self._core, self._membership, self._store.gateway_key
        )
        self._membership.tell(network.changed)
        return network

    async def _begin(self) -> None:
        if self._store.set_aside:
            remark = _tell_mended(self._store.set_aside, self._store.restored)
            log.error("%s", remark)
            self._health.remember(remark)
        await self._membership.follow()
        self._conductor.settle(self._core.restore(await self._store.state(), clock.wall()))
        await self._prepare()
        self._tell_clock()
        kinds = kinds_heard(self._config) & kinds_carried(self._core.members())
        for rule, needed in beyond_reach(self._config, self._rules, kinds) if kinds else ():
            log.warning("rule %s needs a credential that is %s, and no member carries one", rule.name, needed.word)
        self._home_assistant.announce()

    async def _end(self, radios: list[asyncio.Task[None]]) -> None:
        for radio in radios:
            radio.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await self._committer.settled()
                if self._connection.state.online:
                    await self._publisher.drained()

    # radios

    async def _hear(self, driver: Driver, lookout: Lookout) -> None:
        """Run one driver; one that fails against its promise is told and begun again, and harms no other."""

        def report(state: RadioState, reason: str) -> None:
            lookout.report(state, reason)
            self._tell(driver.receiver, lookout)

        def deliver(sightings: list[Sighting]) -> None:
            lookout.take(sightings)
            self._deliver(sightings)

        while True:
            try:
                await driver.run(deliver, report)
                return
            except Exception as error:  # its text could quote an address
                driver.counters[CRASHED] += 1
                log.error("the driver of receiver %s failed at %s", driver.receiver, _place(error))
                report(RadioState.FAILED, f"the driver failed ({type(error).__name__})")
            await asyncio.sleep(DRIVER_PAUSE_S)

    def _look_out(self, driver: Driver) -> Lookout:
        """Return the lookout for a driver's receiver."""
        receiver = next(receiver for receiver in self._config.receivers if receiver.id == driver.receiver)
        rungs = driver.rungs if isinstance(driver, Recoverable) else ()
        return Lookout(receiver, rungs, has_hours=self._config.store.opening_hours is not None)

    def _tell(self, receiver: str, lookout: Lookout) -> None:
        state, reason = lookout.fares
        if self._health.radio(receiver, state, reason):
            log.info("receiver %s is %s%s", receiver, state, f": {reason}" if reason else "")
            self._publish_status()

    def _judge_radios(self) -> None:
        """See whether each radio hears, and ask the driver of one that does not for the next rung when it is due."""
        now, is_open = clock.monotonic(), self._health.is_open(clock.wall())
        for driver, lookout in zip(self._drivers, self._lookouts, strict=True):
            rung = lookout.moment(now, is_open=is_open)
            self._tell(driver.receiver, lookout)
            if self._health.drift(driver.receiver, lookout.drift):
                log.warning("receiver %s: %s", driver.receiver, lookout.drift or "the reference beacon is as it was")
            if rung and isinstance(driver, Recoverable):
                log.warning("receiver %s: trying %s", driver.receiver, rung)
                driver.recover(rung)

    def _deliver(self, sightings: list[Sighting]) -> None:
        self._enrolments.hear(sightings)
        self._tags.hear(sightings)
        self._conductor.hear(sightings)

    # what was decided

    def _take(self, outcome: Outcome) -> None:
        self._watchers.outcome(outcome)
        self._committer.push(outcome)
        self._home_assistant.take(outcome)

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
                if answer := self._trials.get(alert):
                    answer(device)
                self._conductor.settle(self._core.claim(now, group, device, alert, action))
            case Fact(name=name, value=value):
                self._conductor.settle(self._core.fact(now, name, value))
            case FactRemoved(name=name):
                self._conductor.settle(self._core.fact(now, name, None))
            case DeviceStatus(device=device, online=online):
                self._conductor.settle(self._core.device(now, device, online=online))
                self._publish_status()
            case Command() as request:
                self._commands.receive(request)
            case Refused(reason=reason):
                known = reason in self._refused or len(self._refused) < MOST_REASONS
                self._refused[reason if known else "other reasons"] += 1

    # members

    async def _follow_members(self) -> None:
        while True:
            await asyncio.sleep(MEMBERS_POLL_S)
            try:
                await self._membership.follow()
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
            if abs(clock.set_by()) >= CLOCK_STEP_S:
                await self._prepare()
            await self._follow_clock()  # first: before this step is over no frame can come between
            now = clock.monotonic()
            self._judge_radios()
            self._publish_status()
            self._watchers.moment(clock.wall(), self._health.status(), self._core.counts())
            self._home_assistant.moment()
            if self._notifier.watchdog_s and now - fed >= self._notifier.watchdog_s - MOMENT_S and self._progresses():
                self._notifier.alive()
                fed = now
            if now - published >= HEALTH_S:
                self._tell_clock()
                self._publish_health()
                self._committer.push(self._core.alive(clock.wall()))
                published = now

    async def _prepare(self) -> None:
        """Compute what members will send soon, by the clock as it will be followed, a little at a time."""
        is_more = True
        while is_more:
            is_more = self._core.prepare(clock.wall() + clock.set_by(), IDS_AT_ONCE)
            await asyncio.sleep(PREPARING_S if is_more else 0)

    async def _keep_prepared(self) -> None:
        while True:
            await self._prepare()
            await asyncio.sleep(MOMENT_S)

    async def _follow_clock(self) -> None:
        """Where the machine's clock was set, let the core date anew what is open, and the store what waits."""
        if abs(clock.set_by()) < CLOCK_STEP_S:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await self._committer.settled()  # the store's then
        t, by_s = clock.wall(), clock.follow()
        log.warning("the clock was set by %+.1f s; what is open goes on and is dated anew", by_s)
        self._conductor.settle(self._core.set_clock(t, by_s))
        try:
            await self._store.redate(by_s)
        except StoreError as error:
            log.warning("what waits cannot be dated anew on the disk: %s", error)
            self._mend(error)

    def _tell_clock(self) -> None:
        self._conductor.settle(self._core.clock(clock.wall(), synchronised=clock.is_synchronised()))

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
        drivers = list(zip(self._drivers, self._lookouts, strict=True))
        body = {
            "clock": {"at": rfc3339(clock.wall(), timezone), "synchronised": self._core.clock_synchronised},
            "receivers": {driver.receiver: lookout.row(timezone, driver.counters) for driver, lookout in drivers},
            "heard": sum(driver.counters["heard"] for driver in self._drivers),
            "core": self._core.counts(),
            "queue": self._store.queued,
            "dropped": dict(self._committer.dropped),
            "refused": dict(self._refused),
        }
        self._connection.keep(
            self._topics.under(f"gateways/{self._config.gateway.id}/health"), json.dumps(body).encode()
        )

    async def _keep_house(self) -> None:
        looked = -math.inf
        while True:
            self._tell_papers()
            with contextlib.suppress(StoreError):
                await self._store.prune(clock.wall(), self._config.privacy)
                if clock.monotonic() - looked >= IDLE_S and self._core.clock_synchronised is not False:
                    await self._forget_idle()
                    looked = clock.monotonic()
            await asyncio.sleep(HOUSEKEEPING_S)

    def _tell_papers(self) -> None:
        """Say which notices and signs that were written do not match the configuration any more."""
        outdated = drift(self._config)
        for line in outdated if outdated != self._outdated else ():
            log.warning("%s", line)
        self._outdated = outdated

    async def _forget_idle(self) -> None:
        """Erase the members who have not come for longer than members are kept."""
        members, forgotten = self._core.members(), 0
        for start in range(0, len(members), MEMBERS_AT_ONCE):
            outcome, idle = self._core.idle_members(clock.wall(), members[start : start + MEMBERS_AT_ONCE])
            self._conductor.settle(outcome)
            for member_id in idle:
                await self._membership.remove(member_id)
            forgotten += len(idle)
            await asyncio.sleep(0)
        if forgotten:
            log.info("%d members did not come any more and are forgotten", forgotten)

    # the local door

    async def _talk(self, request: dict[str, Any], send: Send) -> None:
        match request:
            case {"watch": True}:
                leave = self._watchers.join(send)
                try:
                    await asyncio.Event().wait()
                finally:
                    leave()
            case {"enrol": str(receiver), "seconds": int() | float() as seconds}:
                send(await self._enrol(receiver, min(float(seconds), LONGEST_ENROLMENT_S)))
            case {"calibrate": str(receiver), "seconds": int() | float() as seconds}:
                await self._tags.follow(receiver, min(float(seconds), LONGEST_ENROLMENT_S), send)
            case {"buzz": str(group)}:
                await self._buzz(group, send)
            case {"broker": True}:
                send(await self._try_broker())
            case {"crowd": "measures"}:
                for measure in self._core.crowd_measures():
                    send(measure._asdict())

    async def _try_broker(self) -> dict[str, Any]:
        """Say which broker takes us, and whether it takes what we say: nothing, where nothing is, leaves no trace."""
        link, refusal = self._connection.state, ""
        try:
            await self._connection.publish(Outgoing(self._topics.trial, b"", retain=True))
        except PublishError as error:
            refusal = error.reason
        return {"address": str(link.address) if link.online else None, "refusal": refusal, "remark": link.remark}

    async def _enrol(self, receiver: str, seconds: float) -> dict[str, Any]:
        """Wait for one card to be held to a receiver."""
        try:
            return {"found": await self._enrolments.wait(receiver, seconds)}
        except RefusedError as error:
            return {"failed": error.message}

    async def _buzz(self, group: str, send: Send) -> None:
        """Raise a test alert, and tell which devices answer it until it is over."""
        if not self._connection.state.online:
            send({"failed": f"the gateway is without the broker: {self._connection.state.reason}"})
            return
        if group not in {known.id for known in self._config.staff.groups}:
            send({"failed": "the gateway has no such group; it reads its configuration when it starts"})
            return
        began = clock.wall()
        outcome, alert = self._core.buzz(began, group)
        send({"online": self._core.devices_online(group), "seconds": alert.expires - began})
        self._trials[alert.id] = lambda device: send({"device": device, "after": clock.wall() - began})
        try:
            self._conductor.settle(outcome)
            await asyncio.sleep(alert.expires - began)
        finally:
            del self._trials[alert.id]
