"""Which retained messages are known, so that what a broker has no more is forgotten."""

from __future__ import annotations

MOST_TOPICS = 10_000


class Retained:
    """Knows the retained topics that came. Those of an earlier session are in doubt until they come again."""

    def __init__(self) -> None:
        self._certain: dict[str, bool] = {}

    def take(self, topic: str, payload: bytes) -> None:
        """Note a message that was published as retained; an empty one takes it back (MQTT 5, section 3.3.1.3)."""
        if not payload:
            self._certain.pop(topic, None)
        elif topic in self._certain or len(self._certain) < MOST_TOPICS:
            self._certain[topic] = True

    def doubt(self) -> None:
        """Hold nothing for certain any more: a new session begins, whose broker will send all that it still has."""
        self._certain = dict.fromkeys(self._certain, False)

    def sweep(self) -> list[str]:
        """Forget what is still in doubt; return it."""
        gone = [topic for topic, certain in self._certain.items() if not certain]
        for topic in gone:
            del self._certain[topic]
        return gone
