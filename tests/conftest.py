"""Adds `--no-skips`: where every test is meant to run, one that skips has failed. Hypothesis may take its time."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from virtual_browser import find_browser

from rules.messages import speak

ReportFlow = Generator[None, pytest.TestReport, pytest.TestReport]
CollectFlow = Generator[None, pytest.CollectReport, pytest.CollectReport]

# A busy machine is slow, and no fault of what is tested. The gate tries the same each time; `make explore` what is new.
settings.register_profile("gate", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("explore", settings.get_profile("gate"), derandomize=False)
settings.load_profile("explore" if "HUSHBELL_EXPLORE" in os.environ else "gate")

collect_ignore = [] if find_browser() else ["test_guest_in_a_browser.py"]

# A shell starts what runs in the background with interrupts ignored, and so would be what we start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def chinese() -> Iterator[None]:
    speak("zh")
    yield
    speak("en")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="take a skipped test for a failed one")


def pytest_report_header() -> list[str]:
    return [f"left out, since no Chromium is installed: {name}" for name in collect_ignore]


def refuse_skip(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where no test may: {report.longreprtext or report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> ReportFlow:
    report = yield
    refuse_skip(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> CollectFlow:
    report = yield
    refuse_skip(report, collector.config)
    return report
