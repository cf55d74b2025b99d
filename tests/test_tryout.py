"""`hushbell rules try`: what is asked, of whom, and what is answered; nothing is changed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import pty
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_core import CONFIG, a_member
from virtual_daemon import COMMAND, environment

from gateway.cli import main
from gateway.commandline.question import Kept, Question, QuestionError, situation_of
from gateway.deciding.history import Past
from gateway.events import Outcome, StateRow
from gateway.store.store import Store
from rules.situation import Situation, Trust

NOW = datetime(2026, 11, 22, 14, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
SHOP = """\
store: {id: lilac-01, timezone: Asia/Shanghai}
gateway: {id: door-pi, state: state}
mqtt: {url: "mqtt://127.0.0.1"}
receivers: [{id: door, driver: simulator, socket: door.sock}, {id: shelf, driver: simulator, socket: shelf.sock}]
zones:
  - {id: pavement, kind: outside, hear: [{receiver: door, at_least: -88}]}
  - {id: entrance, kind: door, hear: [{receiver: door, at_least: -70}]}
  - {id: shoes, kind: shelf, name: 童鞋, hear: [{receiver: shelf, at_least: -70}]}
rules: [returning-member, window-regular, window-occasional, straight-to-shelf, designer, nearby-clearance]
staff: {groups: [{id: floor}, {id: shelf}, {id: designer}]}
"""


def ask(on: str = "arrived", kept: Kept | None = None, **more: str | tuple[str, ...]) -> Situation:
    return situation_of(Question(on, **more), CONFIG, kept or Kept(), NOW)  # type: ignore[arg-type]


def test_a_question_becomes_a_situation() -> None:
    asked = ask("dwell 6s", zone="shoes", at="2026-11-23 09:30", trust="fresh", since="15 s", facts=("a=[1]",))
    assert (asked.trigger, asked.dwell, asked.trust, asked.facts) == ("dwell", 6.0, Trust.FRESH, {"a": [1]})
    assert (asked.zone and asked.zone.id, f"{asked.local:%m-%d %H:%M}") == ("shoes", "11-23 09:30")
    assert asked.visit is not None
    assert asked.arrived is not None
    assert (asked.visit.seconds, asked.t - asked.arrived) == (15.0, 15.0)


def test_who_is_not_here_has_no_visit_and_no_zone() -> None:
    asked = ask("nearby 2 km", zone="shoes", ago="30 min")
    assert asked.nearby is not None
    assert (asked.visit, asked.zone, asked.nearby.metres, asked.nearby.ago) == (None, None, 2000.0, 1800.0)


def test_a_clock_time_is_that_of_the_day() -> None:
    asked = ask("clock 20:30", at="2026-11-23 09:00")
    assert f"{asked.local:%m-%d %H:%M}" == "11-23 20:30"
    assert asked.clock == asked.local.time()


def test_a_claim_and_a_fact_are_asked_about_by_name() -> None:
    claimed = ask("claimed serious").claim
    assert claimed is not None
    assert claimed.serious
    assert ask("fact rain").fact == "rain"


def test_what_a_member_has_is_set_by_name() -> None:
    sets = ("points=640", "passes_30d=5", 'greeting="王女士"', 'consent=["offers"]', 'deny=["alerts"]', "test=true")
    member = ask(changes=(*sets, "days_since_visit=3")).member
    assert (member.attributes, member.passes_30d, member.greeting) == ({"points": 640}, 5, "王女士")
    assert member.purposes == {"offers"}
    assert (member.deny, member.test, member.days_since_visit) == (("alerts",), True, 3)


def test_a_member_of_the_register_comes_with_visits_and_is_changed_at_will() -> None:
    past = Past("v-1", NOW - 90_000, NOW - 89_000, passed=False)
    kept = Kept(a_member(attributes={"tier": "gold"}), (StateRow("history", "v-1", past.as_json(), "anna-0001"),))
    member = ask(kept=kept, changes=("points=3",)).member
    assert (member.id, member.visits_7d, member.days_since_visit) == ("anna-0001", 1, 1)
    assert member.attributes == {"tier": "gold", "points": 3}


def test_no_zone_is_told_but_the_door_without_consent_to_zones() -> None:
    kept = Kept(a_member(purposes=("recognise",)))
    assert ask(zone="shoes", kept=kept).zone is None
    entrance = ask("entered", zone="entrance", kept=kept).zone
    assert entrance is not None
    assert entrance.kind == "door"
    with pytest.raises(QuestionError, match="the rules are not asked where a member is"):
        ask("entered", zone="shoes", kept=kept)


def test_who_pauses_is_not_asked_about() -> None:
    paused = a_member(choices={"paused_until": "2026-11-23T00:00:00+08:00"})
    with pytest.raises(QuestionError, match="this member pauses"):
        ask(kept=Kept(paused))
    assert ask(kept=Kept(paused), at="2026-11-23 00:00").member.id == "anna-0001"


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question("dwel 6s"), "--on: unknown key 'dwel' (did you mean 'dwell'?)"),
        (Question("dwell"), "--on: dwell stands here alone, expected {dwell: 5s}"),
        (Question("dwell soon"), "--on: 'soon' stands here, expected a duration"),
        (Question(""), "--on: the file is empty"),
        (Question("["), "--on: "),
        (Question("arrived", zone="shose"), "unknown zone 'shose', expected one of pavement, entrance, shoes"),
        (Question("arrived", at="noon"), "'noon' is no time, expected such as 2026-11-22 14:00"),
        (Question("arrived", at="0001-01-01 00:00"), "'0001-01-01 00:00' is no time, expected such as"),
        (Question("arrived", facts=("a=" + "[" * 100_000,)), "--fact 'a=[[["),
        (Question("arrived", trust="sure"), "unknown trust 'sure', expected one of hint, weak, fresh"),
        (Question("arrived", since="long"), "--since: 'long' stands here, expected a duration"),
        (Question("nearby 1 km", ago=""), "--ago: "),
        (Question("arrived", facts=("rain",)), "--fact 'rain': expected a name, = and JSON"),
        (Question("arrived", facts=("rain=wet",)), "--fact 'rain=wet': expected a name, = and JSON"),
        (Question("arrived", changes=("passes_30d=true",)), "passes_30d is of another kind than true"),
        (Question("arrived", changes=('deny="offers"',)), 'deny is of another kind than "offers"'),
        (Question("arrived", changes=("consent=[1]",)), "consent is of another kind than [1]"),
    ],
)
def test_what_is_wrong_with_a_question_is_one_line(question: Question, message: str) -> None:
    with pytest.raises(QuestionError) as raised:
        situation_of(question, CONFIG, Kept(), NOW)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=12), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_whatever_is_asked_is_answered_or_refused(on: str, at: str, ago: str, fact: str, change: str) -> None:
    """A situation or a QuestionError of one line, and nothing else."""
    words = Question(on, at=at, ago=ago, facts=(fact, f"a={fact}"), changes=(change, f"test={change}"))
    for question in (
        words,
        Question(f"dwell {on}"),
        Question("arrived", at=at),
        Question("arrived", changes=(change,)),
    ):
        with suppress(QuestionError):
            assert situation_of(question, CONFIG, Kept(), NOW).decided > 0


# --- the command


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "hushbell.yaml").write_text(SHOP)
    return tmp_path


Tried = tuple[int, list[str], str]


@pytest.fixture
def try_rules(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tried]:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*arguments: str) -> Tried:
        status = main(["rules", "try", "--config", str(shop / "hushbell.yaml"), *arguments])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err.strip()

    return run


def keep_a_member(shop: Path) -> None:
    """Put a member whose last alert and visit were on the day before."""

    async def put() -> None:
        store = await Store.open(shop / "state")
        member = a_member(attributes={"tier": "gold"})
        await store.members.put([("anna-0001", json.dumps(member.as_json()))])
        out = Outcome()
        past = Past("v-77", NOW - 80_000, NOW - 79_000, passed=False)
        out.put(StateRow("history", "v-77", past.as_json(), "anna-0001"))
        await store.commit(out)
        await store.close()

    asyncio.run(put())


def test_every_rule_that_looks_answers_and_the_others_are_named(try_rules: Callable[..., Tried]) -> None:
    arguments = ("--on", "dwell 10s", "--zone", "pavement", "--at", "2026-11-22 14:00", "--set", "passes_30d=5")
    assert try_rules(*arguments, "--fact", "new_arrivals=true") == (
        0,
        [
            "2026-11-22 14:00 · dwell 10s · pavement · hint",
            "window-regular (window-regular.yaml:2): offer new-arrivals {}",
            "window-occasional (window-occasional.yaml:4): condition · passes_30d is 5, needs < 4",
            "They do not look at this: returning-member, straight-to-shelf, designer, nearby-clearance",
        ],
        "",
    )


@pytest.mark.parametrize("who", ["anna-0001", "v-77"])
def test_a_member_goes_by_id_or_by_a_visits_alias_and_nothing_is_changed(
    shop: Path, who: str, try_rules: Callable[..., Tried]
) -> None:
    keep_a_member(shop)
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in (shop / "state").iterdir()}
    arguments = ("--on", "arrived", "--zone", "entrance", "--at", "2026-11-22 14:00", "--member", who)
    status, lines, error = try_rules(*arguments)
    assert (status, error) == (0, "")
    assert lines[1].endswith("alert to floor: 会员 进店 · 门口 1 秒前 · 金卡 · 未验证")
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in (shop / "state").iterdir()} == before


def test_what_the_back_end_put_is_asked_too_as_far_as_it_fits(shop: Path, try_rules: Callable[..., Tried]) -> None:
    put = shop / "state" / "rules" / "returning-member.yaml"
    put.parent.mkdir(parents=True)
    for group, said in (("shelf", "alert to shelf: 会员"), ("attic", "alert to floor: 会员 进店")):
        put.write_text(f"- {{name: returning-member, on: arrived, alert: {{group: {group}, text: '{{greeting}}'}}}}\n")
        status, lines, _ = try_rules("--on", "arrived", "--zone", "entrance")
        assert (status, said in lines[1]) == (0, True), lines


def test_escalation_is_told_beside_the_alert(try_rules: Callable[..., Tried]) -> None:
    _, lines, _ = try_rules("--on", "claimed serious", "--zone", "shoes")
    assert "alert to designer, and to floor where nobody claims it in 30 s: 会员 请设计师 · 童鞋" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "what happens? expected --on, such as --on 'dwell 6s'"),
        (("--on", "arrived", "--member", "nobody"), "no member has this id"),
        (("--on", "arrived", "--zone", "attic"), "unknown zone 'attic'"),
    ],
)
def test_what_cannot_be_asked_is_wrong_use(
    try_rules: Callable[..., Tried], arguments: tuple[str, ...], message: str
) -> None:
    status, lines, error = try_rules(*arguments)
    assert (status, lines) == (2, [])
    assert error.startswith(f"hushbell: {message}")


def test_a_faulty_configuration_is_told_with_its_place(shop: Path, try_rules: Callable[..., Tried]) -> None:
    (shop / "hushbell.yaml").write_text(SHOP.replace("designer}]", "designers}]"))
    status, lines, error = try_rules("--on", "arrived")
    assert (status, lines) == (2, [])
    assert "unknown group 'designer'" in error


@pytest.mark.parametrize(
    ("language", "shown"),
    [("C.UTF-8", "condition · passes_30d is 9, needs < 4"), ("zh_CN.UTF-8", "条件不成立 · passes_30d 为 9，需要 < 4")],
)
def test_at_a_terminal_it_asks_again_and_again_and_keeps_what_was_said(shop: Path, language: str, shown: str) -> None:
    ours, theirs = pty.openpty()
    command = [*COMMAND, "rules", "try", "--config", "hushbell.yaml", "--set", "passes_30d=9"]
    variables = environment(LC_ALL=language)
    process = subprocess.Popen(command, cwd=shop, env=variables, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    answers = ("", "dwell 5s", "attic", "", "", "", "", "pavement", "", "", "\4")
    os.write(ours, "\n".join(answers).encode())
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert process.wait(30) == 0
    text = seen.decode()
    assert "attic" in text
    assert shown in text
