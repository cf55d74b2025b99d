"""A core that is recorded, and what its journal gives when it is played again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from virtual_core import CONFIG, a_member

from gateway.assembly import make_recorded_core
from gateway.commandline.replaying import Played
from gateway.configuration.config import Config
from gateway.core import Core
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import Input
from gateway.events import Outcome
from gateway.identity.member import Member
from gateway.identity.recognition import Register
from gateway.journal.entries import Entry, decode, encode
from gateway.journal.recorder import Recorder
from gateway.journal.shop import Shop
from rules.document import Faults
from rules.loader import load_rules

KEY = bytes(32)
RUN = b"\0\0\0\0\0\0\0\1"
TEXT = """\
store: {id: lilac-01, timezone: Asia/Shanghai}
gateway: {id: door-pi}
mqtt: {url: "mqtt://127.0.0.1"}
receivers:
  - {id: door, driver: ble}
  - {id: shelf, driver: ble}
  - {id: guest, driver: hostapd, control: /run/hostapd/wlan0}
zones:
  - {id: pavement, kind: outside, hear: [{receiver: door, at_least: -88}]}
  - {id: entrance, kind: door, hear: [{receiver: door, at_least: -70}]}
  - {id: shoes, kind: shelf, hear: [{receiver: shelf, at_least: -70}]}
  - {id: floor, kind: inside, hear: [{receiver: guest}]}
rules: [returning-member, window-regular, window-occasional]
"""


def a_recorded_core(*members: Member, config: Config = CONFIG) -> tuple[Core, Recorder]:
    """Return a core of the usual shop, and what records it; nothing is recorded before it is opened."""
    rules = load_rules(config.rule_files, Faults(), {"floor"}, {zone.id for zone in config.zones})
    register = Register()
    for member in members or (a_member(),):
        register.put(member)
    return make_recorded_core(config, rules, register, Identifiers(KEY, RUN))


def open_journal(recorder: Recorder, t: float, config: Config = CONFIG) -> None:
    """Let the recorder begin, with the texts of the usual shop."""
    recorder.open(t, RUN, TEXT, [(str(file), file.read_text()) for file in config.rule_files])


class Lines(Played):
    """A journal that is in no file."""

    def __init__(self, entries: Iterable[Entry | Input]) -> None:
        self._entries = list(entries)
        self._path = Path("lines")
        self.key = KEY
        self.begun = self._entries[0]  # type: ignore[assignment]
        self.shop = Shop.of(self.begun)

    def entries(self) -> Iterable[Entry | Input]:  # type: ignore[override]
        return iter(self._entries)


def played(entries: Iterable[Entry | Input]) -> Outcome:
    """Return all that a journal gives, once it was bytes."""
    whole = Outcome()
    for outcome in Lines(decode(encode(list(entries)))).outcomes():
        whole.merge(outcome)
    return whole
