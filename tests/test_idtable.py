from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.identity.idtable import NOBODY, IdTable

IDS = st.integers(2, 40) | st.integers(2, 2**64 - 1)
NUMBERS = st.integers(0, 5)


class Model(RuleBasedStateMachine):
    """The table answers as a dictionary does, where two numbers for one id make it nobody's."""

    def __init__(self) -> None:
        super().__init__()
        self.table = IdTable(3)
        self.model: dict[int, int] = {}

    @rule(identity=IDS, number=NUMBERS)
    def put(self, identity: int, number: int) -> None:
        self.table.put(identity, number)
        self.model[identity] = number if self.model.get(identity, number) == number else NOBODY

    @rule(identity=IDS, number=NUMBERS)
    def remove(self, identity: int, number: int) -> None:
        self.table.remove(identity, number)
        if self.model.get(identity) == number:
            del self.model[identity]

    @rule(identity=IDS)
    def get(self, identity: int) -> None:
        assert self.table.get(identity) == self.model.get(identity)

    @invariant()
    def all_there(self) -> None:
        assert {identity: self.table.get(identity) for identity in self.model} == self.model


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_the_two_ids_that_mean_an_empty_place_are_nobodys() -> None:
    table = IdTable(1)
    for identity in (0, 1):
        table.put(identity, 7)
        table.remove(identity, 7)
        assert table.get(identity) is None


def test_a_removed_id_leaves_nothing_of_itself() -> None:
    table = IdTable(4)
    table.put(0x1122334455667788, 3)
    table.remove(0x1122334455667788, 3)
    assert 0x1122334455667788 not in table._ids
