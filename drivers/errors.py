"""Why a radio does not hear, as its driver found out and reports it."""

from __future__ import annotations

from drivers.driver import RadioState


class RadioError(Exception):
    """A radio that cannot be used now; `reason` is in plain words and says nothing of what was heard."""

    def __init__(self, state: RadioState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason
