"""Looks at what a broker keeps: of ours, nothing but how things are now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.audit.report import Look, Report
from gateway.audit.traces import traces
from gateway.configuration.config import Config
from gateway.contract.reading import RefusedError, parse_json
from gateway.control import ControlError, ask
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.settings import make_settings
from gateway.mqtt.topics import Arrival, Topics
from gateway.mqtt.trouble import TroubleError
from rules.messages import say

PATIENCE_S: Final = 4.5
QUIET_S: Final = 1.0
MOST_BYTES: Final = 1 << 20


async def look_at_topics(config: Config) -> Report:
    """Read the retained messages under the shop's root and judge them. It raises nothing."""
    where = config.mqtt.url
    if config.mqtt.username and await _runs(config):
        how = say("the running gateway holds the place of this user; stop it first")
        return Report(looked=[Look(where, how, done=False)])
    try:
        async with asyncio.timeout(PATIENCE_S):
            kept = await _read(config)
    except TroubleError as error:
        return Report(looked=[Look(where, str(error.trouble), done=False)])
    except TimeoutError:
        return Report(looked=[Look(where, say("the broker does not answer"), done=False)])
    return judge(Topics(config.store.id, config.gateway.id), where, kept)


def judge(topics: Topics, where: str, kept: Mapping[str, bytes]) -> Report:
    """Judge retained messages by topic."""
    how = say("{count} retained messages that this user may read", count=len(kept))
    report = Report(looked=[Look(where, how)])
    for topic, payload in kept.items():
        levels = topic.removeprefix(f"{topics.root}/").split("/")
        match levels:
            case ["gateways", _, "status" | "health"] | ["devices", _, "status"] | ["facts", _]:
                pass
            case _:
                report.faults.append(say("the broker keeps what must not last: {topic}", topic="/".join(levels)))
        try:
            value = parse_json(payload, MOST_BYTES)
        except RefusedError:
            continue
        for found in traces(value):
            text = "what the broker keeps on {topic} holds {what}"
            report.faults.append(say(text, topic="/".join(levels), what=say(found)))
    return report


async def _runs(config: Config) -> bool:
    try:
        async for _ in ask(config.gateway.state, {"broker": True}):
            pass
    except (ControlError, OSError, ValueError):
        return False
    return True


async def _read(config: Config) -> dict[str, bytes]:
    """Sign on as a visitor and take what is kept until nothing more comes. Raises TroubleError."""
    topics = Topics(config.store.id, config.gateway.id)
    will = Outgoing(topics.trial, b"", retain=True)
    filters = (f"{topics.root}/#",)
    settings = make_settings(config.mqtt, f"{topics.client_id}-audit", will, filters, visiting=True)
    kept: dict[str, bytes] = {}
    news = asyncio.Event()
    first: asyncio.Future[LinkState] = asyncio.get_running_loop().create_future()

    def take(arrival: Arrival) -> None:
        if arrival.retained and arrival.payload:
            kept[arrival.topic] = arrival.payload
            news.set()

    connection = Connection(settings, take, lambda link: None if first.done() else first.set_result(link))
    task = asyncio.create_task(connection.run(), name="audit of retained messages")
    try:
        link = await first
        if not link.online:
            raise TroubleError(link.troubles[0].cause, **dict(link.troubles[0].values))
        await _until_quiet(news)
    finally:
        connection.close()
        await asyncio.wait({task}, timeout=QUIET_S)
        task.cancel()
        await asyncio.wait({task})
    return kept


async def _until_quiet(news: asyncio.Event) -> None:
    while True:
        news.clear()
        try:
            async with asyncio.timeout(QUIET_S):
                await news.wait()
        except TimeoutError:
            return
