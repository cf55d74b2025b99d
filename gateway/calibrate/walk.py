"""The guided walk: the installer is told where to stand, and the running daemon tells what it hears of the tag."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self, get_args

from gateway.calibrate.levels import hears
from gateway.calibrate.survey import FEW_FRAMES, Frame, Spot, Stand, Survey, Way
from gateway.configuration.config import Zone, ZoneKind
from gateway.control import ControlError, ask
from rules.messages import say as told

HOLD_S = 60.0
TRIES = 3
KINDS: tuple[ZoneKind, ...] = ("outside", "door", "inside", "shelf")
"""People come this way, and what is weak means the street only to who was not within yet."""

ASKED: dict[tuple[Spot, Way], str] = {
    ("middle", "towards"): "Where customers stand in it: walk slowly to and fro, your face to {receiver}.",
    ("middle", "away"): "The same place: walk slowly to and fro, your back to {receiver}.",
    (
        "edge",
        "towards",
    ): "At its edge, the farthest from {receiver} that belongs to it: along it, your face to {receiver}.",
    ("edge", "away"): "Along the same edge, your back to {receiver}.",
}

Tell = Callable[[str], None]


class WalkError(Exception):
    """A walk that came to nothing; the text is one line for the user."""


class Ear:
    """What the daemon hears of one tag, gathered while the installer walks."""

    def __init__(self, folder: Path, receiver: str) -> None:
        self.frames: list[Frame] = []
        self._answers = ask(folder, {"calibrate": receiver, "seconds": HOLD_S})
        self._loop = asyncio.new_event_loop()
        self._found, self._ended = Event(), Event()
        self._why = told("the daemon ended")
        self._thread = Thread(target=self._run, daemon=True)
        self._gathering: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._leave)
        self._thread.join()

    def wait_for_tag(self) -> None:
        """Wait until a tag is held to the receiver. Raises ControlError."""
        self._found.wait()
        self._check()

    def wait(self, seconds: float) -> None:
        """Gather for a while. Raises ControlError where the daemon ends meanwhile."""
        self._ended.wait(seconds)
        self._check()

    def _check(self) -> None:
        if self._ended.is_set():
            raise ControlError(self._why)

    def _run(self) -> None:
        self._gathering = self._loop.create_task(self._gather())
        try:
            self._loop.run_until_complete(self._gathering)
        except asyncio.CancelledError:
            pass
        except ControlError as error:
            self._why = str(error)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
            self._ended.set()
            self._found.set()

    async def _gather(self) -> None:
        async for answer in self._answers:
            if "found" in answer:
                self._found.set()
            else:
                self.frames.append(Frame(answer["t"], answer["receiver"], answer["rssi"]))

    def _leave(self) -> None:
        if self._gathering:
            self._gathering.cancel()


def walk(folder: Path, zones: Sequence[Zone], receivers: Sequence[str], at: str, seconds: float, tell: Tell) -> Survey:
    """Lead through the zones with a tag that is held to the receiver `at` first. Raises WalkError and ControlError."""
    legs = list(_legs(zones, receivers))
    with Ear(folder, at) as ear:
        tell(told("Hold the card to the receiver {receiver} ...", receiver=at))
        ear.wait_for_tag()
        tell(told("Found. Carry it from now on as customers do: in a pocket or a bag, not in the hand."))
        stands = []
        for number, (zone, spot, way, receiver) in enumerate(legs, 1):
            tell(f"\n[{number}/{len(legs)}] {zone.id}")
            tell(told(ASKED[spot, way], receiver=receiver))
            since, until = _stand(ear, seconds, tell)
            stands.append(Stand(zone.id, spot, way, since, until))
        return Survey(ear.frames, stands)


def _legs(zones: Sequence[Zone], receivers: Sequence[str]) -> Iterator[tuple[Zone, Spot, Way, str]]:
    for zone in sorted(zones, key=lambda zone: KINDS.index(zone.kind)):
        own = [receiver for receiver in receivers if hears(zone, receiver)]
        for spot in get_args(Spot) if own else ():
            for way in get_args(Way):
                yield zone, spot, way, own[0]


def _stand(ear: Ear, seconds: float, tell: Tell) -> tuple[float, float]:
    """Let the installer stand until enough was heard; return from when until when, by the daemon's clock."""
    for _ in range(TRIES):
        tell(told("Press Enter there ({seconds:g} s) ...", seconds=seconds))
        if not sys.stdin.readline():
            raise WalkError(told("the walk was broken off, nothing was written"))
        before = len(ear.frames)
        ear.wait(seconds)
        frames = ear.frames[before:]
        heard = Counter(frame.receiver for frame in frames)
        tell("  " + (", ".join(_briefly(frames, name) for name in sorted(heard)) or told("nothing was heard")))
        if max(heard.values(), default=0) >= FEW_FRAMES:
            times = [frame.t for frame in frames]
            return min(times), math.nextafter(max(times), math.inf)
        tell(told("That is too little. Is the tag awake? Again, please."))
    raise WalkError(
        told("too little is heard of the tag; one that sends twice a second is needed, nothing was written")
    )


def _briefly(frames: Sequence[Frame], receiver: str) -> str:
    levels = sorted(frame.rssi for frame in frames if frame.receiver == receiver)
    return f"{receiver} {levels[len(levels) // 2]} dBm ({len(levels)})"
