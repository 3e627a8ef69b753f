"""The signing keys: generated here, stored sealed, published as a JWKS, replaced every month.

A key is `next` before it is `active`, so that verifiers know it before the first token signed with it, and
`retired` for as long as such a token may still run. The name of a key is its thumbprint (RFC 7638).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from joserfc import jws
from joserfc.jwk import ECKey

from tollway.contracts.events import SigningKeyRevoked, SigningKeyRotated
from tollway.fabric.access_tokens import ACCESS_TTL_S, LEEWAY_S, TOKEN_TYPE
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.fabric.published_keys import ALGORITHM, KEYS_MAX_AGE_S
from tollway.fabric.secrets import SealBroken, Sealer
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.times import MINUTE_US, SECOND_US
from tollway.services.tokens import store
from tollway.services.tokens.model import KeyState, SigningKey

# Three times what a verifier may hold on to its set.
PUBLISHED_AHEAD_US = 15 * MINUTE_US
# A token signed in the last moment, the leeway, a verifier's old set, and a minute.
RETIRED_KEPT_US = (ACCESS_TTL_S + LEEWAY_S + KEYS_MAX_AGE_S + 60) * SECOND_US
# Another replica may change keys; this is how long this one may not know.
REREAD_EVERY_US = 5 * SECOND_US


class SecretMismatch(Exception):
    """The signing keys cannot be opened with this secret; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class _Signer:
    kid: str
    key: ECKey
    read_at_us: int


class KeyRing:
    """Signs access tokens and publishes the keys to check them with."""

    def __init__(self, db: Database, clock: Clock, sealer: Sealer, key_life_s: int) -> None:
        self._db = db
        self._clock = clock
        self._sealer = sealer
        self._life_us = key_life_s * SECOND_US
        self._signer: _Signer | None = None

    async def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed access token (RFC 9068). Raises SecretMismatch."""
        signer = await self._current()
        header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": signer.kid}
        return jws.serialize_compact(header, json.dumps(claims, separators=(",", ":")), signer.key)

    async def open(self) -> None:
        """Make sure that the signing key can be used. Raises SecretMismatch."""
        await self._current()

    async def jwks(self) -> str:
        """Return the public keys as a JWKS document (RFC 7517)."""
        await self._current()
        async with self._db.snapshot() as tx:
            rows = await store.keys(tx)
        return json.dumps({"keys": [row.public_jwk for row in rows]})

    async def maintain(self) -> None:
        """Replace the active key when it is old, and drop what is retired for long. Run it now and then."""
        async with self._db.transaction() as tx:
            await store.lock_keys(tx)
            keys = await self._complete(tx)
            for row in await store.keys(tx):
                if row.state == "retired" and row.since_us + RETIRED_KEPT_US <= tx.now_us:
                    await store.delete_key(tx, row.kid)
            if self._is_time(keys, tx.now_us):
                await self._rotate(tx, keys["active"], keys["next"])
        self._signer = None

    async def list(self) -> Sequence[SigningKey]:
        """Return every key that is published, the oldest first."""
        await self._current()
        async with self._db.snapshot() as tx:
            return await store.keys(tx)

    async def rotate(self) -> None:
        """Make the next key the active one now. Raises Conflict while verifiers may not know it yet."""
        async with self._db.transaction() as tx:
            await store.lock_keys(tx)
            keys = await self._complete(tx)
            if keys["next"].created_at_us + PUBLISHED_AHEAD_US > tx.now_us:
                raise Conflict("the next key was published less than 15 minutes ago; try again later")
            await self._rotate(tx, keys["active"], keys["next"])
        self._signer = None

    async def revoke(self, kid: str) -> None:
        """Stop publishing a key at once: it was stolen. Raises NotFound.

        The revocation stream announces it, so tokens signed with it fail within a second wherever the stream is
        followed, and when verifiers fetch the key set anew, five minutes at most, where it is broken.
        """
        async with self._db.transaction() as tx:
            await store.lock_keys(tx)
            if not await store.delete_key(tx, kid):
                raise NotFound("there is no such signing key")
            await store.append_revoked_key(tx, kid)
            tx.publish(SigningKeyRevoked(kid=kid))
            keys = await _by_state(tx)
            if "active" not in keys and "next" in keys:
                await store.set_key_state(tx, keys["next"].kid, "active")
            await self._complete(tx)
        self._signer = None

    async def _current(self) -> _Signer:
        now_us = self._clock.now_us()
        if self._signer is None or now_us - self._signer.read_at_us > REREAD_EVERY_US:
            self._signer = await self._read_active(now_us)
        return self._signer

    async def _read_active(self, now_us: int) -> _Signer:
        async with self._db.snapshot() as tx:
            row = await store.active_key(tx)
        if row is None:
            async with self._db.transaction() as tx:
                await store.lock_keys(tx)
                row = (await self._complete(tx))["active"]
        if self._signer is not None and self._signer.kid == row.kid:
            return _Signer(row.kid, self._signer.key, now_us)
        return _Signer(row.kid, self._open(row), now_us)

    def _is_time(self, keys: dict[str, SigningKey], now_us: int) -> bool:
        used_us, known_us = now_us - keys["active"].since_us, now_us - keys["next"].created_at_us
        return used_us >= self._life_us and known_us >= PUBLISHED_AHEAD_US

    async def _complete(self, tx: Tx) -> dict[str, SigningKey]:
        """Return the current keys; a missing active or next one is generated."""
        keys = await _by_state(tx)
        for state in ("active", "next"):
            if state not in keys:
                keys[state] = await self._add(tx, state)
        return keys

    async def _rotate(self, tx: Tx, active: SigningKey, waiting: SigningKey) -> None:
        await store.set_key_state(tx, active.kid, "retired")
        await store.set_key_state(tx, waiting.kid, "active")
        await self._add(tx, "next")
        tx.publish(SigningKeyRotated(kid=waiting.kid))

    async def _add(self, tx: Tx, state: KeyState) -> SigningKey:
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        kid = key.thumbprint()
        sealed = self._sealer.seal(key.as_pem(private=True), kid)
        public = cast("dict[str, Any]", key.as_dict(private=False)) | {"kid": kid}
        made = SigningKey(kid, state, public, sealed, tx.now_us, tx.now_us)
        await store.add_key(tx, made)
        return made

    def _open(self, row: SigningKey) -> ECKey:
        try:
            return ECKey.import_key(self._sealer.open(row.sealed, row.kid))
        except SealBroken as error:
            raise SecretMismatch(
                f"the signing key {row.kid} cannot be opened: {error}; or delete the rows of signing_key to start "
                "with new keys (every session then has to refresh)"
            ) from error


async def _by_state(tx: Tx) -> dict[str, SigningKey]:
    """Give the current keys; of the retired ones only the last."""
    return {key.state: key for key in await store.keys(tx)}
