"""What staff read: templates in Chinese and English, filled with what staff may see."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from rules.document import did_you_mean
from rules.messages import say
from rules.situation import Situation, Trust
from rules.vocabulary import WHOLE, Vocabulary, attributes, plain

Language = Literal["zh", "en"]

LANGUAGES: tuple[Language, ...] = ("zh", "en")
SEPARATOR = " · "
MAX_TEMPLATE = 300  # characters
MAX_VALUE = 120

_SLOT = re.compile(r"\{([^{}]*)\}")


class Words(NamedTuple):
    """The words of one language."""

    someone: str
    seconds: str
    minutes: str
    often: str
    unverified: str
    somewhere: str
    kinds: Mapping[str, str]  # how a zone without a name of its own is called
    tiers: Mapping[str, str]


_WORDS: dict[Language, Words] = {
    "zh": Words(
        "会员",
        "{} 秒前",
        "{} 分钟前",
        "常看{}",
        "未验证",
        "店内",
        {"door": "门口", "outside": "门外"},
        {"bronze": "铜卡", "silver": "银卡", "gold": "金卡", "platinum": "白金卡", "diamond": "钻石卡"},
    ),
    "en": Words(
        "A member",
        "{} s ago",
        "{} min ago",
        "often at {}",
        "unverified",
        "in the shop",
        {"door": "door", "outside": "outside"},
        {},
    ),
}


class Slot(NamedTuple):
    """A placeholder. `shows` names the attribute that it lets out, `read` gives None where there is none."""

    name: str
    shows: str
    read: Callable[[Situation, Words], object]


def _greeting(situation: Situation, words: Words) -> str:
    return one_line(situation.member.greeting) or words.someone


def _zone(situation: Situation, words: Words) -> str:
    zone = situation.zone
    if zone is None:
        return words.somewhere
    return zone.name if zone.name and zone.name != zone.id else words.kinds.get(zone.kind, zone.id)


def _ago(situation: Situation, words: Words) -> str:
    seconds = max(1, round(situation.decided - situation.t))
    return words.seconds.format(seconds) if seconds < 120 else words.minutes.format(seconds // 60)


def _tier(situation: Situation, words: Words) -> str | None:
    tier = situation.member.attributes.get("tier")
    return words.tiers.get(tier, tier) if isinstance(tier, str) else None


def _shelf(situation: Situation, words: Words) -> str | None:
    favourites = attributes(situation).get("favourite_zones")
    if not isinstance(favourites, list | tuple) or not favourites or not isinstance(favourites[0], str):
        return None
    return words.often.format(situation.store.zone_names.get(favourites[0], favourites[0]))


def _verified(situation: Situation, words: Words) -> str | None:
    return words.unverified if situation.trust is Trust.HINT else None


PLACEHOLDERS: dict[str, Slot] = {
    slot.name: slot
    for slot in (
        Slot("greeting", "greeting", _greeting),
        Slot("note", "note", lambda situation, words: situation.member.note),
        Slot("zone", "", _zone),
        Slot("ago", "", _ago),
        Slot("tier", "tier", _tier),
        Slot("shelf", "favourite_zones", _shelf),
        Slot("points", "points", lambda situation, words: situation.member.attributes.get("points")),
        Slot("balance", "balance", lambda situation, words: situation.member.attributes.get("balance")),
        Slot("verified", "", _verified),
    )
}


def _own(name: str, vocabulary: Vocabulary) -> Slot | None:
    """Make the slot of an attribute or a fact that only this shop knows; no other name is for staff."""
    path = vocabulary.parse_path(name)
    if path is None or path.kind == WHOLE or not (path.fact or (path.keys and path.word == "member.attributes")):
        return None
    return Slot(name, path.attribute or "", lambda situation, words: path.read(situation))


class Problem(NamedTuple):
    offset: int
    message: str


class Template(NamedTuple):
    """Segments of text and slots. A segment that has an empty slot drops out."""

    segments: tuple[tuple[str | Slot, ...], ...]

    @property
    def shows(self) -> frozenset[str]:
        slots = (part for segment in self.segments for part in segment if isinstance(part, Slot))
        return frozenset(slot.shows for slot in slots if slot.shows)

    @property
    def reads_facts(self) -> bool:
        slots = (part for segment in self.segments for part in segment if isinstance(part, Slot))
        return any(slot.name.startswith("facts.") for slot in slots)

    def fill(self, situation: Situation, language: Language) -> str:
        words = _WORDS[language]
        filled = (_fill(segment, situation, words) for segment in self.segments)
        return SEPARATOR.join(segment for segment in filled if segment)


def parse_template(text: str, vocabulary: Vocabulary | None = None) -> Template | list[Problem]:
    """Read a text with placeholders such as `{greeting}`."""
    vocabulary = vocabulary or Vocabulary()
    problems = [*_too_long(text), *_stray_braces(text), *_unknown_slots(text, vocabulary)]
    return problems or Template(tuple(_segment(segment, vocabulary) for segment in text.split(SEPARATOR)))


def _too_long(text: str) -> Iterator[Problem]:
    if len(text) > MAX_TEMPLATE:
        yield Problem(0, say("the text is longer than {most} characters", most=MAX_TEMPLATE))


def _stray_braces(text: str) -> Iterator[Problem]:
    rest = _SLOT.sub(lambda match: " " * len(match[0]), text)
    for match in re.finditer(r"[{}]", rest):
        example = "{greeting}"
        yield Problem(
            match.start(),
            say(
                "a single {brace} stands here, a placeholder is such as {example}",
                brace=repr(match[0]),
                example=example,
            ),
        )


def _unknown_slots(text: str, vocabulary: Vocabulary) -> Iterator[Problem]:
    for match in _SLOT.finditer(text):
        if _slot(match[1], vocabulary) is None:
            yield Problem(match.start(), _unknown(match[1], vocabulary))


def _unknown(name: str, vocabulary: Vocabulary) -> str:
    known = ", ".join(f"{{{slot}}}" for slot in PLACEHOLDERS)
    shown = one_line(f"{{{name}}}")
    path = vocabulary.parse_path(name)
    if path and not path.fact:
        return say("{name} is not for staff to read, expected one of {known}", name=shown, known=known)
    if name.partition(".")[0] in vocabulary.lacking:
        return vocabulary.unknown(name)
    if name.startswith("facts.") and vocabulary.declared:
        return vocabulary.unknown_part(path) if path else vocabulary.unknown(name)
    hint = did_you_mean(name, PLACEHOLDERS)
    return say("unknown placeholder {name}{hint}, expected one of {known}", name=shown, hint=hint, known=known)


def _slot(name: str, vocabulary: Vocabulary) -> Slot | None:
    return _own(name, vocabulary) if name in vocabulary.lacking else PLACEHOLDERS.get(name) or _own(name, vocabulary)


def _segment(text: str, vocabulary: Vocabulary) -> tuple[str | Slot, ...]:
    parts = (_slot(part, vocabulary) if index % 2 else part for index, part in enumerate(_SLOT.split(text)))
    return tuple(part for part in parts if part)


def _fill(segment: tuple[str | Slot, ...], situation: Situation, words: Words) -> str:
    filled = ""
    for part in segment:
        text = part if isinstance(part, str) else one_line(part.read(situation, words))
        if not text:
            return ""
        filled += text
    return filled


def one_line(value: object) -> str:
    """Write a value for staff: one line, bounded, without what could steer a terminal or a screen."""
    if isinstance(value, list | tuple):
        value = ", ".join(item for item in value if isinstance(item, str))
    value = plain(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    text = "".join(character if character.isprintable() else " " for character in str(value)[: 2 * MAX_VALUE])
    return " ".join(text.split())[:MAX_VALUE]


def greeting(situation: Situation, language: Language) -> str:
    """Return the greeting that the member chose, or what stands for it."""
    return _greeting(situation, _WORDS[language])
