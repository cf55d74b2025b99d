import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import clock


def nobody(root: Path) -> None:
    """Leave the machine without systemd-timesyncd."""


def running(root: Path) -> None:
    (root / clock.STAMP).parent.mkdir(parents=True)


def done(root: Path) -> None:
    running(root)
    (root / clock.STAMP).touch()


@pytest.mark.parametrize(
    ("kernel", "timesyncd", "expected"),
    [
        (True, nobody, True),
        (False, nobody, False),
        (None, nobody, None),
        (None, running, False),
        (None, done, True),
        (False, running, False),
        (False, done, True),
    ],
)
def test_the_kernel_or_timesyncd_tells_whether_the_clock_is_kept_right(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernel: bool | None,
    timesyncd: Callable[[Path], None],
    expected: bool | None,
) -> None:
    monkeypatch.setattr(clock, "_kernel_says", lambda: kernel)
    timesyncd(tmp_path)
    assert clock.is_synchronised(tmp_path) is expected


def test_this_kernel_is_asked_and_a_loop_of_links_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "run")
    assert clock.is_synchronised(tmp_path) in (True, False, None)


@pytest.mark.parametrize("by_s", [-7200.0, 0.0, 7200.0])
def test_a_clock_that_is_set_shows_once_it_is_followed(monkeypatch: pytest.MonkeyPatch, by_s: float) -> None:
    real = time.time
    clock.follow()
    before = clock.wall()
    monkeypatch.setattr(time, "time", lambda: real() + by_s)
    assert clock.wall() - before < 1.0
    assert clock.set_by() == pytest.approx(by_s, abs=0.1)
    assert clock.follow() == pytest.approx(by_s, abs=0.1)
    assert clock.wall() == pytest.approx(real() + by_s, abs=0.1)
    assert clock.set_by() == pytest.approx(0.0, abs=0.1)
    monkeypatch.undo()
    clock.follow()
