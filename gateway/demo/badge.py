"""The sandbox's staff: a badge that is online and takes most of the alerts that it hears."""

from __future__ import annotations

import asyncio
import json
from random import Random

from gateway.contract.reading import RefusedError, parse_json
from gateway.mqtt.address import parse_url
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.outgoing import Delivery, Outgoing
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Arrival

CLAIMS = 0.4  # of the alerts, each badge
SECONDS = (1.5, 8.0)  # until it does
MOST_BYTES = 1 << 16


class Badge:
    """A staff device of the group floor."""

    def __init__(self, name: str, root: str, url: str, random: Random) -> None:
        self._claims = f"{root}/alerts/floor/claims/{name}"
        self._random = random
        status = f"{root}/devices/{name}/status"
        will = Outgoing(status, b'{"state": "offline"}', retain=True)
        settings = Settings(parse_url(url), f"sandbox-{name}", will, [f"{root}/alerts/floor"], session_s=60)
        self._connection = Connection(settings, self._receive, _passed_over)
        self._connection.keep(status, b'{"state": "online", "battery": 0.9}')

    async def run(self) -> None:
        """Be online until cancelled."""
        await self._connection.run()

    def _receive(self, arrival: Arrival) -> None:
        try:
            event = parse_json(arrival.payload, MOST_BYTES)
        except RefusedError:
            return
        match event:
            case {"type": "hushbell.alert.raised", "data": {"alert": str(alert)}} if self._random.random() < CLAIMS:
                seconds = self._random.uniform(*SECONDS)
                asyncio.get_running_loop().call_later(seconds, self._claim, alert)

    def _claim(self, alert: str) -> None:
        body = json.dumps({"alert": alert, "action": "claim"}).encode()
        self._connection.send(Outgoing(self._claims, body), _given_up)


def _passed_over(_: LinkState) -> None:
    """A badge without the broker waits for it."""


def _given_up(_: Delivery, __: str) -> None:
    """A claim that is lost is claimed by nobody, and the alert expires."""
