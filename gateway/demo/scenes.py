"""`hushbell demo --all`: the scenes that a shop asked for, each told from what went in and what was seen on MQTT."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, NamedTuple

from gateway.commandline.lines import say
from gateway.demo.cast import NotSeenError, Seen
from gateway.demo.stage import DAY_S, TIMEZONE, Stage
from gateway.demo.story import ROOT
from rules.messages import say as told

PAUSE_S = 4.0


class Telling:
    """Tells one scene, line by line."""

    def __init__(self, stage: Stage, show: Callable[[str], None]) -> None:
        self._stage = stage
        self._show = show

    def _line(self, word: str, text: str) -> None:
        self._show(f"      {told(word):<7}  {text}")

    def heard(self, english: str) -> None:
        """Tell what the receivers heard, or what back end and staff said."""
        self._line("heard", told(english))

    def said(self, seen: Seen) -> None:
        """Tell an event."""
        where = seen.topic.removeprefix(f"{ROOT}/")
        self._line("said", f"{where}  {_content(seen)} ({self._stage.latency_ms(seen):.0f} ms)")

    def status(self, seen: Seen) -> None:
        """Tell how the gateway fares."""
        where = seen.topic.removeprefix(f"{ROOT}/")
        self._line("said", f"{where}  {seen.body['state']} {'; '.join(seen.body['reasons'])}".rstrip())

    def silent(self, why: str) -> None:
        """Tell why nothing was said."""
        self._line("silence", why)


def _content(seen: Seen) -> str:
    data = seen.data
    match seen.type:
        case "alert.raised":
            return f"{data['haptic']}: {data['text']}"
        case "alert.claimed":
            return told("{device} takes it", device=data["device"])
        case "alert.unheard":
            return told("nobody is there; {group} is alerted instead", group=data["escalated_to"])
        case "alert.cleared":
            return told("cleared: {reason}", reason=told(data["reason"]))
        case "offer.triggered":
            return " ".join([data["offer"], *(f"{key}={_short(value)}" for key, value in data["payload"].items())])
        case _:
            return f"{seen.type}, test: {_short(data.get('test', False))}"


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def must(holds: object, what: str) -> None:
    """Raise NotSeenError where something does not hold."""
    if not holds:
        raise NotSeenError(what)


def of(said: list[Seen], kind: str) -> list[Seen]:
    return [seen for seen in said if seen.type == kind]


async def _returning(stage: Stage, telling: Telling) -> None:
    wang = await stage.guest("all-wang", "王女士", {"tier": "gold", "favourite_zones": ["shoes"]}, note="28 码")
    walk = asyncio.create_task(wang.visit(6.0))
    telling.heard("a card outside, and then at the door")
    alert = await stage.see("alert.raised", greeting="王女士")
    telling.said(alert)
    held = datetime.fromisoformat(alert.data["at"]).timestamp()
    must(datetime.fromisoformat(str(alert.body["time"])).timestamp() - held < 2.0, "an alert within 2 s")
    must(len(of(await walk, "alert.raised")) == 1, "one alert a visit")


async def _claim(stage: Stage, telling: Telling) -> None:
    zhou = await stage.guest("all-zhou", "周女士")
    walk = asyncio.create_task(zhou.visit(5.0))
    telling.heard("two badges claim the same alert; the first one gives it back")
    alert = await stage.see("alert.raised", greeting="周女士")
    name = str(alert.data["alert"])
    await asyncio.gather(*(stage.device_sees(badge, "alert.raised", name) for badge in ("badge-1", "badge-2")))
    await stage.claim(alert, "badge-1")
    telling.said(await stage.device_sees("badge-2", "alert.claimed", name))
    since = stage.so_far
    await stage.claim(alert, "badge-2")
    await stage.claim(alert, "badge-1", "release")
    telling.said(await stage.see("alert.raised", since, alert=name))
    await stage.claim(alert, "badge-2")
    telling.said(await stage.see("alert.claimed", since, alert=name, device="badge-2"))
    await walk


async def _frequent(stage: Stage, telling: Telling) -> None:
    li = await stage.guest("all-li", "李先生")
    for _ in range(4):
        await li.pass_by()
    telling.heard("a card that passed four times stands at the window, while nothing is new")
    visit = (await li.pass_by(6.5))[0].data["visit"]
    telling.silent(await stage.why_not(visit, "window-regular"))
    await stage.tell("facts/new_arrivals", body=True, retain=True)
    telling.heard("the back end: there are new arrivals; the card comes again")
    offers = of(await li.pass_by(6.5), "offer.triggered")
    must([offer.data["offer"] for offer in offers] == ["new-arrivals"], "the offer of new arrivals")
    telling.said(offers[0])


async def _occasional(stage: Stage, telling: Telling) -> None:
    he = await stage.guest("all-he", "何女士")
    telling.heard("a card that seldom passes stands at the window")
    await he.pass_by(6.5)
    telling.said(await stage.see("offer.triggered", member="all-he", offer="best-value"))


async def _trial(stage: Stage, telling: Telling) -> None:
    loyal = await stage.guest("all-loyal", "徐先生", {"points": 640})
    telling.heard("a card whose member has points enough passes")
    await loyal.pass_by()
    offer = await stage.see("offer.triggered", member="all-loyal", offer="free-trial")
    telling.said(offer)
    await stage.tell("outcomes", {"feedback": offer.data["feedback"], "outcome": "redeemed"})
    telling.heard("the back end, by the offer's token: redeemed")


async def _clearance(stage: Stage, telling: Telling) -> None:
    chen = await stage.guest("all-chen", "陈女士")
    telling.heard("the next shop, 1.1 km off: the member was here ten minutes ago")
    await stage.put_nearby(chen, 600.0)
    telling.said(await stage.see("offer.triggered", member="all-chen", offer="clearance"))


async def _limited(stage: Stage, telling: Telling) -> None:
    fan = await stage.guest("all-fan", "范女士")
    await fan.visit()
    telling.heard("the same, of a member who came in lately")
    await stage.put_nearby(fan, 0.0)
    telling.said(await stage.see("offer.triggered", member="all-fan", offer="limited-demo"))


async def _shelf(stage: Stage, telling: Telling) -> None:
    qian = await stage.guest("all-qian", "钱女士", {"favourite_zones": ["shoes"]})
    visit = await qian.come_in()
    telling.heard("a card at the door, and then for six seconds at a shelf that its member likes")
    walk = asyncio.create_task(qian.stand_at("shelf", 12.0))
    telling.said(await stage.see("alert.raised", visit=visit, group="shelf"))
    telling.said(await stage.see("alert.raised", within_s=30.0, visit=visit, group="floor", escalated_from="shelf"))
    await walk


async def _new_item(stage: Stage, telling: Telling) -> None:
    ma = await stage.guest("all-ma", "马女士")
    visit = await ma.come_in()
    telling.heard("a card for six seconds at the shelf with what is featured")
    await ma.stand_at("shelf", 9.0)
    telling.said(await stage.see("offer.triggered", visit=visit, offer="virtual-outfit"))


async def _designer(stage: Stage, telling: Telling) -> None:
    zhao = await stage.guest("all-zhao", "赵女士", note="定制外套")
    walk = asyncio.create_task(zhao.visit(5.0))
    alert = await stage.see("alert.raised", greeting="赵女士")
    telling.heard("badge-1 claims a member's alert: it is serious")
    await stage.claim(alert, "badge-1", "serious")
    called = await stage.see("alert.raised", visit=alert.data["visit"], group="designer")
    telling.said(called)
    await stage.claim(called, "phone-1")
    telling.said(await stage.see("alert.claimed", alert=called.data["alert"]))
    await walk


async def _event(stage: Stage, telling: Telling) -> None:
    wu = await stage.guest("all-wu", "吴先生", {"tags": ["event:e7"]})
    telling.heard("a card at the door, of who signed up for today; and once more later")
    alerts = of(await wu.visit(), "alert.raised")
    telling.said(next(seen for seen in alerts if seen.data["rule"] == "checked-in"))
    again = await wu.visit()
    telling.silent(await stage.why_not(again[0].data["visit"], "checked-in"))


async def _balance(stage: Stage, telling: Telling) -> None:
    sun = await stage.guest("all-sun", "孙先生", {"balance": 12.5})
    walk = asyncio.create_task(sun.stand_at("till", 12.0))
    telling.heard("a card at the counter, whose stored value runs low")
    hint = await stage.see("alert.raised", group="counter")
    telling.said(hint)
    name = hint.data["alert"]
    telling.said(await stage.see("alert.unheard", alert=name))
    telling.said(await stage.see("alert.raised", alert=name, group="floor"))
    telling.status(await stage.status("degraded"))
    since = stage.so_far
    await stage.device_comes()
    telling.heard("the cashier's device is switched on, and claims")
    await stage.see("alert.raised", since, alert=name, group="counter")
    await stage.claim(hint, "till-1")
    telling.said(await stage.see("alert.claimed", alert=name, group="counter"))
    telling.status(await stage.status("online", since))
    await walk


async def _lists(stage: Stage, telling: Telling) -> None:
    shy = await stage.guest("all-shy", "高女士", choices={"deny": ["alerts"]})
    pausing = await stage.guest("all-pausing", "郭先生")
    await stage.ask("members.pause", {"member": pausing.name, "until": stage.written(-DAY_S)})
    since, rows = stage.so_far, await stage.rows(pausing)
    telling.heard("two cards at the door: one member wants no alerts, the other pauses today")
    _, visit = await asyncio.gather(pausing.walk_in(), shy.visit())
    must(not of(visit, "alert.raised"), "no alert about who wants none")
    telling.silent(await stage.why_not(visit[0].data["visit"], "returning-member"))
    must(stage.is_silent_about(pausing, since) and await stage.rows(pausing) == rows, "nothing of who pauses")
    telling.silent(told("of the other no message and no row"))


async def _not_now(stage: Stage, telling: Telling) -> None:
    lin = await stage.guest("all-lin", "林女士")
    walk = asyncio.create_task(lin.visit(5.0))
    alert = await stage.see("alert.raised", greeting="林女士")
    telling.heard("badge-1 passes on: not now; the member comes again later")
    await stage.claim(alert, "badge-1", "not_now")
    telling.said(await stage.see("alert.cleared", alert=alert.data["alert"]))
    await walk
    again = await lin.visit()
    must(not of(again, "alert.raised"), "quiet after not now")
    telling.silent(await stage.why_not(again[0].data["visit"], "returning-member"))


async def _tester(stage: Stage, telling: Telling) -> None:
    wei = await stage.guest("all-wei", "魏女士", test=True)
    telling.heard("the card of a mystery shopper at the door")
    walk = asyncio.create_task(wei.visit(5.0))
    alert = await stage.see("alert.raised", greeting="魏女士")
    must("test" not in alert.data, "an alert like any other")
    telling.said(alert)
    await stage.claim(alert, "badge-1")
    telling.said(await stage.see("alert.claimed", alert=alert.data["alert"]))
    started = next(seen for seen in await walk if seen.type == "visit.started")
    must(started.data.get("test") is True, "a visit that the back end knows for a test")
    telling.said(started)


class Scene(NamedTuple):
    """A scene by its number in the shop's list."""

    number: int
    name: str
    play: Callable[[Stage, Telling], Coroutine[Any, Any, None]]


SCENES = (
    Scene(1, "A member comes back", _returning),
    Scene(2, "Who goes to them", _claim),
    Scene(3, "A frequent passer-by at the window", _frequent),
    Scene(4, "An occasional passer-by", _occasional),
    Scene(5, "A loyal member is invited to a trial", _trial),
    Scene(6, "Within 3 km: clearance", _clearance),
    Scene(7, "Within 3 km: a demonstration with few places", _limited),
    Scene(8, "Straight to the shelf", _shelf),
    Scene(9, "At the new item", _new_item),
    Scene(10, "The designer", _designer),
    Scene(11, "Here for today's event", _event),
    Scene(12, "Stored value runs low", _balance),
    Scene(13, "The members' own lists", _lists),
    Scene(14, "Never pester", _not_now),
    Scene(16, "A mystery shopper", _tester),
)


async def play_scenes(stage: Stage, *, fast: bool) -> None:
    """Play every scene, one after the other, or all at once where it is to be fast. Raises NotSeenError."""
    playing: list[asyncio.Task[None]] = []
    try:
        await stage.open()
        await _tell_facts(stage)
        if fast:
            await _all_at_once(stage, playing)
        else:
            for scene in SCENES:
                say(_title(scene))
                await scene.play(stage, Telling(stage, say))
                await asyncio.sleep(PAUSE_S)
    finally:
        for task in playing:
            task.cancel()
        await stage.close()


async def _all_at_once(stage: Stage, playing: list[asyncio.Task[None]]) -> None:
    """Play all scenes and tell each when it is over, in their order."""
    told_of: list[list[str]] = [[_title(scene)] for scene in SCENES]
    for scene, lines in zip(SCENES, told_of, strict=True):
        playing.append(asyncio.create_task(scene.play(stage, Telling(stage, lines.append)), name=scene.name))
    for task, lines in zip(playing, told_of, strict=True):
        await task
        say("\n".join(lines))


def _title(scene: Scene) -> str:
    return f"{scene.number:>2}  {told(scene.name)}"


async def _tell_facts(stage: Stage) -> None:
    today = datetime.fromtimestamp(stage.now(), TIMEZONE).date().isoformat()
    facts = {
        "new_arrivals": False,
        "trial": {"item": "rain-jacket", "until": today},
        "clearance": {"items": ["boots"], "price_history": "ph-2211"},
        "limited_demo": {"id": "demo-7", "places": 3},
        "featured": {"zone": "shoes", "items": ["boots-19", "socks-3"]},
        "event": {"id": "e7", "name": "新品品鉴", "date": today},
    }
    for name, value in facts.items():
        await stage.tell(f"facts/{name}", value, retain=True)
