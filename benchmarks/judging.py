"""What 1,000 rules cost: to load, and to ask about a change that none of them, or ten, concern.

Run it from the project's root: `python benchmarks/judging.py`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import Side, compare, line, say  # noqa: E402
from virtual_situation import ENTRANCE, NOON, PAVEMENT, member, situation  # noqa: E402

from gateway.deciding.alerting import Alerting  # noqa: E402
from gateway.deciding.announcer import Announcer  # noqa: E402
from gateway.deciding.decided import Texts  # noqa: E402
from gateway.deciding.identifiers import Identifiers  # noqa: E402
from gateway.deciding.policy import Policy  # noqa: E402
from gateway.deciding.recent import Recent  # noqa: E402
from gateway.events import Outcome  # noqa: E402
from rules.caps import Ledger  # noqa: E402
from rules.document import Faults  # noqa: E402
from rules.engine import Engine  # noqa: E402
from rules.limits import Caps  # noqa: E402
from rules.loader import Source, load_sources  # noqa: E402
from rules.model import Rule  # noqa: E402

RULES = 1000
CONCERNED = 10
FACTS = """\
- {fact: new_arrivals, type: bool, max_age: 24 h, otherwise: false}
- {fact: featured, type: {item: string, zone: string}, max_age: 24 h}
"""


def rule(number: int, condition: str) -> str:
    zone = "entrance" if number < CONCERNED else "window"
    return (
        f"- name: rule-{number}\n  on: {{entered, zone: {{id: {zone}}}, within: 1 min}}\n  if: {condition}\n"
        f"  unless: member.test\n  offer: {{id: offer-{number}}}\n  at_most: [1 per visit, 3 per week]\n"
    )


def all_different(number: int) -> str:
    """Return a condition that no other rule has, as far as that matters to a compiler."""
    return f"member.passes_30d >= {number + 1} && facts.featured.item != 'sku-{number}' && facts.new_arrivals"


def for_the_library(number: int) -> str:
    """Return the same, written so that no part of it has a shortcut."""
    return f"(member.passes_30d >= {number + 1}) && (facts.featured.item != 'sku-{number}') && (facts.new_arrivals)"


def much_alike(number: int) -> str:
    return f"member.passes_30d >= {number % 40 + 1} && facts.new_arrivals"


def load(text: str) -> list[Rule]:
    faults = Faults()
    loaded = load_sources([Source("rules.yaml", text.encode())], faults)
    if faults.found or len(loaded) != RULES:
        raise SystemExit(f"the rules do not load: {faults.found[:1]}")
    return loaded


def say_loading() -> None:
    say(f"{RULES} rules, read, checked and compiled (median of five)\n")
    for what, condition in (("all conditions different", all_different), ("conditions much alike", much_alike)):
        text = FACTS + "".join(rule(number, condition(number)) for number in range(RULES))
        spent: list[float] = []
        for _ in range(5):
            begun = time.process_time()
            load(text)
            spent.append(time.process_time() - begun)
        line(f"  {what} (target: 1)", sorted(spent)[2], "s")


def with_rows(engine: Engine) -> Policy:
    """Return what asks the rules, and makes rows that explain what they said."""
    ids, causes = Identifiers(bytes(32), bytes(8)), Counter[str]()
    announcer = Announcer(ids, ZoneInfo("Asia/Shanghai"))
    return Policy(engine, ids, announcer, Alerting((), announcer, causes), Recent(()), Texts(1e6), Caps(), causes)


def say_asking() -> None:
    say(f"asking {RULES} rules (us of CPU, medians)\n")
    loaded, others = (
        load(FACTS + "".join(rule(number, condition(number)) for number in range(RULES)))
        for condition in (all_different, for_the_library)
    )
    engine, few = Engine(loaded, frozenset()), Engine(loaded[:CONCERNED], frozenset())
    by_library, policy = Engine(others, frozenset()), with_rows(engine)
    facts = {"new_arrivals": True, "featured": {"item": "sku-x", "zone": "shoes"}}
    told: dict[str, Any] = {
        "facts": facts,
        "fact_times": dict.fromkeys(facts, NOON.timestamp() - 60),
        "arrived": NOON.timestamp() - 5,
    }
    none = situation("entered", member(passes_30d=0), zone=PAVEMENT, **told)
    silent = situation("entered", member(passes_30d=0), zone=ENTRANCE, **told)
    firing = situation("entered", member(passes_30d=9999), zone=ENTRANCE, **told)
    ledger, times = Ledger(), 200

    def fire(asked: Engine) -> None:
        ledger.forget(firing.member.id)
        asked.decide(firing, ledger)

    def fire_with_rows() -> None:
        policy.forget(firing.member.id)
        policy.apply(firing, "", Outcome())

    sides = {
        "a change that concerns none (target: 5)": lambda: engine.decide(none, ledger),
        f"one that concerns {CONCERNED}, whose conditions fail (target: 200)": lambda: engine.decide(silent, ledger),
        "the same where no other rule is loaded": lambda: few.decide(silent, ledger),
        f"{CONCERNED} whose conditions hold, one fires, caps stop nine (target: 200)": lambda: fire(engine),
        "the same where the CEL library judges every clause": lambda: fire(by_library),
        "the same with its shortcuts, and with rows that explain it": fire_with_rows,
    }
    cost = compare({name: Side(times, lambda ask=ask: [ask() for _ in range(times)]) for name, ask in sides.items()})
    for name, figure in cost.items():
        line(f"  {name}", figure)


def main() -> int:
    say_loading()
    say_asking()
    return 0


if __name__ == "__main__":
    sys.exit(main())
