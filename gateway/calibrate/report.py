"""What a walk showed, in lines for the installer: levels, pictures, and zones that cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.calibrate.levels import hears
from gateway.calibrate.overlap import ALIKE, CLOSE, Contrast, contrasts
from gateway.calibrate.picture import MOST_BEHIND_DB, WEAKEST_DBM, draw
from gateway.calibrate.survey import Survey
from gateway.calibrate.trial import play
from gateway.configuration.config import Hear, Zone
from rules.messages import say as told


def report(before: Sequence[Zone], after: Sequence[Zone], survey: Survey, receivers: Sequence[str]) -> Iterator[str]:
    """Say what was heard where, how the zones overlap under the levels proposed, and what to do where they do."""
    found = list(contrasts(after, survey, receivers))
    for receiver in receivers:
        yield ""
        yield from _picture(after, survey, receiver)
    for contrast in found:
        if len(contrast.receivers) > 1 and contrast.confused >= CLOSE:
            yield ""
            yield from _comparison(contrast)
    yield ""
    for receiver in receivers:
        yield from _levels(after, survey, receiver)
    yield ""
    yield from _verdicts(found)
    yield from _trial(before, after, survey)


def _picture(zones: Sequence[Zone], survey: Survey, receiver: str) -> Iterator[str]:
    yield told("What {receiver} hears (dBm); | is where a zone begins:", receiver=receiver)
    rows = {zone.id: [level for (level,) in survey.seconds(zone.id, [receiver])] for zone in zones}
    lines = [hear.at_least - hear.offset for _, hear in _entries(zones, receiver) if hear.at_least is not None]
    yield from draw(rows, lines, WEAKEST_DBM)


def _comparison(contrast: Contrast) -> Iterator[str]:
    louder, quieter = contrast.receivers
    yield told("How much louder {one} is than {other} (dB):", one=louder, other=quieter)
    rows = {contrast.zone: contrast.louder, contrast.other: contrast.quieter}
    yield from draw(rows, [contrast.line], MOST_BEHIND_DB)


def _entries(zones: Sequence[Zone], receiver: str) -> Iterator[tuple[Zone, Hear]]:
    for zone in zones:
        if hears(zone, receiver):
            yield from ((zone, hear) for hear in zone.hear if hear.receiver == receiver)


def _levels(zones: Sequence[Zone], survey: Survey, receiver: str) -> Iterator[str]:
    for zone, hear in _entries(zones, receiver):
        place = {"zone": zone.id, "receiver": receiver}
        middle, edge = (survey.level(zone.id, spot, receiver) for spot in ("middle", "edge"))
        if middle is None:
            yield told(
                "{zone}: {receiver} heard too little there, its level is left; see that it hears (hushbell watch)",
                **place,
            )
            continue
        heard = told("{zone} at {receiver}: {level:.0f} dBm in the middle", **place, level=middle.centre)
        heard += told(", {level:.0f} at the edge", level=edge.centre) if edge else ""
        heard += told(", a body takes {db:.0f} dB", db=middle.body_db) if middle.body_db is not None else ""
        yield f"{heard}: at_least {hear.at_least:g}" + (f", offset {hear.offset:g}" if hear.offset else "")


def _verdicts(found: Sequence[Contrast]) -> Iterator[str]:
    """Say of each two zones whether they can be told apart; the worst first."""
    for contrast in sorted(found, key=lambda contrast: -contrast.confused):
        zones = {"one": contrast.zone, "other": contrast.other, "share": contrast.confused}
        if contrast.confused < ALIKE:
            if contrast.confused >= CLOSE:
                yield told(
                    "{one} and {other} can be told apart, with {share:.0%} of seconds on the wrong side", **zones
                )
            continue
        yield told("{one} and {other} CANNOT be told apart: {share:.0%} of seconds on the wrong side", **zones)
        yield "  " + _advice(contrast)
    if found and all(contrast.confused < CLOSE for contrast in found):
        yield told("All zones that were heard can be told apart.")


def _advice(contrast: Contrast) -> str:
    if len(contrast.receivers) == 1:
        return told(
            "Both are as loud at {receiver}, and a body takes as much as a few steps: give one of them a receiver of "
            "its own, or make them one zone.",
            receiver=contrast.receivers[0],
        )
    one, other = contrast.receivers
    return told(
        "{one} and {other} hear both alike: move them further apart, each to chest height in the midst of its zone, or "
        "make the two one zone.",
        one=one,
        other=other,
    )


def _trial(before: Sequence[Zone], after: Sequence[Zone], survey: Survey) -> Iterator[str]:
    was, will = play(before, survey), play(after, survey)
    if will.seconds:
        yield told("The right zone on this walk: {was} of the time as set now, {will} as proposed", was=was, will=will)
    if will.right < was.right:
        yield told("What is set now did better on this walk: keep it, or walk again.")
