"""What became of the offers to one member, and how much rarer one comes that is not redeemed.

Laws: an offer counts once. Two of one id in a row that were not redeemed halve its rate, down to an eighth; one that is
redeemed, late too, makes it whole again.

    sent --shown--> shown
    sent, shown --dismissed--> dismissed, not redeemed
    sent, shown --its time is over--> missed, not redeemed
    sent, shown, dismissed, missed --redeemed--> redeemed

Whatever else is said changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Word = Literal["shown", "redeemed", "dismissed"]
State = Literal["sent", "shown", "dismissed", "missed", "redeemed"]

DAY_S = 86400.0
IN_A_ROW = 2
MOST_HALVINGS = 3
LATE_S = 7 * DAY_S  # how long after its time a redemption still counts
REMEMBERED_S = 90 * DAY_S  # since it was last sent; then an offer begins anew
MOST_SENT = 64

Json = Any

_TURNS: dict[tuple[State, Word | Literal["missed"]], State] = {
    ("sent", "shown"): "shown",
    ("sent", "dismissed"): "dismissed",
    ("shown", "dismissed"): "dismissed",
    ("sent", "missed"): "missed",
    ("shown", "missed"): "missed",
    ("sent", "redeemed"): "redeemed",
    ("shown", "redeemed"): "redeemed",
    ("dismissed", "redeemed"): "redeemed",
    ("missed", "redeemed"): "redeemed",
}


@dataclass(slots=True)
class _Sent:
    offer: str
    t: float
    expires: float
    state: State = "sent"


@dataclass(slots=True)
class _Record:
    """Of an offer that was not redeemed: when it was last sent, and how often it was not since the last halving."""

    last: float
    misses: int = 0
    halvings: int = 0

    def miss(self) -> None:
        self.misses += 1
        if self.misses == IN_A_ROW:
            self.misses = 0
            self.halvings = min(self.halvings + 1, MOST_HALVINGS)


@dataclass(slots=True)
class Offers:
    """Those sent, by feedback token, the oldest first; and the records, by the offer's id. Times are epoch seconds."""

    sent: dict[str, _Sent] = field(default_factory=dict)
    records: dict[str, _Record] = field(default_factory=dict)

    def trigger(self, feedback: str, offer: str, t: float, expires: float) -> None:
        """Note that an offer was sent; one whose token is known was noted already."""
        self.sent.setdefault(feedback, _Sent(offer, t, expires))
        while len(self.sent) > MOST_SENT:
            del self.sent[next(iter(self.sent))]
        if offer in self.records:
            self.records[offer].last = t

    def tell(self, feedback: str, word: Word, t: float) -> bool:
        """Take what became of an offer; tell whether that is news."""
        self.settle(t)
        return feedback in self.sent and self._turn(self.sent[feedback], word)

    def settle(self, t: float) -> None:
        """Let time pass to `t`: what was not redeemed in its time is missed, what is long over is forgotten."""
        for sent in sorted(self.sent.values(), key=lambda sent: sent.expires):
            if sent.expires <= t:
                self._turn(sent, "missed")
        for feedback in [feedback for feedback, sent in self.sent.items() if sent.expires + LATE_S <= t]:
            del self.sent[feedback]
        for offer in [offer for offer, record in self.records.items() if record.last + REMEMBERED_S <= t]:
            del self.records[offer]

    def _turn(self, sent: _Sent, word: Word | Literal["missed"]) -> bool:
        state = _TURNS.get((sent.state, word))
        if state is None:
            return False
        sent.state = state
        if state == "redeemed":
            self.records.pop(sent.offer, None)
        elif state != "shown":
            self._miss(sent)
        return True

    def _miss(self, sent: _Sent) -> None:
        record = self.records.setdefault(sent.offer, _Record(sent.t))
        record.last = max(record.last, *(each.t for each in self.sent.values() if each.offer == sent.offer))
        record.miss()

    @property
    def until(self) -> float:
        """When nothing of this matters any more."""
        unsettled = (REMEMBERED_S + sent.t for sent in self.sent.values() if sent.state in ("sent", "shown"))
        late = (sent.expires + LATE_S for sent in self.sent.values())
        remembered = (record.last + REMEMBERED_S for record in self.records.values())
        return max((*unsettled, *late, *remembered), default=-math.inf)

    def redate(self, by_s: float) -> None:
        for sent in self.sent.values():
            sent.t += by_s
            sent.expires += by_s
        for record in self.records.values():
            record.last += by_s

    def as_json(self) -> Json:
        sent = {feedback: [sent.offer, sent.t, sent.expires, sent.state] for feedback, sent in self.sent.items()}
        records = {offer: [record.last, record.misses, record.halvings] for offer, record in self.records.items()}
        return {"sent": sent, "records": records}

    @classmethod
    def load(cls, value: Json) -> Offers:
        """Take back what `as_json` gave. Raises ValueError, TypeError, KeyError or AttributeError for anything else."""
        made = cls()
        for feedback, (offer, t, expires, state) in value["sent"].items():
            if state not in get_args(State):
                raise ValueError(state)
            made.sent[feedback] = _Sent(str(offer), float(t), float(expires), state)
        for offer, (last, misses, halvings) in value["records"].items():
            made.records[offer] = _Record(float(last), int(misses), int(halvings))
        return made
