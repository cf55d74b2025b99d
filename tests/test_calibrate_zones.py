"""`hushbell calibrate`: walks that were recorded and walks with the running daemon, by the real command."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_daemon import ADDRESS, CARD, COMMAND, VirtualDaemon, environment, hushbell
from virtual_installer import survey
from virtual_walks import SHOP

from drivers.frames import ibeacon_report
from drivers.sighting import Kind, Sighting
from gateway.calibrate.amend import AmendError, put_in_place, with_levels
from gateway.calibrate.marks import MarksError, read_marks
from gateway.calibrate.tags import Tags
from gateway.calibrate.zones import TagError, _identity
from gateway.configuration.config import Hear, Zone
from gateway.configuration.configfile import load_config

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = 1_763_791_200.0
CONFIG = """\
# 丁香路店: everything here stays as it is
store: {id: lilac-01, timezone: Asia/Shanghai}
gateway: {id: door-pi, state: state}
mqtt: {url: "mqtt://127.0.0.1:1"}
receivers:
  - {id: door, driver: ble}
  - {id: shelf-a, driver: ble, adapter: hci1}
  - {id: shelf-b, driver: ble, adapter: hci2}
zones:
  - {id: pavement, kind: outside, hear: [{receiver: door, at_least: -80}]}   # 门外
  - {id: entrance, name: 门口, kind: door, hear: [{receiver: door, at_least: -60}]}
  - id: shoes
    kind: shelf
    hear:
      - receiver: shelf-a
        at_least: -60   # guessed
  - {id: coats, kind: shelf, hear: [{receiver: shelf-b, at_least: -60, offset: 9}]}
"""
TAG = {"uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071}
RECORDED = ("--heard", "walk.jsonl", "--marks", "marks.csv")


def a_frame(t: float, receiver: str, rssi: int, **other: object) -> str:
    frame = {"t": START + t, "receiver": receiver, "radio": "ble", "kind": "ibeacon", "rssi": rssi, **TAG, **other}
    return json.dumps(frame) + "\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a shop's folder with a walk that was recorded there."""
    walked = survey(SHOP, 4)
    (tmp_path / "hushbell.yaml").write_text(CONFIG)
    (tmp_path / "walk.jsonl").write_text("".join(a_frame(*frame) for frame in walked.frames))
    marks = [f"{s.zone},{s.spot},{s.way},{START + s.since},{START + s.until}\n" for s in walked.stands]
    (tmp_path / "marks.csv").write_text("zone,spot,facing,from,until\n" + "".join(marks))
    return tmp_path


def calibrate(folder: Path, *more: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return hushbell("calibrate", "--config", "hushbell.yaml", *more, folder=folder, text=text)


def test_a_pipe_gets_the_patch_alone_and_the_file_stays(shop: Path) -> None:
    done = calibrate(shop, *RECORDED)
    assert done.returncode == 0, done.stderr
    assert (shop / "hushbell.yaml").read_text() == CONFIG
    assert "What door hears (dBm)" in done.stderr
    assert "100% as proposed" in done.stderr
    assert all(len(line) <= 80 for line in done.stderr.splitlines() if "#" in line)
    subprocess.run(["patch", "-p0"], input=done.stdout, text=True, cwd=shop, check=True, capture_output=True)
    after = (shop / "hushbell.yaml").read_text()
    assert "at_least: -8" in after.partition("receiver: shelf-a")[2][:40]
    assert [line for line in after.splitlines() if "at_least" not in line] == [
        line for line in CONFIG.splitlines() if "at_least" not in line
    ]
    levels = {zone.id: zone.hear[0].at_least or 0 for zone in load_config(shop / "hushbell.yaml").zones}
    assert levels["pavement"] == pytest.approx(-88, abs=3)
    assert levels["entrance"] == pytest.approx(-72, abs=3)


def test_yes_writes_it_keeps_the_old_file_and_a_second_time_nothing_is_to_do(shop: Path) -> None:
    (shop / "hushbell.yaml").chmod(0o640)
    done = calibrate(shop, *RECORDED, "--yes")
    assert (done.returncode, "Written" in done.stderr) == (0, True)
    assert (shop / "hushbell.yaml.old").read_text() == CONFIG
    assert (shop / "hushbell.yaml").stat().st_mode & 0o777 == 0o640
    again = calibrate(shop, *RECORDED, "--yes")
    assert (again.returncode, again.stdout) == (0, "")
    assert "The levels are right as they are." in again.stderr
    assert sorted(path.name for path in shop.glob("*hushbell*")) == ["hushbell.yaml", "hushbell.yaml.old"]


def in_a_terminal(folder: Path, answer: str, **variables: str) -> str:
    """Run it on a terminal of its own; return what that shows."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, "calibrate", "--config", "hushbell.yaml", *RECORDED]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode()


@pytest.mark.parametrize(("answer", "writes"), [("y\n", True), ("是\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_the_installer_is_asked(shop: Path, answer: str, writes: bool) -> None:
    shown = in_a_terminal(shop, answer)
    assert "Write this into the configuration? [y/N]" in shown
    assert ((shop / "hushbell.yaml").read_text() != CONFIG) is writes
    assert (shop / "hushbell.yaml.old").exists() is writes


def test_it_speaks_chinese(shop: Path) -> None:
    shown = in_a_terminal(shop, "n\n", LC_ALL="zh_CN.UTF-8")
    assert "写进配置吗？" in shown
    assert "door 收到的强度（dBm）" in shown


@pytest.mark.parametrize(
    ("walk", "more", "complaint"),
    [
        ("", (), "walk.jsonl: empty"),
        ("nonsense", (), "walk.jsonl"),
        (a_frame(1, "door", -60) + a_frame(2, "door", -60, minor=9), (), "2 tags were heard"),
        (a_frame(1, "door", -60), ("--tag", "mine"), "--tag: expected UUID/MAJOR/MINOR"),
        (a_frame(1, "door", -60), ("--receiver", "till"), "no receiver 'till' is configured"),
        (a_frame(1, "till", -60) * 99, (), "heard too little"),
    ],
)
def test_a_walk_that_cannot_be_used_is_told_and_changes_nothing(
    shop: Path, walk: str, more: Sequence[str], complaint: str
) -> None:
    (shop / "walk.jsonl").write_text(walk)
    done = calibrate(shop, *RECORDED, *more, "--yes")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert (shop / "hushbell.yaml").read_text() == CONFIG


def test_the_tag_that_is_named_is_followed_among_others(shop: Path) -> None:
    (shop / "alone.jsonl").write_text((shop / "walk.jsonl").read_text())
    others = "".join(a_frame(t, "door", -30, minor=9) for t in range(300))
    (shop / "walk.jsonl").write_text((shop / "walk.jsonl").read_text() + others)
    lines = sorted((shop / "walk.jsonl").read_text().splitlines(), key=lambda line: float(json.loads(line)["t"]))
    (shop / "walk.jsonl").write_text("\n".join(lines))
    done = calibrate(shop, *RECORDED, "--tag", "6E9D1C5A-2B3F-4E70-9A11-0C5D7E3F2B18/14/2071")
    assert done.stdout == calibrate(shop, "--heard", "alone.jsonl", "--marks", "marks.csv").stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--heard", "walk.jsonl"), "--heard needs --marks FILE"),
        (("--heard", "walk.jsonl", "--marks", "gone.csv"), "gone.csv: no such file"),
        (("--heard", "gone.jsonl", "--marks", "marks.csv"), "gone.jsonl: No such file"),
        (("--seconds", "0"), "expected 1 to 600 seconds"),
        ((), "no daemon runs for "),
        (("--receiver", "till"), "no receiver 'till' is configured"),
    ],
)
def test_wrong_use_is_one_line(shop: Path, arguments: Sequence[str], complaint: str) -> None:
    done = calibrate(shop, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


# marks


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "marks.csv:1: expected the header zone,spot,facing,from,until"),
        ("zone,spot\na,b\n", "marks.csv:1: expected the header"),
        ("zone,spot,facing,from,until\n", "marks.csv: nothing is marked"),
        ("zone,spot,facing,from,until\nhall,middle,away,1,2\n", "marks.csv:2: zone: expected one of shoes"),
        ("zone,spot,facing,from,until\nshoes,corner,away,1,2\n", "marks.csv:2: spot: expected one of middle, edge"),
        ("zone,spot,facing,from,until\nshoes,edge,up,1,2\n", "marks.csv:2: facing: expected one of towards, away"),
        ("zone,spot,facing,from,until\nshoes,edge,away,noon,2\n", "marks.csv:2: from, until: expected times"),
        ("zone,spot,facing,from,until\nshoes,edge,away,2\n", "marks.csv:2: from, until: expected times"),
        ("zone,spot,facing,from,until\nshoes,edge,away,2,1\n", "marks.csv:2: until: expected a time after from"),
        ("zone,spot,facing,from,until\nshoes,edge,away,1,9999\n", "marks.csv:2: until: expected a time after from"),
        ("zone,spot,facing,from,until\n" + "x" * 200_000 + ",,,,\n", "marks.csv: field larger"),
    ],
)
def test_marks_that_cannot_be_used_are_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "marks.csv"
    path.write_text(text)
    with pytest.raises(MarksError) as caught:
        read_marks(path, ["shoes"], SHANGHAI)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_marks_or_a_complaint(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Invariant: whatever stands in the file, stands come out that last, or one MarksError."""
    path = tmp_path_factory.mktemp("marks") / "marks.csv"
    for head in (b"", b"zone,spot,facing,from,until\n"):
        path.write_bytes(head + raw)
        try:
            stands = read_marks(path, ["shoes"], SHANGHAI)
        except MarksError:
            continue
        assert all(0 < stand.until - stand.since <= 3600 for stand in stands)


@given(st.text(max_size=60))
def test_any_text_is_a_tag_or_a_complaint(text: str) -> None:
    """Invariant: an identity has the length of one kind of beacon's."""
    with suppress(TagError):
        assert len(_identity(text)) in (16, 20)


# the file


BEGINNING = "store: {id: a, timezone: UTC}\nreceivers: [{id: door, driver: ble}]\nzones:\n"


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        (
            "- {id: a, kind: door, hear: [{receiver: door, at_least: -70}]}\n",
            "- {id: a, kind: door, hear: [{receiver: door, at_least: -61, offset: 4}]}\n",
        ),
        (
            "- {id: a, kind: door, hear: [{offset: 0, at_least: -70.5, receiver: door}]} # 门\n",
            "- {id: a, kind: door, hear: [{offset: 4, at_least: -61, receiver: door}]} # 门\n",
        ),
        (
            "- {name: 门口, id: a, kind: door, hear: [{receiver: door,\n  at_least: -70 # 门\n  }]}\n",
            "- {name: 门口, id: a, kind: door, hear: [{receiver: door,\n  at_least: -61, offset: 4 # 门\n  }]}\n",
        ),
        (
            "- id: a\n  kind: door\n  hear:\n  - at_least: -70   # 门\n    receiver: door\n",
            "- id: a\n  kind: door\n  hear:\n  - at_least: -61   # 门\n    offset: 4\n    receiver: door\n",
        ),
        (
            "- id: a\r\n  kind: door\r\n  hear:\r\n  - receiver: door\r\n    at_least: -70",
            "- id: a\r\n  kind: door\r\n  hear:\r\n  - receiver: door\r\n    at_least: -61\r\n    offset: 4",
        ),
        ('- {"id": a, kind: door, "hear": [{"receiver": "door"}]}\n', None),
        ("- id: a\n  kind: door\n  hear:\n  - ? at_least\n    : -70\n    receiver: door\n", None),
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_levels_are_written_where_they_stand_in_the_style_of_their_entry(
    zones: str, expected: str | None, mark: bytes
) -> None:
    wanted = (Zone("a", "door", (Hear("door", -61.0, 4.0),), "门口" if "门口" in zones else ""),)
    after = with_levels(mark + (BEGINNING + zones).encode(), wanted)
    if expected is None:
        assert after is None or with_levels(after, wanted) == after
    else:
        assert after == mark + (BEGINNING + expected).encode()


entries = st.builds(
    Hear,
    st.sampled_from(["door", "shelf"]),
    st.integers(-127, 0).map(float),
    st.just(0.0) | st.integers(-60, 60).map(float),
)


@given(st.data(), st.lists(entries, min_size=1, max_size=6))
def test_a_configuration_means_what_was_proposed_and_nothing_else_changed(
    data: st.DataObject, hears: list[Hear]
) -> None:
    """Invariant: of a valid file levels and offsets change to those asked for, and no line without them changes."""
    before = [replace(hear, at_least=-float(n + 20)) for n, hear in enumerate(hears)]
    after = [
        Hear(hear.receiver, -float(n + 60), data.draw(st.integers(-60, 60).map(float))) for n, hear in enumerate(before)
    ]
    lines = ["receivers: [{id: door, driver: ble}, {id: shelf, driver: ble, adapter: hci1}]", "zones:"]
    for number, hear in enumerate(before):
        offset = f", offset: {hear.offset:g}" if hear.offset else ""
        if data.draw(st.booleans()):
            lines.append(f"  - {{id: z{number}, kind: inside, name: 区域, hear: [")
            lines.append(f"      {{receiver: {hear.receiver}, at_least: {hear.at_least:g}{offset}}}]}}  # 这里")
        else:
            lines += [f"  - id: z{number}", "    kind: inside", "    name: 区域", "    # a word", "    hear:"]
            lines += [f"      - at_least: {hear.at_least:g} # level", f"        receiver: {hear.receiver}"]
            lines += [f"        offset: {hear.offset:g}"] if hear.offset else []
    for receiver in ("door", "shelf"):
        if receiver not in {hear.receiver for hear in before}:
            lines.append(f"  - {{id: {receiver}, kind: inside, hear: [{{receiver: {receiver}, at_least: -99}}]}}")
            after.append(Hear(receiver, -99.0))
    names = [*(f"z{n}" for n in range(len(before))), *("door", "shelf")]
    zones = [
        Zone(hear.receiver if n >= len(before) else names[n], "inside", (hear,), "区域" if n < len(before) else "")
        for n, hear in enumerate(after)
    ]
    raw = "\n".join(lines).encode()
    done = with_levels(raw, zones)
    assert done is not None
    kept = [line for line in done.decode().splitlines() if "at_least" not in line and "offset" not in line]
    assert kept == [line for line in lines if "at_least" not in line and "offset" not in line]


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_bytes(b"mine")
    with pytest.raises(AmendError, match="somebody changed it"):
        put_in_place(path, b"yours", b"ours")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("shop.yaml", b"mine")]


def test_each_old_file_is_kept_and_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path, link = tmp_path / "real" / "shop.yaml", tmp_path / "shop.yaml"
    path.write_bytes(b"1")
    link.symlink_to(path)
    for number in (1, 2):
        put_in_place(link, b"%d" % number, b"%d" % (number + 1))
    assert link.is_symlink()
    names = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert names == {"shop.yaml": b"3", "shop.yaml.old": b"1", "shop.yaml.old-2": b"2"}


# the daemon's part


OTHER = bytes(range(20))
REFERENCE = bytes(range(1, 21))


def heard(
    identity: bytes, rssi: int | None, receiver: str = "door", kind: Kind = "ibeacon", t: float = 1.0
) -> Sighting:
    return Sighting(t, receiver, "ble", kind, rssi, identity)


def test_who_holds_a_tag_is_told_its_levels_and_nothing_of_any_other() -> None:
    told: list[dict[str, object]] = []

    async def scene() -> None:
        tags, found = Tags({REFERENCE}), asyncio.Event()

        def tell(answer: dict[str, object]) -> None:
            told.append(answer)
            found.set()

        following = asyncio.create_task(tags.follow("door", 5.0, tell))
        await asyncio.sleep(0)
        tags.hear([heard(CARD, -40, t=t) for t in (1.0, 2.5, 5.0)] + [heard(OTHER, -80), heard(REFERENCE, -20)])
        async with asyncio.timeout(5):
            await found.wait()
        tags.hear([heard(CARD, -61), heard(OTHER, -50), heard(CARD, -70, "shelf"), heard(CARD, None)])
        tags.hear([heard(b"", -50, kind="advert"), heard(REFERENCE, -20)])
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        tags.hear([heard(CARD, -61)])

    asyncio.run(scene())
    assert told == [
        {"found": "door"},
        {"t": 1.0, "receiver": "door", "rssi": -61},
        {"t": 1.0, "receiver": "shelf", "rssi": -70},
    ]


def test_where_no_tag_is_held_it_says_why() -> None:
    told: list[dict[str, object]] = []
    asyncio.run(Tags(()).follow("door", 0.3, told.append))
    assert told == [{"failed": "door heard no unknown tag at all; is the card switched on?"}]


# with the running daemon

LIVE = CONFIG.replace("{id: door, driver: ble}", "{id: door, driver: simulator, socket: door.sock}")
LIVE = LIVE.replace("{id: shelf-a, driver: ble, adapter: hci1}", "{id: shelf-a, driver: simulator, socket: air.sock}")
LIVE = LIVE.replace("  - {id: shelf-b, driver: ble, adapter: hci2}\n", "")
LIVE = LIVE[: LIVE.index("  - {id: coats")]
PLACES = {"pavement": (-82, None), "entrance": (-62, -84), "shoes": (-85, -60)}
"""How loud door and shelf-a hear the tag in the middle of each zone."""
EDGE_DB, BODY_DB = 6, 4


class Walk:
    """The real command, an installer who does as it says, and a tag that sends."""

    def __init__(self, daemon: VirtualDaemon, *more: str) -> None:
        self._daemon = daemon
        self.levels: tuple[int | None, ...] = (-35, None)
        self._more = more
        self.shown: list[str] = []
        self.began_second = asyncio.Event()

    async def play(self, stop_at: int | None = None, ending: str = "interrupt") -> tuple[int, str]:
        """Follow what is shown, until the stand numbered `stop_at` if any; return exit status and standard output."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("calibrate", "--config", "hushbell.yaml", "--seconds", "1", *self._more),
            cwd=self._daemon.folder,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        tag = asyncio.create_task(self._send())
        stands = 0
        async for raw in process.stderr:
            line = raw.decode().rstrip()
            self.shown.append(line)
            if line.startswith("[2/"):
                self.began_second.set()
            self._go(line)
            if line.startswith("Press Enter"):
                stands += 1
                if stands == stop_at and ending == "interrupt":
                    process.send_signal(signal.SIGINT)
                elif stands == stop_at:
                    process.stdin.close()
                else:
                    process.stdin.write(b"\n")
        tag.cancel()
        await asyncio.gather(tag, return_exceptions=True)
        out = (await process.stdout.read()).decode()
        return await process.wait(), out

    def _go(self, line: str) -> None:
        """Go where a line says."""
        if line.startswith("["):
            self.levels = PLACES[line.partition("] ")[2]]
        down = EDGE_DB if "edge" in line else 0
        down += BODY_DB if "your back" in line else 0
        if "your" in line:
            zone = next(text.partition("] ")[2] for text in reversed(self.shown) if text.startswith("["))
            self.levels = tuple(level and level - down for level in PLACES[zone])

    async def _send(self) -> None:
        while True:
            for antenna, level in zip((self._daemon.door, self._daemon.air), self.levels, strict=True):
                if level is not None:
                    await antenna.send(ibeacon_report(ADDRESS, level, CARD))
            await asyncio.sleep(0.05)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[VirtualDaemon]:
    braces = LIVE.replace("{", "{{").replace("}", "}}")
    with VirtualDaemon(tmp_path / "shop", "", config=braces) as daemon:
        yield daemon


def test_a_walk_with_the_daemon_ends_in_levels(live: VirtualDaemon) -> None:
    async def scene() -> tuple[int, str]:
        await live.hearing()
        async with asyncio.timeout(60):
            return await Walk(live, "--yes").play()

    status, patch = asyncio.run(scene())
    assert status == 0
    assert "+  - {id: entrance" in patch
    zones = {zone.id: zone.hear[0].at_least for zone in load_config(live.folder / "hushbell.yaml").zones}
    assert zones == {"pavement": -90, "entrance": -72, "shoes": -68}
    assert (live.folder / "hushbell.yaml.old").read_text() == LIVE


@pytest.mark.parametrize("ending", ["interrupt", "end of input"])
def test_a_walk_that_is_broken_off_writes_nothing(live: VirtualDaemon, ending: str) -> None:
    async def scene() -> tuple[Walk, int, str]:
        await live.hearing()
        walk = Walk(live, "--yes")
        async with asyncio.timeout(30):
            return walk, *await walk.play(3, ending)

    walk, status, patch = asyncio.run(scene())
    assert (status, patch) == (130 if ending == "interrupt" else 2, "")
    assert not [line for line in walk.shown if "Traceback" in line]
    assert (live.folder / "hushbell.yaml").read_text() == LIVE
    assert [path.name for path in live.folder.glob("*hushbell.yaml*")] == ["hushbell.yaml"]


def test_a_daemon_that_ends_under_way_is_one_line(live: VirtualDaemon) -> None:
    async def scene() -> tuple[Walk, int]:
        await live.hearing()
        walk = Walk(live)
        playing = asyncio.create_task(walk.play())
        async with asyncio.timeout(30):
            await walk.began_second.wait()
            live.kill()
            status, _ = await playing
        return walk, status

    walk, status = asyncio.run(scene())
    assert (status, walk.shown[-1]) == (2, "hushbell: the daemon ended")
