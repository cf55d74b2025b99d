"""How long to wait before the next attempt to reach a broker, and before looking for a better one."""

from __future__ import annotations

from dataclasses import dataclass

RETURN_S = 600.0
"""How often, at most, a gateway on another broker looks whether a preferred one takes it again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: doubled each time up to the longest, half of it left to chance."""

    first_s: float = 0.5
    longest_s: float = 30.0

    def delay(self, attempt: int, chance: float) -> float:
        """Return seconds for an attempt, counted from 0; `chance` is from 0 to 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(attempt, 30)) * (0.5 + chance / 2)


def return_delay(chance: float) -> float:
    """Return seconds until a preferred broker is tried again; `chance`, from 0 to 1, keeps a chain's gateways apart."""
    return RETURN_S * (0.5 + chance / 2)
