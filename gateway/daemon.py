"""`hushbell run`: the composition root. Radios, core, disk and broker, put together and kept going."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from drivers.driver import Driver, RadioState, Recoverable
from drivers.sighting import Sighting
from gateway import clock
from gateway.assembly import make_core
from gateway.commands import Desk
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.config import Config
from gateway.configfile import ConfigError, load_config_and_rules
from gateway.control import ControlServer, Send
from gateway.enrolment import Enrolment
from gateway.events import Outcome, rfc3339
from gateway.health import Health
from gateway.identifiers import Identifiers
from gateway.identity.recognition import Register
from gateway.lines import complain, refuse
from gateway.lookout import Lookout
from gateway.membership import Membership
from gateway.memory import forbid_dumps, lock_memory
from gateway.mqtt.commands import Commands
from gateway.mqtt.connection import Connection, LinkState, Outgoing, Settings, parse_url
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.topics import Arrival, Claim, Command, DeviceStatus, Fact, FactRemoved, Refused, Topics
from gateway.notify import Notifier
from gateway.radios import make_driver
from gateway.store.database import StoreError
from gateway.store.store import Store
from gateway.watchers import Watchers
from rules.model import Alert, Rule

log = logging.getLogger("hushbell")

MOMENT_S = 1.0
MEMBERS_POLL_S = 0.5
HEALTH_S = 60.0
HOUSEKEEPING_S = 600.0
STOPPING_S = 5.0
CLOCK_BACK_S = 10.0  # a clock set back by more leaves the core waiting for a time that was
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
    except StoreError as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
    else:
        return 0
    return 2


async def _run(config: Config, rules: list[Rule]) -> None:
    store = await Store.open(config.gateway.state)
    try:
        while await Daemon(config, rules, store, await store.begin_run()).run():
            pass
    finally:
        await store.close()


def _settings(config: Config, topics: Topics) -> Settings:
    will = Outgoing(topics.status, b'{"state": "offline"}', retain=True)
    return Settings(
        parse_url(config.mqtt.url),
        topics.client_id,
        will,
        topics.subscriptions,
        config.mqtt.username,
        _password(config.mqtt.password_file),
        config.mqtt.ca_file,
    )


def _place(error: Exception) -> str:
    """Say where an error came from, and nothing of what it says."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
    return f"{where} ({type(error).__name__})"


def _password(file: Path | None) -> str | None:
    """Read the broker's password, from systemd's credentials where they hold a file of that name."""
    if file is None:
        return None
    credentials = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / file.name
    return (credentials if credentials.is_file() else file).read_text(encoding="utf-8").rstrip("\n")


class Daemon:
    """One gateway at work. Everything here runs on one event loop."""

    def __init__(self, config: Config, rules: list[Rule], store: Store, run: int) -> None:
        self._config = config
        self._store = store
        self._topics = Topics(config.store.id, config.gateway.id)
        self._notifier = Notifier(os.environ)
        ids = Identifiers(store.gateway_key, run.to_bytes(8, "big"))
        self._core = make_core(config, rules, Register(), ids)
        self._conductor = Conductor(self._core, clock.wall, self._take)
        self._committer = Committer(store.commit, self._disk_refused, StoreError)
        alerted = {rule.action.group for rule in rules if isinstance(rule.action, Alert)}
        self._health = Health(config, alerted, clock.wall())
        actions = {rule.name: "alert" if isinstance(rule.action, Alert) else "offer" for rule in rules}
        self._watchers = Watchers(self._core, actions)
        self._enrolments: list[Enrolment] = []
        self._drivers = [make_driver(receiver, clock.wall, config.leave_after_s) for receiver in config.receivers]
        self._lookouts = [self._look_out(driver) for driver in self._drivers]
        self._connection = Connection(_settings(config, self._topics), self._arrived, self._link_changed)
        self._publisher = Publisher(store, self._connection, self._topics, config.store.timezone, clock.wall)
        self._membership = Membership(store, self._conductor, self._committer, config.gateway.id, clock.wall)
        desk = Desk(store, self._core, self._membership, self._health, clock.wall)
        self._commands = Commands(self._topics, self._connection.send, clock.monotonic)
        for name, handler in desk.handlers().items():
            self._commands.register(name, handler)
        self._stop = asyncio.Event()
        self._anew = False
        self._status = ""
        self._refused: Counter[str] = Counter()

    async def run(self) -> bool:
        """Work until told to stop, then end in order: radios, disk, broker; return whether to begin anew."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        await self._begin()
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
                    ("housekeeping", self._keep_house()),
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
        return self._anew

    async def _begin(self) -> None:
        if self._store.set_aside:
            log.error("the database was damaged and is set aside as %s; a new one is begun", self._store.set_aside)
        await self._membership.follow()
        self._conductor.settle(self._core.restore(await self._store.state(), clock.wall()))
        self._conductor.settle(self._core.advance(clock.wall()))

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
            if rung and isinstance(driver, Recoverable):
                log.warning("receiver %s: trying %s", driver.receiver, rung)
                driver.recover(rung)

    def _deliver(self, sightings: list[Sighting]) -> None:
        for enrolment in self._enrolments:
            for sighting in sightings:
                if self._core.is_enrolled(sighting):
                    enrolment.hear_member(sighting)
                else:
                    enrolment.hear(sighting)
        self._conductor.hear(sightings)

    # what was decided

    def _take(self, outcome: Outcome) -> None:
        self._watchers.outcome(outcome)
        self._committer.push(outcome)

    def _disk_refused(self, reason: str) -> None:
        if self._health.disk(reason):
            log.error("the store refuses: %s", reason) if reason else log.info("the store takes again")
            self._publish_status()

    # the broker

    def _link_changed(self, link: LinkState) -> None:
        where = "connected to the broker" if link.online else "without the broker"
        log.info("%s%s", where, f": {link.reason}" if link.reason else "")

    def _publish_status(self) -> None:
        status = self._health.status(clock.wall())
        text = json.dumps(status, ensure_ascii=False)
        if text != self._status:
            self._status = text
            self._connection.keep(self._topics.status, text.encode())
            self._notifier.status(", ".join([status["state"], *status["reasons"]]))

    def _arrived(self, arrival: Arrival) -> None:
        now = clock.wall()
        match self._topics.parse(arrival):
            case Claim(device=device, group=group, alert=alert, action=action):
                if self._belongs(device, group):
                    self._conductor.settle(self._core.claim(now, group, device, alert, action))
                else:
                    self._refused["claim from outside the group"] += 1
            case Fact(name=name, value=value):
                self._conductor.settle(self._core.fact(now, name, value))
            case FactRemoved(name=name):
                self._conductor.settle(self._core.fact(now, name, None))
            case DeviceStatus(device=device, online=online):
                self._health.device(device, online=online)
                self._publish_status()
            case Command() | Refused(answer_topic=str()) as request:
                self._commands.receive(request)
            case Refused(reason=reason):
                self._refused[reason] += 1

    def _belongs(self, device: str, group_id: str) -> bool:
        """Tell whether a device may speak for a group: one that names no devices takes any of the shop's."""
        group = next((group for group in self._config.staff.groups if group.id == group_id), None)
        return group is not None and (not group.devices or device in group.devices)

    # members

    async def _follow_members(self) -> None:
        while True:
            await asyncio.sleep(MEMBERS_POLL_S)
            try:
                await self._membership.follow()
            except StoreError as error:
                log.warning("members cannot be read: %s", error)

    # time

    async def _moments(self) -> None:
        """Once a second: tell who watches, see whether the status changed, feed the watchdog."""
        fed = clock.monotonic()
        published = -HEALTH_S
        while True:
            await asyncio.sleep(MOMENT_S)
            now = clock.monotonic()
            self._judge_radios()
            self._publish_status()
            status = self._health.status(clock.wall())
            self._watchers.moment(clock.wall(), status, self._core.counts())
            if self._notifier.watchdog_s and now - fed >= self._notifier.watchdog_s - MOMENT_S and self._progresses():
                self._notifier.alive()
                fed = now
            if now - published >= HEALTH_S:
                self._publish_health()
                self._committer.push(self._core.alive(clock.wall()))
                published = now
            if clock.wall() < self._core.now - CLOCK_BACK_S:
                log.warning("the clock was set back; beginning anew with the time that it tells now")
                self._anew = True
                self._stop.set()

    def _progresses(self) -> bool:
        return not self._committer.is_stuck()

    def _publish_health(self) -> None:
        timezone = self._config.store.timezone
        drivers = list(zip(self._drivers, self._lookouts, strict=True))
        body = {
            "clock": {"at": rfc3339(clock.wall(), timezone)},
            "receivers": {driver.receiver: {**driver.counters, **lookout.row(timezone)} for driver, lookout in drivers},
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
        while True:
            with contextlib.suppress(StoreError):
                await self._store.prune(clock.wall(), self._config.privacy)
            await asyncio.sleep(HOUSEKEEPING_S)

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
                send(await self._enrol(receiver, min(float(seconds), 120.0)))

    async def _enrol(self, receiver: str, seconds: float) -> dict[str, Any]:
        """Wait for one card to be held to a receiver."""
        enrolment = Enrolment(receiver)
        self._enrolments.append(enrolment)
        try:
            for _ in range(int(seconds / 0.25)):
                await asyncio.sleep(0.25)
                if credential := enrolment.found():
                    return {"found": credential}
            return {"failed": enrolment.why_not()}
        finally:
            self._enrolments.remove(enrolment)
