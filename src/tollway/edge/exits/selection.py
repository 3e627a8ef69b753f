"""Which exit a flow leaves through: a healthy one that serves its preferences, for the same label the same again."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import count

from tollway.edge.exits import Exit, ExitPreferences
from tollway.edge.refusal import NO_EXIT, Refusal


class ExitSelection:
    """The exits of a node."""

    def __init__(self, exits: Sequence[Exit]) -> None:
        self._exits = exits
        self._turn = count()

    def select(self, resource_id: str, preferences: ExitPreferences) -> Exit | Refusal:
        """Return the exit for a flow of this resource: by turns, or by its label as long as that exit is healthy."""
        if len(self._exits) == 1:
            (only,) = self._exits
            return only if only.serves(preferences) else NO_EXIT
        serving = [each for each in self._exits if each.serves(preferences)]
        if not serving:
            return NO_EXIT
        healthy = [each for each in serving if each.provider.healthy] or serving
        if not preferences.label:
            return healthy[next(self._turn) % len(healthy)]
        # Rendezvous hashing: when an exit comes or goes, only the labels that were on it move.
        label = f"{resource_id}\0{preferences.label}\0"
        return max(healthy, key=lambda each: blake2b((label + each.name).encode(), digest_size=8).digest())
