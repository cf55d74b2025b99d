from uuid import UUID

from gateway.deciding.identifiers import Identifiers

KEY, RUN = bytes(32), b"run-1"


def test_the_same_run_gives_the_same_names() -> None:
    def names() -> list[str]:
        ids = Identifiers(KEY, RUN)
        return [ids.event(1.5), ids.visit(), ids.alert(), ids.feedback()]

    assert names() == names()


def test_another_run_or_another_gateway_gives_other_names() -> None:
    firsts = {Identifiers(key, run).visit() for key in (KEY, b"\1" * 32) for run in (RUN, b"run-2")}
    assert len(firsts) == 4


def test_an_event_id_is_a_uuid_of_version_7_that_begins_with_its_milliseconds() -> None:
    value = UUID(Identifiers(KEY, RUN).event(1763791391.24))
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == 1763791391240


def test_no_two_names_of_a_run_agree() -> None:
    ids = Identifiers(KEY, RUN)
    assert len({ids.event(7.0) for _ in range(10_000)}) == 10_000
