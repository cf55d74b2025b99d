"""`hushbell calibrate crowd`, from files and from the daemon's door."""

import asyncio
import csv
import json
import random
import subprocess
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_daemon import VirtualDaemon, hushbell

from gateway.calibrate.crowd import CountError, by_quarter, calibrate_crowd, closed, read_counts
from gateway.calibrate.proposal import diff, with_key
from gateway.configuration.config import CrowdCalibration, CrowdLaw, CrowdSettings, Hours, Store
from gateway.configuration.configfile import load_config
from gateway.control import ControlServer, Send
from gateway.crowd.evidence import Measure
from gateway.crowd.settings import write_crowd

START = 1_763_791_200.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
LAW = CrowdLaw("wifi", 10.6, 4.47, 4.35, 0.1, 18)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1").folder


def a_day(folder: Path, day: int) -> None:
    """Add a day to what was heard and counted: nobody for an hour, then more and more people for two."""
    draw = random.Random(day)
    began = START + day * 86_400
    with (folder / "day.jsonl").open("a") as heard, (folder / "counts.csv").open("a") as counted:
        for quarter in range(12):
            people = max(0, quarter - 3) * 2
            counted.write(f"{began + quarter * 900 + 60:.0f},{people}\n")
            for _ in range(people * 12 + draw.randrange(4)):
                frame = {"t": began + quarter * 900 + draw.uniform(0, 899), "receiver": "air", "radio": "wifi"}
                frame |= {"kind": "probe-request", "rssi": draw.randint(-69, -40), "device": f"p{draw.random()}"}
                heard.write(json.dumps(frame) + "\n")


def days(folder: Path, number: int) -> None:
    config = folder / "hushbell.yaml"
    text = config.read_text().replace("{receiver: air, at_least: -90}", "{receiver: air, at_least: -90}")
    config.write_text(text.replace("kind: door, hear: [", "kind: door, hear: [{receiver: air, at_least: -70}, "))
    (folder / "counts.csv").write_text("time,inside\n")
    for day in range(number):
        a_day(folder, day)
    lines = sorted((folder / "day.jsonl").read_text().splitlines(), key=lambda line: float(json.loads(line)["t"]))
    (folder / "day.jsonl").write_text("\n".join(lines))


def calibrate(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return hushbell("calibrate", "crowd", "counts.csv", *more, "--config", "hushbell.yaml", folder=folder)


def test_a_count_by_hand_becomes_a_diff_that_can_be_taken(shop: Path) -> None:
    days(shop, 3)
    done = calibrate(shop, "--heard", "day.jsonl")
    assert done.returncode == 0, done.stderr
    assert "inside: 36 quarter hours of 3 days, 0 to 16 people, by wifi" in done.stderr
    subprocess.run(["patch", "-p0"], input=done.stdout, text=True, cwd=shop, check=True, capture_output=True)
    calibration = load_config(shop / "hushbell.yaml").crowd.calibration
    assert calibration.version == "2025-11-24"
    assert 11 < calibration.laws["inside"].per_person < 14
    events = hushbell("replay", "day.jsonl", "--crowd-estimates", "--config", "hushbell.yaml", folder=shop).stdout
    counts = [json.loads(line)["data"] for line in events.splitlines()]
    assert {count["calibration"] for count in counts} == {"2025-11-24"}
    assert counts[0]["inside"]["count"] < 1
    assert 11 < counts[11]["inside"]["count"] < 22


@pytest.mark.usefixtures("chinese")
def test_an_installer_who_speaks_chinese_is_told_in_chinese(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days(shop, 1)
    counts = shop / "counts.csv"
    assert calibrate_crowd(counts, [shop / "day.jsonl"], shop / "hushbell.yaml", None) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("hushbell: inside：1 天共 12 个一刻钟，0 到 16 人，依据 wifi；平均差 ")
    assert second == "hushbell: inside：至少要数 3 天，其中有清闲的和忙碌的；每天不一样"
    counts.write_text("time,inside\nnoon,4\n")
    assert calibrate_crowd(counts, [shop / "day.jsonl"], shop / "hushbell.yaml", None) == 2
    assert capsys.readouterr().err.endswith("counts.csv:2: 这不是时间，应为 2026-11-22T14:05 这样的时间\n")


def test_a_second_calibration_of_the_day_has_a_version_of_its_own(shop: Path) -> None:
    days(shop, 1)
    for version in ("2025-11-22", "2025-11-22_2", "2025-11-22_3"):
        done = calibrate(shop, "--heard", "day.jsonl")
        assert "count on 3 days at least" in done.stderr
        subprocess.run(["patch", "-p0"], input=done.stdout, text=True, cwd=shop, check=True, capture_output=True)
        assert load_config(shop / "hushbell.yaml").crowd.calibration.version == version


def test_what_was_heard_can_be_asked_of_the_daemon(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = {source: [0.0, 0.0, 0.0] for source in ("ble", "connected")}
    measures = [
        {
            "since": START + n * 900,
            "until": START + n * 900 + 900,
            "watched": 900.0,
            "heard": {**heard, "wifi": [n * 12.5, 0, 0]},
        }
        for n in range(8)
    ]
    (shop / "counts.csv").write_text("time,people\n" + "".join(f"{START + n * 900},{n}\n" for n in range(8)))

    async def answer(request: dict[str, object], send: Send) -> None:
        assert request == {"crowd": "measures"}
        for measure in measures:
            send(measure)

    async def talk() -> int:
        server = ControlServer(shop / "state", answer)
        serving = asyncio.create_task(server.run())
        await server.listening.wait()
        try:
            return await asyncio.to_thread(calibrate_crowd, shop / "counts.csv", [], shop / "hushbell.yaml", None)
        finally:
            serving.cancel()

    (shop / "state").mkdir(exist_ok=True)
    assert asyncio.run(talk()) == 0
    assert "per_person: 12.4" in capsys.readouterr().out


def test_the_daemon_answers_and_one_that_has_heard_nothing_yet_is_one_line(shop: Path) -> None:
    (shop / "counts.csv").write_text("time,inside\n2025-11-22T14:00,5\n")
    assert calibrate(shop).stderr.startswith("hushbell: no daemon runs for ")
    with VirtualDaemon(shop, "mqtt://127.0.0.1:1") as daemon:
        asyncio.run(daemon.hearing())
        done = calibrate(shop)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hushbell: counts.csv: nothing was heard at the times that were counted\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "counts.csv:1: expected a header such as time,inside"),
        ("time\n1\n", "counts.csv:1: expected a header"),
        ("time,inside\nnoon,4\n", "counts.csv:2: this is no time"),
        ("time,inside\n2026-11-22T14:05,four\n", "counts.csv:2: inside is no number of people"),
        ("time,inside\n\n2026-11-22T14:05,-1\n", "counts.csv:3: inside is no number of people"),
        ("time,inside\n2026-11-22T14:05,nan\n", "counts.csv:2: inside is no number of people"),
        ("time,inside\n1e99,1\n", "counts.csv:2: this is no time"),
        ("time,inside\n" + "1" * 200_000 + ",1\n", "counts.csv: field larger than"),
    ],
)
def test_a_count_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(CountError) as caught:
        list(read_counts(path, SHANGHAI))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_no_count(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_bytes(b"\xff\xfe\x00time")
    with pytest.raises(CountError, match="not UTF-8"):
        list(read_counts(tmp_path / "counts.csv", SHANGHAI))


def test_people_inside_are_averaged_and_those_who_came_by_are_added(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(
        "\ufefftime, inside ,passing,weather\n"
        "2025-11-22T14:05,4,10,rain\n2025-11-22T14:10+08:00,6,,rain\n1763792000,,20,\n2025-11-22T14:15,7,1,sun\n"
    )
    quarters = by_quarter(read_counts(path, SHANGHAI))
    assert quarters == {"inside": {START: 5, START + 900: 7}, "passing": {START: 30, START + 900: 1}}


@given(st.text(max_size=200) | st.lists(st.lists(st.text(max_size=9), max_size=4), max_size=6))
def test_any_table_is_a_count_or_a_complaint(
    tmp_path_factory: pytest.TempPathFactory, table: str | list[list[str]]
) -> None:
    """Invariant: whatever stands in the file, rows come out whose figures are finite, or one CountError."""
    path = tmp_path_factory.mktemp("counts") / "counts.csv"
    with path.open("w", encoding="utf-8", newline="", errors="replace") as stream:
        if isinstance(table, str):
            stream.write("time,inside,passing\n" + table)
        else:
            csv.writer(stream).writerows([["time", "people"], *table])
    try:
        rows = list(read_counts(path, SHANGHAI))
    except CountError:
        return
    assert all(0 <= figure <= 100_000 for row in rows for figure in row.people.values())


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(None, []), (Hours(time(10), time(22)), [23, 3, 8]), (Hours(time(20), time(4)), [8, 9, 10, 12, 18])],
)
def test_nobody_is_inside_while_the_shop_is_closed_but_an_hour_for_staff(
    hours: Hours | None, expected: list[int]
) -> None:
    midnight = 1_763_740_800.0
    store = Store("a", SHANGHAI, opening_hours=hours)
    clock = (22, 23, 3, 8, 9, 10, 12, 18, 21)
    measures = [Measure(midnight + h * 3600, midnight + h * 3600 + 900, 900, {}) for h in clock]
    assert [(since - midnight) / 3600 for since in closed(measures, store)] == expected


# the proposal

SETTINGS = CrowdSettings(frozenset({bytes.fromhex("021122334455")}), CrowdCalibration("2026-11-22", {"inside": LAW}))
BLOCK = list(write_crowd(SETTINGS))
OTHERS = "store: {id: a}\nzones:\n  - {id: b}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OTHERS, OTHERS + "\n{}"),
        (OTHERS[:-1], OTHERS + "\n{}"),
        ("crowd: {fixed: []}\n" + OTHERS, "{}" + OTHERS),
        (OTHERS + "crowd:\n  fixed:\n    - a\n", OTHERS + "{}"),
        (OTHERS + "crowd:\n  fixed:\n\n    - a\n\n# more\nrecord: off\n", OTHERS + "{}\n# more\nrecord: off\n"),
        (OTHERS + "crowd:\n# a comment\n  fixed: []\n", None),
        ("crowded: 1\n", "crowded: 1\n\n{}"),
    ],
)
def test_the_block_of_a_key_is_written_anew_where_it_stands(before: str, after: str | None) -> None:
    written = with_key(before, "crowd", BLOCK)
    if after is not None:
        assert written == after.replace("{}", "\n".join(BLOCK) + "\n")
    assert diff(Path("shop.yaml"), before, written).startswith("--- shop.yaml\n+++ shop.yaml\n")


@given(
    st.builds(
        CrowdSettings,
        st.frozensets(st.binary(min_size=6, max_size=6), max_size=3),
        st.builds(
            CrowdCalibration,
            st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
            st.dictionaries(
                st.sampled_from(["inside", "passing", "lingering"]),
                st.builds(
                    CrowdLaw,
                    st.sampled_from(["ble", "wifi", "connected"]),
                    *[st.integers(500, 1_000_000).map(lambda n: n / 1000)] * 2,
                    *[st.integers(500, 900_000).map(lambda n: n / 1000)] * 3,
                ),
                max_size=3,
            ),
        ),
    )
)
def test_settings_are_read_as_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, settings: CrowdSettings
) -> None:
    """Invariant: what is proposed for the configuration means the same when it is read."""
    folder = VirtualDaemon(tmp_path_factory.mktemp("shop"), "mqtt://127.0.0.1").folder
    path = folder / "hushbell.yaml"
    path.write_text(with_key(path.read_text(), "crowd", list(write_crowd(settings))))
    if all(law.shape <= 1000 and law.baseline_shape <= 1000 for law in settings.calibration.laws.values()):
        assert load_config(path).crowd == settings


@pytest.mark.parametrize(
    ("crowd", "complaint"),
    [
        ("{fixed: [printer]}", "a device's address such as 02:11:22:33:44:aa"),
        ("{calibration: {inside: {}}}", "'version' is missing"),
        ("{calibration: {version: a b}}", "an id of 1 to 64"),
        ("{calibration: {version: a, inside: {source: wifi}}}", "'per_person' is missing"),
        ("{calibration: {version: a, inside: {source: radio}}}", "unknown source 'radio'"),
        ("{calibration: {version: a, outside: {}}}", "outside"),
    ],
)
def test_faults_are_told_where_they_stand(shop: Path, crowd: str, complaint: str) -> None:
    path = shop / "hushbell.yaml"
    path.write_text(path.read_text() + f"crowd: {crowd}\n")
    done = hushbell("check", "hushbell.yaml", folder=shop)
    assert done.returncode == 1
    assert complaint in done.stderr
