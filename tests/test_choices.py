"""Members' own lists: what they deny, allow and want only."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_situation import member

from rules.choices import refusal
from rules.situation import AlertAction, OfferAction

ALERT = AlertAction("floor", "王女士", "short-short", 60.0, "王女士")


def offer(**payload: Any) -> OfferAction:
    return OfferAction("new-arrivals", 600.0, payload)


@pytest.mark.parametrize(
    ("choices", "action", "said"),
    [
        ({}, ALERT, ""),
        ({"deny": ("alerts",)}, ALERT, "the member denies alerts"),
        ({"deny": ("alerts:floor",)}, ALERT, "the member denies alerts:floor"),
        ({"deny": ("alerts:designers", "offers")}, ALERT, ""),
        ({"deny": ("alerts",), "allow": ("alerts:floor",)}, ALERT, ""),
        ({"deny": ("alerts:floor",), "allow": ("alerts:floor",)}, ALERT, "the member denies alerts:floor"),
        ({"only": ("size:28", "offers:shoes")}, ALERT, ""),
        ({"deny": ("offers",)}, offer(), "the member denies offers"),
        ({"deny": ("offers:new-arrivals",)}, offer(), "the member denies offers:new-arrivals"),
        ({"deny": ("offers:alcohol",)}, offer(category="alcohol"), "the member denies offers:alcohol"),
        ({"deny": ("offers:alcohol",)}, offer(category=["wine", "alcohol"]), "the member denies offers:alcohol"),
        ({"deny": ("offers:alcohol",)}, offer(category="shoes"), ""),
        ({"deny": ("offers",), "allow": ("offers:shoes",)}, offer(category="shoes"), ""),
        ({"deny": ("offers",), "allow": ("offers:shoes",)}, offer(category="hats"), "the member denies offers"),
        ({"only": ("size:28",)}, offer(), ""),
        ({"only": ("size:28",)}, offer(size=28), ""),
        ({"only": ("size:28",)}, offer(size=[27, 28.0]), ""),
        ({"only": ("size:28",)}, offer(size="30"), "the member wants only size:28"),
        ({"only": ("size:28", "size:29")}, offer(size="29"), ""),
        ({"only": ("size:28", "colour:red")}, offer(size=28, colour="blue"), "the member wants only colour:red"),
        ({"only": ("offers:shoes",)}, offer(category="hats"), "the member wants only offers:shoes"),
        ({"only": ("offers:shoes",)}, offer(category="shoes"), ""),
        ({"only": ("offers:new-arrivals",)}, offer(), ""),
        ({"deny": ("", ":", "nonsense"), "only": ("", "nonsense")}, offer(), ""),
    ],
)
def test_choices_hold(choices: dict[str, Any], action: AlertAction | OfferAction, said: str) -> None:
    assert refusal(member(**choices), action) == said
