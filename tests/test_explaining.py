"""Decisions explained: what was heard lately, reasons in both languages, lines that fit, silences counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_core import START

from gateway.commandline.folding import columns, fold
from gateway.commandline.telling import lines_of
from gateway.configuration.config import Hear, Zone
from gateway.contract.reading import Json
from gateway.deciding.recent import MOST_SPELLS, Recent
from gateway.events import DecisionRow, Outcome, StateRow
from gateway.heard import Heard
from gateway.presence.frames import MOST_FRAMES
from gateway.presence.visits import Presence
from gateway.presence.whereabouts import Whereabouts
from gateway.presence.zones import Plan
from gateway.retold import TEMPLATES, retold
from gateway.store import changes
from gateway.store.database import Row
from gateway.store.decisions import RULE_TEXT
from gateway.store.store import Store
from gateway.story import silences, story
from rules.chinese import CHINESE
from rules.situation import Trust

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEXT = "- name: returning-member\n  on: arrived\n"
SHA256 = "5d0b5c4e" * 8
DETAIL = {
    "trigger": "arrived",
    "zone": "entrance",
    "at": START,
    "trust": "hint",
    "credential": "ibeacon",
    "reason": "",
    "file": "returning-member.yaml",
    "line": 4,
    "text": SHA256[:16],
}
EVIDENCE = {
    "sightings": [["door", -70, 4.5, 0.5, 17], ["guest", None, 0.2, 0.2, 1]],
    "read": {"passes_30d": "5", "member.balance": "withheld"},
    "caps": [["one alert to floor a visit", 0, 1]],
}
EVENT = f"{int((START + 1) * 1000):012x}"
EVENT = f"{EVENT[:8]}-{EVENT[8:]}-7d20-9c55-3f1d2a4b6c88"

ZONES = (
    Zone("entrance", "door", (Hear("door", -75.0),)),
    Zone("shoes", "shelf", (Hear("shelf", -75.0),)),
    Zone("tills", "inside", (Hear("guest"),)),
)


def heard(t: float, rssi: int | None = -65, receiver: str = "door", member: str = "anna-0001") -> Heard:
    return Heard(START + t, member, receiver, "ble", rssi, Trust.HINT, "ibeacon")


def fired() -> DecisionRow:
    detail = {**DETAIL, **EVIDENCE}
    return DecisionRow("1", START + 1, "anna-0001", "v-1", "returning-member", "fired", detail, EVENT, "a-5be0")


def silent(number: int, reason: str, line: int = 7) -> DecisionRow:
    detail = {**DETAIL, "reason": reason, "line": line, "item": 1}
    return DecisionRow(f"s{number}", START + number, "anna-0001", "v-1", "window-regular", "condition", detail)


def told(frames: Iterable[Heard], t: float, *, zones: bool = True) -> list[Json]:
    """Return what is told at `t` of one member of whom these frames were heard."""
    where = Whereabouts(START)
    for frame in frames:
        where.hear(Plan.of(ZONES).ears[frame.receiver], frame)
    recent = Recent(ZONES)
    recent.keep("anna-0001", where.frames)
    return recent.told("anna-0001", START + t, zones=zones)


def test_receivers_that_hear_the_same_frames_have_a_spell_each_in_whatever_order() -> None:
    frames = [heard(n / 4, -65, receiver) for n in range(8) for receiver in ("door", "shelf")]
    turned = sorted(frames, key=lambda frame: (frame.t, frame.receiver == "door"))
    assert told(frames, 2) == told(turned, 2) == [["door", -70, 2.0, 0.2, 8], ["shelf", -70, 2.0, 0.2, 8]]


def test_a_pause_begins_a_spell_anew() -> None:
    assert told([heard(t) for t in (0, 9, 60)], 61) == [["door", -70, 1.0, 1.0, 1]]


def test_frames_of_one_receiver_and_band_are_one_spell() -> None:
    frames = (heard(0, -65), heard(1, -69), heard(2, -71), heard(3, -50, "shelf"), heard(4, None, "guest"))
    assert told(frames, 5) == [
        ["door", -70, 5.0, 4.0, 2],
        ["door", -80, 3.0, 3.0, 1],
        ["shelf", -50, 2.0, 2.0, 1],
        ["guest", None, 1.0, 1.0, 1],
    ]


def test_coarse_news_is_told_as_what_a_tag_sends_is() -> None:
    frames = [heard(0, -71)._replace(radio="wifi", credential="wifi"), heard(1, -80)]
    assert told(frames, 1) == [["door", -80, 1.0, 0.0, 2]]


def test_without_consent_to_zones_the_door_alone_is_told() -> None:
    frames = [heard(0, -50, "shelf"), heard(1)]
    assert told(frames, 1, zones=False) == [["door", -70, 0.0, 0.0, 1]]


def test_of_many_frames_the_last_are_told() -> None:
    spells = told([heard(n / 10) for n in range(1000)], 100)
    assert spells == [["door", -70, 2.3, 0.1, MOST_FRAMES - 1]]  # of the oldest one's moment some may be forgotten


def test_a_member_who_goes_is_forgotten_and_a_clock_that_is_set_moves_what_was_heard() -> None:
    presence, recent = Presence(ZONES, 120.0), Recent(ZONES)
    for n in range(8):
        presence.hear(heard(n / 2))
    presence.advance(START + 4)
    presence.redate(3600)
    recent.keep("anna-0001", presence.visits["anna-0001"].frames)
    assert recent.told("anna-0001", START + 3604, zones=True) == [["door", -70, 4.0, 0.5, 8]]
    recent.forget("anna-0001")
    assert recent.told("anna-0001", START + 3604, zones=True) == []


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(-127, 20), st.sampled_from(["door", "shelf"]))))
def test_of_whatever_is_heard_a_handful_is_kept(frames: list[tuple[float, int, str]]) -> None:
    """A member has no more spells than the bound, each a band of one receiver that some frame lies in."""
    spells = told([heard(t, rssi, receiver) for t, rssi, receiver in frames], 0)
    assert len(spells) <= MOST_SPELLS
    assert all(low % 10 == 0 and count >= 1 and since >= until for _, low, since, until, count in spells)
    bands = {(receiver, rssi // 10 * 10) for _, rssi, receiver in frames}
    assert {(receiver, low) for receiver, low, *_ in spells} <= bands
    assert bool(spells) == bool(frames)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_shape_of_a_reason_has_a_chinese_twin(template: str) -> None:
    assert template in CHINESE


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("passes_30d is 2, needs >= 4", "passes_30d 为 2，需要 >= 4"),
        ("facts.new_arrivals is false", "facts.new_arrivals 为 false"),
        ("member.balance is withheld, needs < 20", "member.balance 为 不显示，需要 < 20"),
        ("tier is missing", "缺少 tier"),
        ("hint, needs fresh because balance is private", "可信度为 hint，需要 fresh，因为 balance 是隐私"),
        ("quiet hours", "安静时段"),
        ("window-regular: no consent to offers", "window-regular：未同意“优惠”"),
        ("frames of others", "其他人的帧"),
        ("one alert to floor a visit", "每次到店对 floor 组只提醒一次"),
        ("one offer from outside a visit", "每次到店在店外只触发一次优惠"),
        ("the member denies offers:alcohol", "会员拒绝 offers:alcohol"),
        ("5 min after coming in, needs within 2 min", "进店已 5 min，需要在 2 min 内"),
        ("at most 1 per visit", "每次到店最多 1 次"),
        ("at most 3 answers a visit", "每次到店最多 3 次应要求的提醒"),
        ("facts.rain is not as declared", "facts.rain 与声明的类型不符"),
        ('tier is "x is missing"', 'tier 为 "x is missing"'),
        ("release refused", "release 未被接受"),
        ("no device of group floor is online", "组 floor 没有设备在线"),
        ("rule file a.yaml is at fault: what was in force before stands", "规则文件 a.yaml 有误：沿用此前生效的内容"),
        ("receiver door is deaf: no beacon", "接收器 door 收不到信号：no beacon"),
        ("receiver door is missing: hci0 is gone", "接收器 door 缺失：hci0 不见了"),
        ("receiver door is missing: there is no Bluetooth adapter hci1", "接收器 door 缺失：没有蓝牙适配器 hci1"),
        (
            "receiver door: the reference beacon is 7 dB quieter than it was, for an hour: see whether it or the "
            "receiver was moved or covered, then calibrate anew",
            "接收器 door：参考信标一小时来比以前弱 7 dB：请看它或接收器是否被移动或遮挡，然后重新标定",
        ),
        (
            "the database was damaged and is set aside as a.db; a new one is begun, there is no copy of the members",
            "数据库已损坏，另存为 a.db；已新建一个，没有会员的备份",
        ),
        (
            "receiver air is failed: wlan0 shares its radio with wlan1, which carries this machine's own network: "
            "take another adapter",
            "接收器 air 故障：wlan0 与 wlan1 共用无线电，后者 承载本机自己的网络：请换一个适配器",
        ),
        ("n is 1, needs > 2; facts.open is stale (3 h)", "n 为 1，需要 > 2；facts.open 已过期（3 h）"),
        ("of a shape that nobody knows", "of a shape that nobody knows"),
        ("", ""),
    ],
)
def test_a_reason_is_said_again_in_chinese(english: str, expected: str) -> None:
    assert retold(english) == expected


def test_in_english_a_reason_stays_as_it_is() -> None:
    assert retold("passes_30d is 2, needs >= 4") == "passes_30d is 2, needs >= 4"


LINE = "14:03:11 card …c2, entrance, no alert: passes_30d is 2, needs >= 4 (returning-member, line 7)"
ZH = (
    "14:03:11 卡 …c2，entrance，无提醒：passes_30d 为 2，需要 >= 4，"
    "而这位会员在过去的三十天里只来过两次（window-regular，行 7）"
)


@pytest.mark.parametrize("text", [LINE, ZH, "", "x" * 200, "14:03:11 " + "x" * 100 + " y"])
def test_a_line_is_folded_to_a_terminal_and_stays_whole_elsewhere(text: str) -> None:
    assert list(fold(text, None, " " * 9)) == [text]
    parts = list(fold(text, 80, " " * 9))
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    if "x" * 100 not in text:
        assert all(columns(part) <= 80 for part in parts)
    assert all(part.startswith(" " * 9) for part in parts[1:])


@asynccontextmanager
async def a_store(folder: Path, *rows: DecisionRow) -> AsyncIterator[Store]:
    store = await Store.open(folder)
    try:
        out = Outcome(decisions=list(rows))
        out.put(StateRow(RULE_TEXT, SHA256, TEXT))
        await store.commit(out)
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("subject", ["a-5be0", "v-1", EVENT])
@pytest.mark.parametrize("is_folded", [False, True])
def test_a_story_has_what_was_heard_read_and_capped_and_the_rules_text(
    tmp_path: Path, subject: str, *, is_folded: bool
) -> None:
    async def run() -> None:
        async with a_store(tmp_path, fired()) as store:
            if is_folded:
                await store.retention.close_days(START, SHANGHAI)
            found = await story(store, SHANGHAI, subject)
        (told,) = found.decisions
        assert (told.subject, told.sha256) == ("a-5be0", SHA256[:16])
        assert [(rule.rule, rule.text) for rule in found.rules or []] == [("returning-member", TEXT)]
        lines = list(lines_of(found))
        assert lines[0].endswith("14:00:01 returning-member, entrance, card: fired a-5be0")
        assert "  heard 13:59:56 – 14:00:00 door, -70 … -61 dBm, 17 frames" in lines
        assert "  heard 14:00:00 – 14:00:00 guest, connected, 1 frames" in lines
        assert "  read member.balance: withheld" in lines
        assert "  cap: one alert to floor a visit, used 0 of 1" in lines
        assert "  | - name: returning-member" in lines

    asyncio.run(run())


def test_silences_are_counted_by_rule_and_reason_with_the_latest(tmp_path: Path) -> None:
    rows = [silent(1, "passes_30d is 1, needs >= 4"), silent(2, "passes_30d is 2, needs >= 4"), silent(3, "x", 9)]

    async def run() -> None:
        async with a_store(tmp_path, fired(), *rows) as store:
            before = await silences(store, START, {"frames of others": 3})
            await store.retention.close_days(START, SHANGHAI)
            assert await silences(store, START, {"frames of others": 3}) == before
            later = await silences(store, START + 2, {})
            about = await story(store, SHANGHAI, "v-1")
        assert [(each.line, each.reason, each.count) for each in before.silences or []] == [
            (7, "passes_30d is 2, needs >= 4", 2),
            (9, "x", 1),
        ]
        assert [each.count for each in later.silences or []] == [1, 1]
        assert [each.count for each in about.silences or []] == [2, 1]

    asyncio.run(run())


def test_a_silence_that_is_folded_while_silences_are_counted_counts_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_store(tmp_path, silent(1, "passes_30d is 1, needs >= 4")) as store:
            await store.retention.close_days(START, SHANGHAI)
            await store.commit(Outcome(decisions=[silent(2, "passes_30d is 2, needs >= 4"), fired()]))
            before = await store.held.silences(START)
            read = store._database.read

            async def folding(sql: str, *parameters: object) -> list[Row]:
                rows = await read(sql, *parameters)
                if sql == changes.ALL:
                    await store._unfolded.fold()
                return rows

            store._database.read = folding  # type: ignore[method-assign]
            assert await store.held.silences(START) == before
        assert [(each.times, each.reason) for each in before] == [(2, "passes_30d is 2, needs >= 4")]

    asyncio.run(run())


@pytest.mark.parametrize("subject", ["a-0", "v-0", "f-0", "0199f0c4-52b8-7a31-8c06-2d9e5b1f7a40", "?"])
def test_of_what_nobody_knows_nothing_is_told(tmp_path: Path, subject: str) -> None:
    async def run() -> None:
        async with a_store(tmp_path, fired()) as store:
            assert (await story(store, SHANGHAI, subject)).decisions == []

    asyncio.run(run())
