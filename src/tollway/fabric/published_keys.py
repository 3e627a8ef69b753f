"""The public keys of the issuer of access tokens, as everybody fetches and keeps them (JWKS, RFC 7517)."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tollway.fabric.clock import Clock
from tollway.kit import tasks
from tollway.kit.errors import Problem, Unauthenticated, Unavailable
from tollway.kit.times import SECOND_US

ALGORITHM = "ES256"
KEYS_MAX_AGE_S = 300  # a key set older than this is fetched anew, in the background
UNKNOWN_KID_PAUSE_S = 30  # how often an unknown `kid` may cause a fetch

_FAILED_FETCH_PAUSE_S = 1
_log = logging.getLogger(__name__)


class PublishedKeys:
    """The issuer's key set: fetched by one task at a time, kept when a fetch fails."""

    def __init__(self, fetch: Callable[[], Awaitable[str]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._by_kid: dict[str, ECKey] | None = None
        self._tried_at_us: int | None = None
        self._failed = False
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> ECKey:
        """Return a key by its name. Raises Unauthenticated when there is none, Unavailable without a key set."""
        if self._by_kid is not None and (key := self._by_kid.get(kid)) is not None:
            if self._age_s() >= (_FAILED_FETCH_PAUSE_S if self._failed else KEYS_MAX_AGE_S):
                self._refresh()
            return key
        if self._refreshing is not None or self._may_ask_again():
            # Shielded: one caller that gives up must not end the fetch that others wait for.
            await asyncio.shield(self._refresh())
        if self._by_kid is None:
            raise Unavailable("the issuer's keys cannot be fetched, so no access token can be checked")
        if (key := self._by_kid.get(kid)) is None:
            raise Unauthenticated("the access token is signed with a key that the issuer does not publish")
        return key

    def _may_ask_again(self) -> bool:
        return self._age_s() >= (_FAILED_FETCH_PAUSE_S if self._failed else UNKNOWN_KID_PAUSE_S)

    def _age_s(self) -> float:
        if self._tried_at_us is None:
            return float("inf")
        age_s = (self._clock.now_us() - self._tried_at_us) / SECOND_US
        return age_s if age_s >= 0 else float("inf")  # the clock was set back

    def _refresh(self) -> asyncio.Task[None]:
        if self._refreshing is None:
            self._tried_at_us = self._clock.now_us()
            self._refreshing = tasks.spawn(self._load(), "fetch the issuer's keys")
        return self._refreshing

    async def _load(self) -> None:
        self._failed = True
        try:
            self._by_kid = _read_jwks(await self._fetch())
            self._failed = False
        except (
            Problem,
            OSError,
            LookupError,
            TypeError,
            AttributeError,
            ValueError,
            RecursionError,
        ) as error:
            _log.warning("the issuer's keys cannot be fetched: %s", error)
        finally:
            self._refreshing = None


def _read_jwks(text: str) -> dict[str, ECKey]:
    """Take the ES256 signature keys out of a JWKS (RFC 7517); other keys are not for us."""
    found: dict[str, ECKey] = {}
    for jwk in json.loads(text)["keys"]:
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256" and jwk.get("alg", ALGORITHM) == ALGORITHM:
            with suppress(JoseError):
                found[str(jwk["kid"])] = ECKey.import_key({**jwk, "use": jwk.get("use", "sig")})
    if not found:
        raise ValueError("the key set holds no ES256 key")
    return found
