"""The answers given under an Idempotency-Key, as a port."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a request was answered, as text. A `status` of -1 is a refusal (`Problem`)."""

    status: int
    body: str


class AnswerStore(Protocol):
    """Keeps the first answer to each request that carries an Idempotency-Key, by principal and key."""

    async def claim(self, principal: str, key: str, request_hash: str) -> StoredAnswer | None:
        """Return the answer that was given under this key, or None when the caller is to do the work now.

        Raises IdempotencyKeyReused for the same key with another request, RequestInProgress while somebody else does
        the work; a claim whose holder died, and does not renew it any more, lapses within seconds.
        """
        ...

    async def renew(self, principal: str, key: str) -> None:
        """Hold a claim for longer, as the work goes on."""
        ...

    async def store(self, principal: str, key: str, answer: StoredAnswer) -> None:
        """Keep the answer to a claimed request."""
        ...

    async def release(self, principal: str, key: str) -> None:
        """Give a claim up, so that a retry does the work."""
        ...
