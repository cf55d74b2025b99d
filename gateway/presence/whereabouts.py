"""Where one member is, from frames: levels that are judged together, and coarser news that counts at once."""

from __future__ import annotations

import math
from array import array
from typing import NamedTuple

from gateway.heard import Heard
from gateway.presence.frames import HIGHEST, LOWEST, MOST_FRAMES, MOST_NUMBERS, NO_LEVEL, PLACE
from gateway.presence.zones import AWAY, CALM, NOWHERE, Ear, Hold, Link, Plan, agree, weigh

AT_ONCE = 0.6  # confidence of a zone held by a single frame
LEVELLED_S = 15.0  # coarser news counts where levels have been silent for longer
COARSE_S = 90.0  # a phone probes once a minute
BURST_S = 10.0  # one scan of a phone, on all channels and at all receivers
LOUDER_DB = 6.0  # within a burst, another receiver must be louder by this
PATIENCE_S = 4.0  # the zone's own receiver may be silent for so long while others are heard


class Coarse(NamedTuple):
    """A zone by Wi-Fi or by the member's own app; `level` is -inf where it is only known as connected."""

    level: float
    receiver: str
    t: float
    zone: int
    weak: bool

    def gives_way(self, news: Coarse) -> bool:
        """Tell whether `news` counts instead: levelled beats connected, and a burst is heard best by one receiver."""
        age_s = news.t - self.t
        if news.level == -math.inf < self.level:
            return age_s > COARSE_S
        return news.receiver == self.receiver or age_s > BURST_S or news.level >= self.level + LOUDER_DB


class Whereabouts:
    """What is known of where one member is. `zone` and `confidence` are those held.

    A frame that agrees with the held zone changes nothing but the row of `frames`, from which levels are taken when
    somebody asks for them, or when it is full.
    """

    __slots__ = (
        "_agreed",
        "_coarse",
        "_heard",
        "_high",
        "_hold",
        "_home",
        "_links",
        "_low",
        "_newly_levelled",
        "_news",
        "_taken",
        "frames",
        "supported",
        "within",
    )

    def __init__(self, now: float, zone: int = AWAY, *, within: bool = False) -> None:
        self._hold = Hold(now, zone)
        self._links: dict[int, Link] = {}
        self.frames: array[float] = array("d")
        self._taken = 0  # of their numbers
        self._heard = -math.inf  # newest frame with a level
        self._home: Ear | None = None  # hears the held zone, while that is beyond doubt
        self._low, self._high = math.inf, -math.inf  # levels there that agree
        self._agreed = -math.inf  # newest frame there that agreed
        self._newly_levelled = False
        self._coarse: Coarse | None = None
        self._news: Coarse | None = None
        self.within = within  # a zone that is not outside was held
        self.supported = False  # the last judgement found the member where it holds them

    @property
    def zone(self) -> int:
        return self._hold.zone

    @property
    def confidence(self) -> float:
        return self._hold.confidence

    def hear(self, ear: Ear, heard: Heard) -> bool:
        """Take one frame; tell whether it agrees with the held zone so well that nothing is to be judged."""
        t, _, _, radio, rssi, _, credential = heard
        frames = self.frames
        if len(frames) == MOST_NUMBERS:
            self._take_in()
            del frames[: -2 * MOST_FRAMES]
            self._taken = len(frames)
        frames.append(t)
        if rssi is None or radio != "ble" or credential == "app":
            frames.append(ear.place + PLACE + (NO_LEVEL if rssi is None else rssi))
            self._take_news(ear, heard)
            return False
        frames.append(ear.place + rssi)
        if t > self._heard:
            self._heard = t
        if ear is self._home:
            if self._low <= rssi <= self._high and t <= self._agreed + PATIENCE_S:
                if t > self._agreed:
                    self._agreed = t
                return True
        elif self._agrees(ear, t, rssi):
            return True
        self._newly_levelled = True
        return False

    def _agrees(self, ear: Ear, t: float, rssi: int) -> bool:
        """Tell whether the newest frame, by another receiver than the held zone's, agrees with that zone."""
        link = self._links.get(ear.place)
        if link is None:
            self._take_in()
            self._links[ear.place] = Link(ear, t, rssi)
            return False
        return link.low <= rssi <= link.high and t <= self._agreed + PATIENCE_S

    def _take_in(self) -> None:
        """Take the levels of frames that waited."""
        waiting = iter(self.frames[self._taken :])
        frames = list(zip(waiting, waiting, strict=True))
        for place, link in self._links.items():
            link.take([(t, number - place) for t, number in frames if LOWEST <= number - place < HIGHEST])
        self._taken = len(self.frames)

    def _take_news(self, ear: Ear, heard: Heard) -> None:
        rssi, zone = heard.rssi, ear.connected
        if rssi is None:
            news = None if zone is None else Coarse(-math.inf, heard.receiver, heard.t, zone, weak=False)
        else:
            entry = ear.met(rssi)
            news = entry and Coarse(rssi + entry.offset, heard.receiver, heard.t, entry.zone, entry.weak)
        if news and (self._news is None or news > self._news):
            self._news = news

    def judge(self, plan: Plan, now: float, at: float) -> float | None:
        """Judge all frames since the last judgement, the first of which came `at`.

        Return since when another zone is held; None where it has not changed.
        """
        self._take_in()
        taken = self._sort_news(now)
        levelled = now - self._heard <= LEVELLED_S
        if levelled and not self._newly_levelled:
            return None
        self._newly_levelled = False
        links = self._links.values() if levelled else ()
        hold = self._hold
        odds = weigh(links, now, self._heard, hold.zone, within=self.within)
        if self._coarse:
            odds = odds.with_coarse(self._coarse.zone, hold.zone, AT_ONCE)
        if taken and not levelled and self._coarse and self._coarse.zone != hold.zone:
            hold.take(self._coarse.zone, AT_ONCE)
            since: float | None = at
        else:
            since = hold.judge(odds, now, at, plan, within=self.within)
        here = odds.nowhere if hold.zone == NOWHERE else odds.held
        self.supported = since is not None or hold.zone == NOWHERE or here >= 0.5
        self._look_away(sure=since is None and hold.calm and here >= CALM)
        return since

    def redate(self, by_s: float) -> None:
        """Move all times: the clock was set by so much."""
        self._take_in()
        self.frames[::2] = array("d", [t + by_s for t in self.frames[::2]])
        self._hold.redate(by_s)
        for link in self._links.values():
            link.redate(by_s)
        self._heard += by_s
        self._agreed += by_s
        self._coarse = self._coarse and self._coarse._replace(t=self._coarse.t + by_s)
        self._news = self._news and self._news._replace(t=self._news.t + by_s)

    def _sort_news(self, now: float) -> bool:
        """Keep the coarse news that counts, if any; tell whether it is new."""
        old, news, self._news = self._coarse, self._news, None
        if old and (now - old.t > COARSE_S or (old.weak and self.within)):
            old = self._coarse = None
        if news is None or (news.weak and self.within) or (old and not old.gives_way(news)):
            return False
        self._coarse = news
        return True

    def _look_away(self, *, sure: bool) -> None:
        """Say which frames need no judgement from now on: none unless all is `sure`."""
        self._home, self._agreed = None, -math.inf
        if not sure:
            return
        self._agreed = math.inf if self.zone == NOWHERE else self._heard
        agree(self._links.values(), self.zone, self._heard)
        for link in self._links.values():
            if link.home:
                self._home, self._low, self._high = link.ear, link.low, link.high
