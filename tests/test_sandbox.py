"""The sandbox as a back end's developer runs it: all that a shop says comes by itself, and stops when told to."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_broker import running_broker
from virtual_client import SHOP, VirtualClient
from virtual_contract import faults
from virtual_daemon import COMMAND, children_in, environment, hushbell
from virtual_example import LANGUAGES, MEMBER, VirtualExample

from gateway.demo.badge import Badge
from gateway.demo.shop import BETWEEN_S, DOINGS, NEW_CARD, NEW_EVERY, make_people, plan
from gateway.identity.member import parse_member
from gateway.mqtt.topics import Arrival

TOPICS = (
    *("visits", "alerts/floor", "crowd", "offers/pavement"),
    *("gateways/sandbox/status", "gateways/sandbox/health", "devices/badge-1/status", "devices/badge-2/status"),
)
BEFORE_A_QUARTER_S = 30.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder whose name is short enough for the sockets below it (108 bytes, unix(7))."""
    with TemporaryDirectory(prefix="hush-") as name:
        yield Path(name)


def comings(seed: int, count: int = 400) -> list[tuple[float, bytes, str]]:
    planned = itertools.islice(plan(seed, make_people(seed)), count)
    return [(coming.after_s, coming.person.card, coming.doing) for coming in planned]


def test_the_same_seed_gives_the_same_day_and_another_one_another() -> None:
    assert comings(1) == comings(1)
    assert comings(1) != comings(2)
    assert [person.member for person in make_people(1)] != [person.member for person in make_people(2)]


def test_a_day_has_everything_in_it() -> None:
    day = comings(7)
    assert {doing for _, _, doing in day} == set(DOINGS)
    assert sum(after_s for after_s, _, _ in day) / len(day) == pytest.approx(BETWEEN_S, rel=0.2)
    assert [card == NEW_CARD for _, card, _ in day[:NEW_EVERY]] == [*[False] * (NEW_EVERY - 1), True]


def test_the_members_are_members_and_the_example_is_the_one_with_the_new_card() -> None:
    people = make_people(1)
    assert len({parse_member(person.member).id for person in people}) == len({p.card for p in people}) == len(people)
    card = json.loads(MEMBER.read_text(encoding="utf-8"))["credentials"][0]
    numbers = card["major"].to_bytes(2, "big") + card["minor"].to_bytes(2, "big")
    assert bytes.fromhex(card["uuid"].replace("-", "")) + numbers == NEW_CARD


@given(
    st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), st.dictionaries(st.text(), st.text()))
)
def test_a_badge_passes_over_what_is_no_alert(payload: bytes) -> None:
    badge = Badge("badge-1", SHOP.rstrip("/"), "mqtt://127.0.0.1", Random(1))
    badge._receive(Arrival(f"{SHOP}alerts/floor", payload))  # would need a loop to claim anything


@contextmanager
def running_sandbox(folder: Path, *options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a sandbox in a folder; it is killed where the block did not end it."""
    sandbox = subprocess.Popen(
        [*COMMAND, "sandbox", *options],
        cwd=folder,
        env=environment(TMPDIR=str(folder), **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield sandbox
    finally:
        sandbox.kill()
        sandbox.communicate()


def first_line(sandbox: subprocess.Popen[str]) -> str:
    assert sandbox.stdout is not None
    return sandbox.stdout.readline()


def end(sandbox: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
    """Stop a sandbox; return its exit status, what it still printed and its complaints."""
    sandbox.send_signal(number)
    output, errors = sandbox.communicate(timeout=30)
    return sandbox.returncode, output, errors


def test_a_back_end_in_either_language_sees_everything_that_happens_in_a_shop(folder: Path) -> None:
    offset_s = (-time.time() - BEFORE_A_QUARTER_S) % 900
    for name in ("shop", *LANGUAGES):
        (folder / name).mkdir()
    with running_sandbox(folder / "shop", "--speed", "10", HUSHBELL_CLOCK_OFFSET=str(offset_s)) as sandbox:
        found = re.search(r"mqtt://127\.0\.0\.1:(\d+)", first_line(sandbox))
        assert found is not None
        with VirtualClient(int(found[1]), "listener", *(SHOP + topic for topic in (*TOPICS, "outcomes"))) as listener:
            examples = [VirtualExample(language, folder / language, found[0]) for language in LANGUAGES]
            with examples[0], examples[1]:
                for back_end in examples:
                    back_end.wait_for("members.put: ok")
                    for type_ in ("alert.raised", "alert.claimed", "offer.triggered", "visit.ended", "crowd.counted"):
                        back_end.wait_for(f"hushbell.{type_}", 60.0)
                    back_end.wait_until(partial(_sees_the_new_member, back_end), 60.0)
            listener.wait_until(lambda: {message.topic for message in listener.received} >= {SHOP + t for t in TOPICS})
            outcomes = listener.on("/outcomes")
            assert outcomes
            assert [faults("receive", outcome.topic, outcome.payload) for outcome in outcomes] == [[]] * len(outcomes)
        status, output, errors = end(sandbox)
    assert (status, errors) == (0, "")
    assert "somebody unknown" in output
    assert children_in(folder / "shop") == []
    assert list((folder / "shop").iterdir()) == []


def _sees_the_new_member(back_end: VirtualExample) -> bool:
    return any(data.get("member") == "example-0001" for data in back_end.events())


def test_a_sandbox_on_a_broker_that_is_given_speaks_chinese_where_the_reader_does(folder: Path) -> None:
    (folder / "shop").mkdir()
    with (
        running_broker(folder / "broker") as broker,
        running_sandbox(folder / "shop", "--broker", broker.url, LC_ALL="zh_CN.UTF-8") as sandbox,
    ):
        assert first_line(sandbox) == f"一家店，在 {broker.url}：MQTT 5，无需密码\n"
        status, _, errors = end(sandbox, signal.SIGTERM)
        assert (status, errors) == (0, "")
        with VirtualClient(broker.port, "listener", f"{SHOP}gateways/+/status") as listener:
            assert listener.wait_for(1)[0].body == {"state": "offline"}


def test_a_sandbox_whose_gateway_dies_says_so(folder: Path) -> None:
    with running_sandbox(folder) as sandbox:
        first_line(sandbox)
        for process in Path("/proc").glob("[0-9]*"):
            if _is_gateway(process, folder):
                os.kill(int(process.name), signal.SIGKILL)
        _, errors = sandbox.communicate(timeout=30)
        assert sandbox.returncode == 1
        assert errors.startswith("hushbell: the gateway ended by itself\n")


def _is_gateway(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").resolve().parent == folder and b"sandbox.yaml" in (process / "cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        (["--broker", "tcp://127.0.0.1"], 2, "hushbell: unknown scheme 'tcp'"),
        (["--broker", "mqtt://127.0.0.1:9"], 1, "hushbell: not seen within 10 s: sandbox at the broker\n"),
        (["--speed", "0"], 2, "hushbell: argument --speed: '0' is no speed"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path: Path, options: list[str], status: int, complaint: str) -> None:
    done = hushbell("sandbox", *options, folder=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(complaint)
