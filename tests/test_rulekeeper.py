"""Rules that change while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from virtual_core import CONFIG, LEVELS, START, a_core, adverts, come_in, hear

from gateway.conductor import Conductor
from gateway.configuration.config import Config, Gateway
from gateway.configuration.configfile import ConfigError
from gateway.contract.reading import RefusedError
from gateway.core import Core
from gateway.events import Outcome
from gateway.identity.personal import refuse_personal_page
from gateway.rulebook import Rulebook, load_before, read_rulebook, rules_in_force
from gateway.rulekeeper import RuleKeeper

DAY_S = 86400.0
GREET = "- {name: greet, on: arrived, alert: {group: floor, text: '{greeting} came in'}}\n"
WINDOW = "- {name: window, on: {dwell: 5s, zone: {kind: outside}}, offer: {id: new}}\n"
BROKEN = "- {name: greet, on: arived, alert: {group: floor, text: hello}}\n"


class Shop:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "ours.yaml"
        self.file.write_text(GREET, encoding="utf-8")
        self.config: Config = replace(CONFIG, gateway=Gateway("door-pi", state=folder), rule_files=(self.file,))
        self.core: Core = a_core(config=self.config)
        self.out = Outcome()
        self.told: list[Rulebook] = []
        self.now = START
        conductor = Conductor(self.core, lambda: self.now, self.out.merge)
        self.keeper = RuleKeeper(self.config, read_rulebook(self.config), conductor, lambda: self.now, self.told.append)

    def fired(self, begins: float) -> list[str]:
        """Return what rules do of somebody who comes to the window and in."""
        out = hear(self.core, adverts(begins, 8, LEVELS["window"]), come_in(begins + 8))
        self.now = self.core.now
        return [row.rule for row in out.decisions if row.outcome == "fired"]


def play(folder: Path, scene: Callable[[Shop], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene(Shop(folder))

    asyncio.run(main())


def test_a_file_that_changed_is_in_force_when_asked_for_and_caps_go_on(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        assert shop.fired(0) == ["greet"]
        shop.file.write_text(GREET + WINDOW, encoding="utf-8")
        assert shop.fired(20) == []
        await shop.keeper.reload()
        assert shop.fired(40) == []  # the visit has had its alert, and stands at no window anew
        assert shop.fired(DAY_S) == ["window", "greet"]
        assert [book.version for book in shop.told] == [shop.keeper.book.version]

    play(tmp_path, scene)


def test_a_file_that_is_wrong_changes_nothing_and_says_where(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(shop: Shop) -> None:
        before = shop.keeper.book
        shop.file.write_text(BROKEN, encoding="utf-8")
        await shop.keeper.reload()
        assert (shop.keeper.book.sources, shop.keeper.book.rules) == (before.sources, before.rules)
        assert [[fault.line for fault in book.refused] for book in shop.told] == [[1]]
        assert f"{shop.file}:1:" in caplog.text
        assert "arived" in caplog.text
        assert shop.fired(0) == ["greet"]

    play(tmp_path, scene)


def test_what_the_back_end_puts_stands_for_the_file_of_that_name_until_it_is_taken_away(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        first = shop.keeper.book.version
        book = await shop.keeper.put("ours.yaml", WINDOW)
        assert [rule.name for rule in book.rules] == ["window"]
        assert shop.fired(0) == ["window"]
        assert read_rulebook(shop.config).version == book.version != first
        await shop.keeper.reload()
        assert shop.keeper.book.version == book.version
        again = await shop.keeper.put("ours.yaml", None)
        assert again.version == read_rulebook(shop.config).version == first
        assert shop.fired(DAY_S) == ["greet"]

    play(tmp_path, scene)


def test_a_file_of_another_name_comes_after_the_configurations(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        book = await shop.keeper.put("more.yaml", WINDOW)
        assert [rule.name for rule in book.rules] == ["greet", "window"]
        assert [file.file for file in book.told()] == ["ours.yaml", "more.yaml"]
        assert (tmp_path / "rules" / "more.yaml").stat().st_mode & 0o777 == 0o600
        assert [rule.name for rule in (await shop.keeper.put("more.yaml", None)).rules] == ["greet"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BROKEN, "ours.yaml:1:"),
        ("- {name: a, on: arrived, alert: {group: attic, text: hello}}\n", "attic"),
        ("[", "ours.yaml:"),
        (GREET * 2, "ours.yaml:2:10: rule greet stands already at ours.yaml:1"),
    ],
)
def test_a_text_that_is_wrong_is_refused_with_its_place_and_changes_nothing(
    tmp_path: Path, text: str, said: str
) -> None:
    async def scene(shop: Shop) -> None:
        with pytest.raises(RefusedError) as refused:
            await shop.keeper.put("ours.yaml", text)
        assert (refused.value.code, refused.value.field) == ("invalid", "text")
        assert said in refused.value.message
        assert str(tmp_path) not in refused.value.message
        assert not (tmp_path / "rules").exists()
        assert shop.fired(0) == ["greet"]

    play(tmp_path, scene)


def test_what_was_put_and_does_not_fit_any_more_is_left_aside_and_no_more_than_that(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        await shop.keeper.put("fits.yaml", WINDOW)
        attic = "- {name: up, on: arrived, alert: {group: attic, text: x}}\n"
        (tmp_path / "rules" / "attic.yaml").write_text(attic, encoding="utf-8")
        book, faults = rules_in_force(shop.config)
        assert [rule.name for rule in book.rules] == ["greet", "window"]
        assert [Path(fault.file).name for fault in faults] == ["attic.yaml"]
        shop.file.write_text(BROKEN, encoding="utf-8")
        with pytest.raises(ConfigError, match="arived"):
            rules_in_force(shop.config)

    play(tmp_path, scene)


def test_for_a_file_at_fault_stands_at_the_start_what_was_in_force_before(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        await shop.keeper.keep()
        shop.file.write_text(BROKEN, encoding="utf-8")
        book, faults = rules_in_force(shop.config, load_before(tmp_path))
        assert [rule.name for rule in book.rules] == ["greet"]
        assert [*book.refused] == faults
        assert (faults[0].file, faults[0].line) == (str(shop.file), 1)
        shop.keeper.book = book
        await shop.keeper.reload()
        assert shop.keeper.book.refused
        shop.file.write_text(GREET + WINDOW, encoding="utf-8")
        await shop.keeper.reload()
        assert shop.keeper.book.refused == ()
        shop.file.write_text("[", encoding="utf-8")
        book, _ = rules_in_force(shop.config, load_before(tmp_path))
        assert [rule.name for rule in book.rules] == ["greet", "window"]

    play(tmp_path, scene)


def test_a_file_at_fault_takes_nothing_with_it_that_the_back_end_put_and_put_in_its_place_it_is_no_fault(
    tmp_path: Path,
) -> None:
    async def scene(shop: Shop) -> None:
        await shop.keeper.put("more.yaml", WINDOW)
        shop.file.write_text(BROKEN, encoding="utf-8")
        shop.keeper.book, _ = rules_in_force(shop.config, load_before(tmp_path))
        assert [rule.name for rule in shop.keeper.book.rules] == ["greet", "window"]
        assert (await shop.keeper.put("more.yaml", None)).refused
        assert not (await shop.keeper.put("ours.yaml", WINDOW)).refused
        book, faults = rules_in_force(shop.config, load_before(tmp_path))
        assert ([rule.name for rule in book.rules], faults) == (["window"], [])

    play(tmp_path, scene)


@pytest.mark.parametrize("kept", [b"", b"[]", b'{"/ours.yaml": 1}', b"\xff", b'{"/ours.yaml": "\xff"}'])
def test_where_nothing_that_fits_was_in_force_before_a_file_at_fault_is_told_as_it_lies(
    tmp_path: Path, kept: bytes
) -> None:
    async def scene(shop: Shop) -> None:
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "in-force.json").write_bytes(kept)
        assert load_before(tmp_path) == {}
        shop.file.write_text("\n" + BROKEN, encoding="utf-8")
        attic = b"- {name: up, on: arrived, alert: {group: attic, text: x}}\n"
        with pytest.raises(ConfigError) as refused:
            rules_in_force(shop.config, {shop.file: attic})
        assert [fault.line for fault in refused.value.faults] == [2]

    play(tmp_path, scene)


def test_a_dwell_that_a_new_rule_waits_for_counts_from_when_it_began_and_one_that_is_over_does_not_come(
    tmp_path: Path,
) -> None:
    async def scene(shop: Shop) -> None:
        hear(shop.core, adverts(0, 4, LEVELS["window"]))
        shop.now = shop.core.now
        when, then = "on: {{dwell: {0} s, zone: {{id: pavement}}}}", "alert: {{group: floor, text: x}}"
        rules = [f"- {{{{name: at-{{0}}, {when}, {then}}}}}\n".format(seconds) for seconds in (2, 8)]
        await shop.keeper.put("more.yaml", "".join(rules))
        out = hear(shop.core, adverts(4, 8, LEVELS["window"]))
        assert [row.rule for row in out.decisions] == ["at-8"]

    play(tmp_path, scene)


def test_a_rule_file_with_a_phone_number_is_refused_as_any_text_is() -> None:
    with pytest.raises(RefusedError, match="text: line 2 holds a phone number"):
        refuse_personal_page("text", GREET + "# ask 13812345678\n")
    refuse_personal_page("text", GREET)
