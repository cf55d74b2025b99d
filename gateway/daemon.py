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
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from drivers.driver import Driver, RadioState
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
from gateway.events import Outcome
from gateway.health import Health
from gateway.identifiers import Identifiers
from gateway.identity.recognition import Register
from gateway.lines import complain, refuse
from gateway.memory import forbid_dumps, lock_memory
from gateway.mqtt.commands import Commands
from gateway.mqtt.connection import Connection, LinkState, Outgoing, Settings, parse_url
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.topics import Arrival, Claim, Command, DeviceStatus, Fact, FactRemoved, Refused, Topics
from gateway.notify import Notifier
from gateway.radios import make_driver
from gateway.roster import Roster
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
        daemon = Daemon(config, rules, store, await store.begin_run())
        await daemon.run()
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
        self._connection = Connection(_settings(config, self._topics), self._arrived, self._link_changed)
        self._publisher = Publisher(store, self._connection, self._topics, config.store.timezone, clock.wall)
        desk = Desk(store, self._conductor, self._health, config.gateway.id, clock.wall)
        self._commands = Commands(self._topics, self._connection.send, clock.monotonic)
        for name, handler in desk.handlers().items():
            self._commands.register(name, handler)
        self._roster = Roster(store)
        self._status = ""
        self._refused: Counter[str] = Counter()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then end in order: radios, disk, broker."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await self._begin()
        async with asyncio.TaskGroup() as tasks:
            radios = [self._start(tasks, self._hear(driver), f"radio {driver.receiver}") for driver in self._drivers]
            others = [
                self._start(tasks, work, name)
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
            await stop.wait()
            self._notifier.stopping()
            await self._end(radios)
            self._connection.close()
            await asyncio.wait({link}, timeout=STOPPING_S)
            for task in (*others, link):
                task.cancel()
        self._conductor.close()
        self._notifier.close()

    async def _begin(self) -> None:
        if self._store.set_aside:
            log.error("the database was damaged and is set aside as %s; a new one is begun", self._store.set_aside)
        await self._take_members()
        self._core.restore(await self._store.state(), clock.wall())
        self._conductor.settle(self._core.advance(clock.wall()))

    async def _end(self, radios: list[asyncio.Task[None]]) -> None:
        for radio in radios:
            radio.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await self._committer.settled()
                if self._connection.state.online:
                    await self._publisher.drained()

    def _start(self, tasks: asyncio.TaskGroup, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return tasks.create_task(work, name=name)

    # radios

    async def _hear(self, driver: Driver) -> None:
        """Run one driver; one that fails against its promise is told and begun again, and harms no other."""

        def report(state: RadioState, reason: str) -> None:
            if self._health.radio(driver.receiver, state, reason):
                log.info("receiver %s is %s%s", driver.receiver, state, f": {reason}" if reason else "")
                self._publish_status()

        while True:
            try:
                await driver.run(self._deliver, report)
                return
            except Exception as error:
                log.exception("the driver of receiver %s failed", driver.receiver)
                report(RadioState.FAILED, f"the driver failed ({type(error).__name__})")
            await asyncio.sleep(DRIVER_PAUSE_S)

    def _deliver(self, sightings: list[Sighting]) -> None:
        for enrolment in self._enrolments:
            for sighting in sightings:
                if not self._core.is_enrolled(sighting):
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
            case Claim(device=device, group=group, alert=alert, action="claim"):
                self._conductor.settle(self._core.claim(now, group, device, alert))
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

    # members

    async def _take_members(self) -> None:
        changes = await self._roster.changes()
        now = clock.wall()
        for member in changes.put:
            self._conductor.settle(self._core.put_member(now, member))
        for member_id in changes.removed:
            self._conductor.settle(self._core.remove_member(now, member_id))
            await self._store.erase_member(member_id)

    async def _follow_members(self) -> None:
        while True:
            await asyncio.sleep(MEMBERS_POLL_S)
            try:
                await self._take_members()
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
            self._publish_status()
            status = self._health.status(clock.wall())
            self._watchers.moment(clock.wall(), status, self._core.counts())
            if self._notifier.watchdog_s and now - fed >= self._notifier.watchdog_s - MOMENT_S and self._progresses():
                self._notifier.alive()
                fed = now
            if now - published >= HEALTH_S:
                self._publish_health()
                published = now

    def _progresses(self) -> bool:
        return not self._committer.is_stuck()

    def _publish_health(self) -> None:
        body = {
            "receivers": {driver.receiver: dict(driver.counters) for driver in self._drivers},
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
