"""What the commands on this machine ask of the daemon through its local door, and how each is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drivers.driver import Clock
from gateway.calibrate.tags import Tags
from gateway.conductor import Conductor
from gateway.configuration.config import Config
from gateway.contract.commands import LONGEST_ENROLMENT_S
from gateway.contract.reading import RefusedError
from gateway.control import Send
from gateway.membership.enrolments import Enrolments
from gateway.mqtt.connection import Connection
from gateway.mqtt.outgoing import Outgoing, PublishError
from gateway.mqtt.topics import Topics
from gateway.watchers import Watchers


@dataclass(frozen=True, slots=True)
class Door:
    """Answers `watch`, `enrol`, `calibrate`, `buzz`, `explain` and whoever tries the broker."""

    config: Config
    conductor: Conductor
    connection: Connection
    topics: Topics
    watchers: Watchers
    enrolments: Enrolments
    tags: Tags
    clock: Clock
    _trials: dict[str, Callable[[str], None]] = field(default_factory=dict)  # by test alert, what takes who answers

    async def talk(self, request: dict[str, Any], send: Send) -> None:
        """Answer one request, as long as that takes."""
        match request:
            case {"watch": True}:
                await self._watch(send)
            case {"enrol": str(receiver), "seconds": int() | float() as seconds}:
                send(await self._enrol(receiver, min(float(seconds), LONGEST_ENROLMENT_S)))
            case {"calibrate": str(receiver), "seconds": int() | float() as seconds}:
                await self.tags.follow(receiver, min(float(seconds), LONGEST_ENROLMENT_S), send)
            case {"buzz": str(group)}:
                await self._buzz(group, send)
            case {"counts": True}:
                send(self.conductor.core.counts())
            case {"broker": True}:
                send(await self._try_broker())
            case {"crowd": "measures"}:
                for measure in self.conductor.core.crowd_measures():
                    send(measure._asdict())

    def claimed(self, alert: str, device: str) -> None:
        """Take that a device answered an alert, which may be one that `buzz` waits for."""
        if answer := self._trials.get(alert):
            answer(device)

    async def _watch(self, send: Send) -> None:
        leave = self.watchers.join(send)
        try:
            await asyncio.Event().wait()
        finally:
            leave()

    async def _enrol(self, receiver: str, seconds: float) -> dict[str, Any]:
        """Wait for one card to be held to a receiver."""
        try:
            return {"found": await self.enrolments.wait(receiver, seconds)}
        except RefusedError as error:
            return {"failed": error.message}

    async def _try_broker(self) -> dict[str, Any]:
        """Say which broker takes us, and whether it takes what we say: nothing, where nothing is, leaves no trace."""
        link, refusal = self.connection.state, ""
        try:
            await self.connection.publish(Outgoing(self.topics.trial, b"", retain=True))
        except PublishError as error:
            refusal = error.reason
        return {"address": str(link.address) if link.online else None, "refusal": refusal, "remark": link.remark}

    async def _buzz(self, group: str, send: Send) -> None:
        """Raise a test alert, and tell which devices answer it until it is over."""
        if not self.connection.state.online:
            send({"failed": f"the gateway is without the broker: {self.connection.state.reason}"})
            return
        if group not in {known.id for known in self.config.staff.groups}:
            send({"failed": "the gateway has no such group; it reads its configuration when it starts"})
            return
        core, began = self.conductor.core, self.clock()
        outcome, event = core.buzz(began, group)
        alert = str(event.data["alert"])
        send({"online": core.devices_online(group), "seconds": event.expires - began})
        self._trials[alert] = lambda device: send({"device": device, "after": self.clock() - began})
        try:
            self.conductor.settle(outcome)
            await asyncio.sleep(event.expires - began)
        finally:
            del self._trials[alert]
