"""The scenes of the shop from end to end: frames in at virtual antennas, MQTT out, all of them at once in one shop.

What takes days (caps of a week, seven days of "not now", offers that become rarer) is shown here as far as a minute
goes, and the rest in virtual time through the core, in `test_scenes_over_days.py`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest
from virtual_scenes import (
    COUNTER,
    ENTRANCE,
    NEXT_SHOP,
    PAVEMENT,
    SHOES,
    TIMEZONE,
    Shop,
    epoch,
    now,
    offers,
    open_shop,
    raised,
    written,
)

DAY_S = 86400.0

TRY_ON = """\
- name: try-on-delivery
  on: arrived
  if: '"try-on-delivery" in member.tags'
  offer: {id: try-on-delivery}
"""


def facts() -> dict[str, object]:
    """Return what the back end says of the shop before anybody comes."""
    today = datetime.fromtimestamp(now(), TIMEZONE).date().isoformat()
    return {
        "new_arrivals": False,
        "trial": {"item": "rain-jacket", "until": today},
        "clearance": {"items": ["boots"], "price_history": "ph-2211"},
        "limited_demo": {"id": "demo-7", "places": 3},
        "featured": {"zone": "shoes", "items": ["boots-19", "socks-3"]},
        "event": {"id": "e7", "name": "新品品鉴", "date": today},
    }


async def a_returning_member_is_told_to_the_floor_within_two_seconds_and_once(shop: Shop) -> None:
    attributes = {"tier": "gold", "favourite_zones": ["shoes"]}
    wang = await shop.put("wang", 1, greeting="欧阳女士", note="喜欢新款童鞋", attributes=attributes)
    walk = asyncio.create_task(wang.visit(6.0))
    alert = await shop.see("alert.raised", greeting="欧阳女士")
    assert alert.t - epoch(alert.data["at"]) < 2.0
    assert (alert.topic, alert.data["zone"], alert.data["haptic"]) == ("alerts/floor", "entrance", "short-short")
    text = r"欧阳女士 进店 · 门口 \d 秒前 · 金卡 · 常看童鞋 · 喜欢新款童鞋 · 未验证"
    assert re.fullmatch(text, alert.data["text"]), alert.data["text"]
    assert raised(await walk) == ["returning-member"]


async def the_first_claim_takes_it_the_others_clear_within_a_second_and_it_can_be_undone(shop: Shop) -> None:
    zhou = await shop.put("zhou", 2, greeting="周女士")
    walk = asyncio.create_task(zhou.visit(5.0))
    alert = await shop.see("alert.raised", greeting="周女士")
    name = alert.data["alert"]
    await shop.badges_see("raised", name)
    begun = now()
    for device in ("badge-1", "badge-2"):
        shop.claim(alert, device)
    claimed = await shop.badges_see("claimed", name)
    assert now() - begun < 1.0
    assert {(data["device"], data["visit"], data["rule"]) for data in claimed} == {
        ("badge-1", alert.data["visit"], "returning-member")
    }
    shop.claim(alert, "badge-1", "release")
    await shop.badges_see("raised", name, 2)
    shop.claim(alert, "badge-2")
    assert [data["device"] for data in await shop.badges_see("claimed", name, 2)] == ["badge-2", "badge-2"]
    await walk


async def who_runs_low_at_the_counter_and_nobody_there_hears_it(shop: Shop) -> None:
    sun = await shop.put("sun-low", 3, greeting="孙先生", attributes={"balance": 12.5})
    rich = await shop.put("sun-rich", 4, greeting="孙女士", attributes={"balance": 80})
    walks = [asyncio.create_task(person.stand(COUNTER, 12.0)) for person in (sun, rich)]
    hint = await shop.see("alert.raised", group="counter")
    assert (hint.data["text"], hint.data["rule"]) == ("孙先生 的储值快用完了", "low-balance")
    name = hint.data["alert"]
    unheard = await shop.see("alert.unheard", alert=name)
    assert unheard.data["escalated_to"] == "floor"
    escalated = await shop.see("alert.raised", alert=name, group="floor")
    assert escalated.data["escalated_from"] == "counter"
    await shop.status("degraded", "counter")
    since = len(shop.seen)
    shop.say("devices/till-1/status", {"state": "online"}, retain=True)
    await shop.see("alert.raised", since=since, alert=name, group="counter")
    shop.claim(hint, "till-1")
    assert (await shop.see("alert.claimed", alert=name, group="floor")).data["device"] == "till-1"
    await shop.status("online")
    await asyncio.gather(*walks)
    assert "low-balance" not in raised(await shop.is_over(await shop.visit_of("sun-rich")))


async def a_frequent_passer_by_hears_of_new_arrivals_when_there_are_some(shop: Shop) -> None:
    li = await shop.put("li-often", 5, greeting="李先生")
    for _ in range(4):
        assert offers(await li.pass_by()) == []
    stood = await li.pass_by(7.0)
    assert offers(stood) == []
    told = await shop.ask("explain", {"id": stood[0].data["visit"]})
    assert "facts.new_arrivals is false" in [one["reason"] for one in told["decisions"]]
    shop.say("facts/new_arrivals", True, retain=True)
    (offer,) = [seen for seen in await li.pass_by(7.0) if seen.type == "offer.triggered"]
    assert (offer.topic, offer.data["offer"], offer.data["member"]) == ("offers/pavement", "new-arrivals", "li-often")


async def an_occasional_passer_by_gets_the_best_value(shop: Shop) -> None:
    he = await shop.put("he-seldom", 6)
    assert offers(await he.pass_by(7.0)) == ["best-value"]


async def a_loyal_member_is_invited_to_a_trial_that_the_back_end_can_match(shop: Shop) -> None:
    loyal, new = (
        await shop.put("loyal", 7, attributes={"points": 640}),
        await shop.put("new-here", 8, attributes={"points": 12}),
    )
    passed, unmoved = await asyncio.gather(loyal.pass_by(), new.pass_by())
    (offer,) = [seen for seen in passed if seen.type == "offer.triggered"]
    assert (offer.data["offer"], offer.data["payload"], offers(unmoved)) == ("free-trial", {"item": "rain-jacket"}, [])
    shop.say("outcomes", {"feedback": offer.data["feedback"], "outcome": "redeemed"})
    told = await shop.ask("explain", {"id": offer.data["feedback"]})
    assert [one["rule"] for one in told["decisions"] if one["outcome"] == "fired"] == ["loyal-trial"]


async def who_was_at_the_next_shop_or_near_by_their_app_hears_of_the_clearance(shop: Shop) -> None:
    await asyncio.gather(*(shop.put(name, number) for name, number in (("chen", 9), ("du-app", 10), ("far-off", 11))))
    asked = {"at": written(now() - 600), **NEXT_SHOP}
    await shop.ask("members.elsewhere", {"member": "chen", "credential": "ibeacon", "store": "lilac-02", **asked})
    await shop.ask("members.elsewhere", {"member": "du-app", "credential": "app", **asked})
    await shop.ask("members.elsewhere", {"member": "far-off", "credential": "app", **asked, "latitude": 31.4})
    for member in ("chen", "du-app"):
        offer = await shop.see("offer.triggered", member=member)
        payload = {"items": ["boots"], "price_history": "ph-2211"}
        assert (offer.topic, offer.data["offer"], offer.data["payload"]) == ("offers/~", "clearance", payload)
    assert not [seen for seen in shop.seen if seen.data.get("member") == "far-off"]


async def who_came_in_lately_and_is_near_hears_of_the_demonstration_alone(shop: Shop) -> None:
    fan = await shop.put("fan-lately", 12)
    await fan.visit()
    since, asked = len(shop.seen), {"at": written(now() - 60), **NEXT_SHOP}
    await shop.ask("members.elsewhere", {"member": "fan-lately", "credential": "ibeacon", "store": "lilac-02", **asked})
    offer = await shop.see("offer.triggered", since=since, member="fan-lately")
    assert (offer.data["offer"], offer.data["payload"], offer.data["visit"]) == (
        "limited-demo",
        {"demo": "demo-7"},
        None,
    )
    told = await shop.ask("explain", {"id": offer.data["feedback"]})
    assert {one["rule"] for one in told["decisions"]} >= {"nearby-limited"}
    assert [one.data["offer"] for one in shop.seen if one.data.get("offer") and one.data["member"] == "fan-lately"] == [
        "limited-demo"
    ]


async def straight_to_a_liked_shelf_calls_its_group_and_the_floor_after_twenty_seconds(shop: Shop) -> None:
    qian = await shop.put("qian-likes", 13, greeting="钱女士", attributes={"favourite_zones": ["shoes"]})
    visit = await qian.come_in(2.5)
    walk = asyncio.create_task(qian.stand(SHOES, 12.0))
    alert = await shop.see("alert.raised", visit=visit, group="shelf")
    assert alert.data["text"] == "钱女士 直奔童鞋 · 未验证"
    await walk
    escalated = await shop.see("alert.raised", 25.0, alert=alert.data["alert"], group="floor")
    waited = epoch(escalated.body["time"]) - epoch(alert.body["time"])
    assert (escalated.data["escalated_from"], round(waited)) == ("shelf", 20)


async def at_the_new_item_the_app_may_show_it_on_them(shop: Shop) -> None:
    ma = await shop.put("ma-looks", 14)
    visit = await ma.come_in(2.5)
    await ma.stand(SHOES, 10.0)
    said = await shop.is_over(visit)
    (offer,) = [seen for seen in said if seen.type == "offer.triggered"]
    assert (offer.topic, offer.data["offer"]) == ("offers/shoes", "virtual-outfit")
    assert offer.data["payload"] == {"items": ["boots-19", "socks-3"]}
    assert raised(said) == ["returning-member"]


async def a_claim_in_earnest_calls_the_designer_to_the_same_visit(shop: Shop) -> None:
    zhao = await shop.put("zhao-coat", 15, greeting="赵女士", note="定制外套")
    walk = asyncio.create_task(zhao.visit(5.0))
    alert = await shop.see("alert.raised", greeting="赵女士")
    shop.claim(alert, "badge-1", "serious")
    called = await shop.see("alert.raised", visit=alert.data["visit"], group="designer")
    assert called.data["text"] == "赵女士 请设计师 · 门口 · 定制外套"
    shop.claim(called, "phone-1")
    await shop.see("alert.claimed", alert=called.data["alert"], device="phone-1")
    assert raised(await walk) == ["returning-member", "designer"]


async def who_signed_up_for_today_is_checked_in_once(shop: Shop) -> None:
    guest = await shop.put("wu-guest", 16, greeting="吴先生", attributes={"tags": ["event:e7"]})
    first = await guest.visit()
    assert sorted(raised(first)) == ["checked-in", "returning-member"]
    assert "吴先生 来参加活动 · 新品品鉴" in [seen.data.get("text") for seen in first]
    assert raised(await guest.visit()) == ["returning-member"]


async def what_members_deny_allow_or_filter_holds(shop: Shop) -> None:
    await shop.ask("rules.put", {"file": "try-on.yaml", "text": TRY_ON})
    shy, picky, thrifty, choosy, listed = await asyncio.gather(
        shop.put("shy-one", 17, choices={"deny": ["alerts"]}),
        shop.put("picky-one", 18, choices={"deny": ["offers:free-trial"]}, attributes={"points": 640}),
        shop.put(
            "thrifty", 19, choices={"deny": ["offers"], "allow": ["offers:best-value"]}, attributes={"points": 640}
        ),
        shop.put("choosy", 20, choices={"only": ["items:hat-1"]}),
        shop.put("listed", 21, attributes={"tags": ["try-on-delivery"]}),
    )

    async def choose() -> None:
        visit = await choosy.come_in(2.5)
        await choosy.stand(SHOES, 9.0)
        assert offers(await shop.is_over(visit)) == []

    async def passes() -> None:
        assert offers(await picky.pass_by()) == []
        assert offers(await thrifty.pass_by(7.0)) == ["best-value"]

    async def is_listed() -> None:
        assert offers(await listed.visit()) == ["try-on-delivery"]

    async def is_shy() -> None:
        assert raised(await shy.visit()) == []
        again = await shop.put("shy-one", 17)
        assert raised(await again.visit()) == ["returning-member"]
        await shop.put("shy-one", 17, choices={"deny": ["alerts:floor"]})
        assert raised(await again.visit()) == []

    await asyncio.gather(choose(), passes(), is_listed(), is_shy())


async def a_paused_member_leaves_no_row_at_all_until_the_pause_is_over(shop: Shop) -> None:
    feng = await shop.put("feng-pause", 22, greeting="冯女士")
    beside = await shop.put("feng-other", 23)
    await feng.visit()
    await shop.ask("members.pause", {"member": "feng-pause", "until": written(now() + DAY_S)})
    before = len(shop.seen)
    rows = (await shop.ask("members.export", {"member": "feng-pause"}))["rows"]
    await asyncio.gather(feng.stand(ENTRANCE, 3.0), beside.visit())
    assert not [seen for seen in shop.seen[before:] if "feng-pause" in str(seen.body) or "冯女士" in str(seen.body)]
    after = (await shop.ask("members.export", {"member": "feng-pause"}))["rows"]
    assert after
    assert [row for row in after if row not in rows] == []
    await shop.ask("members.pause", {"member": "feng-pause", "until": None})
    assert raised(await feng.visit()) == ["returning-member"]


async def after_not_now_it_is_quiet_and_release_takes_that_back(shop: Shop) -> None:
    lin = await shop.put("lin-quiet", 24, greeting="林女士")
    walk = asyncio.create_task(lin.visit(5.0))
    alert = await shop.see("alert.raised", greeting="林女士")
    name = alert.data["alert"]
    shop.claim(alert, "badge-1", "not_now")
    cleared = await shop.see("alert.cleared", alert=name)
    assert cleared.data["reason"] == "not now"
    since = len(shop.seen)
    shop.claim(alert, "badge-1", "release")
    await shop.see("alert.raised", since=since, alert=name)
    shop.claim(alert, "badge-1", "not_now")
    await shop.see("alert.cleared", since=since, alert=name)
    await walk
    again = await lin.visit()
    assert raised(again) == []
    told = await shop.ask("explain", {"id": again[0].data["visit"]})
    (reason,) = [one["reason"] for one in told["decisions"] if one["rule"] == "returning-member"]
    until = datetime.fromisoformat(written(epoch(cleared.body["time"]) + 7 * DAY_S))
    assert reason == f"not now, until {until:%Y-%m-%d %H:%M}"


async def one_alert_and_one_offer_a_visit_from_each_side_however_long_it_is(shop: Shop) -> None:
    tang = await shop.put("tang-stays", 25, attributes={"points": 640})
    await tang.stand(PAVEMENT, 7.0)
    visit = await shop.visit_of("tang-stays")
    await tang.stand(ENTRANCE, 3.0)
    for _ in range(2):
        await tang.stand(SHOES, 9.0)
        await tang.stand(ENTRANCE, 2.0)
    said = await shop.is_over(visit)
    assert (raised(said), offers(said)) == (["returning-member"], ["free-trial", "virtual-outfit"])


async def a_mystery_shopper_raises_what_a_customer_raises_and_the_back_end_alone_can_tell(shop: Shop) -> None:
    wei, customer = await asyncio.gather(
        shop.put("wei-tests", 26, greeting="魏女士", test=True), shop.put("wei-buys", 27, greeting="魏先生")
    )

    async def look(member: str) -> str:
        person = wei if member == "wei-tests" else customer
        visit = await person.come_in(2.5)
        await person.stand(SHOES, 9.0)
        return visit

    walks = asyncio.gather(look("wei-tests"), look("wei-buys"))
    alert, other = await shop.see("alert.raised", greeting="魏女士"), await shop.see("alert.raised", greeting="魏先生")
    shop.claim(alert, "badge-2")
    tested, bought = await walks
    assert alert.data.keys() == other.data.keys()
    assert re.sub(r"\d", "N", alert.data["text"][3:]) == re.sub(r"\d", "N", other.data["text"][3:])
    claimed = await shop.see("alert.claimed", alert=alert.data["alert"])
    assert 0 < epoch(claimed.body["time"]) - epoch(alert.body["time"]) < 60
    for visit, is_test in ((tested, True), (bought, None)):
        said = await shop.is_over(visit)
        assert offers(said) == ["virtual-outfit"]
        for seen in said:
            assert seen.data.get("test") is (None if seen.topic.startswith("alerts/") else is_test), seen


Scene = Callable[[Shop], Awaitable[None]]

SCENES: dict[Scene, str] = {
    a_returning_member_is_told_to_the_floor_within_two_seconds_and_once: "1",
    the_first_claim_takes_it_the_others_clear_within_a_second_and_it_can_be_undone: "2",
    who_runs_low_at_the_counter_and_nobody_there_hears_it: "2 and 12",
    a_frequent_passer_by_hears_of_new_arrivals_when_there_are_some: "3",
    an_occasional_passer_by_gets_the_best_value: "4",
    a_loyal_member_is_invited_to_a_trial_that_the_back_end_can_match: "5",
    who_was_at_the_next_shop_or_near_by_their_app_hears_of_the_clearance: "6",
    who_came_in_lately_and_is_near_hears_of_the_demonstration_alone: "7",
    straight_to_a_liked_shelf_calls_its_group_and_the_floor_after_twenty_seconds: "8",
    at_the_new_item_the_app_may_show_it_on_them: "9",
    a_claim_in_earnest_calls_the_designer_to_the_same_visit: "10",
    who_signed_up_for_today_is_checked_in_once: "11",
    what_members_deny_allow_or_filter_holds: "13",
    a_paused_member_leaves_no_row_at_all_until_the_pause_is_over: "13",
    after_not_now_it_is_quiet_and_release_takes_that_back: "14",
    one_alert_and_one_offer_a_visit_from_each_side_however_long_it_is: "14",
    a_mystery_shopper_raises_what_a_customer_raises_and_the_back_end_alone_can_tell: "16",
}
"""With the number of each in the shop's list."""


def test_every_scene_plays_from_end_to_end(tmp_path: Path, subtests: pytest.Subtests) -> None:
    async def play() -> list[BaseException | None]:
        async with open_shop(tmp_path) as shop:
            for name, value in facts().items():
                shop.say(f"facts/{name}", value, retain=True)
            return await asyncio.gather(*(scene(shop) for scene in SCENES), return_exceptions=True)

    for (scene, number), failure in zip(SCENES.items(), asyncio.run(play()), strict=True):
        with subtests.test(f"scene {number}: {getattr(scene, '__name__', '').replace('_', ' ')}"):
            if failure:
                raise failure
