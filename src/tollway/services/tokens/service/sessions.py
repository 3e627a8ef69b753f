"""Sessions: opened, refreshed, exchanged, listed, ended, and their end published."""

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType

from tollway.contracts.clients import ClientRef
from tollway.contracts.errors import SessionEnded, TokenReused
from tollway.contracts.events import SessionOpened, SessionRefreshed, SessionRevoked
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.fabric.feed import BATCH, POLL_S, Feed
from tollway.fabric.retention import delete_in_batches
from tollway.fabric.secrets import Sealer, Secrets
from tollway.kit.errors import Forbidden, Invalid, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.paging import Page, decode_cursor, invalid_cursor, make_page
from tollway.kit.times import MINUTE_US, SECOND_US
from tollway.services.tokens import model, store
from tollway.services.tokens.model import IssuerNames, RefreshCheck, Revocation, UserSession
from tollway.services.tokens.service.keys import KeyRing
from tollway.services.tokens.settings import TokensSettings

# A cookie is exchanged often; that it was used is written down this often.
TOUCH_EVERY_US = MINUTE_US


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What the holder of a session gets. Browsers get no refresh token, programs no cookie."""

    session: UserSession
    access_token: str
    expires_at_us: int
    refresh_token: str = ""
    cookie: str = ""
    csrf_token: str = ""


class Tokens:
    """See the package docstring for what the service promises.

    `service_methods` are the methods, `API.Method`, that each service may call by itself.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: TokensSettings,
        secret: bytes,
        service_methods: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._service_methods = service_methods
        self.db = db
        self.names = IssuerNames(settings.issuer, settings.audience)
        derived = Secrets(secret)
        sealer = Sealer(derived.key("signing keys at rest"))
        self.keys = KeyRing(db, clock, sealer, settings.signing_life_s)
        self._settings = settings
        self._clock = clock
        self._refresh_key = derived.key("refresh tokens")
        self._csrf_key = derived.key("csrf tokens")
        poll_s = POLL_S if db.is_shared else None
        self._revocations = Feed(self._revoked_after, lambda entry: entry.sequence, poll_s=poll_s)
        db.when_committed(self._revocations.wake)

    async def start(self) -> None:
        """Make the first keys, or open the present ones. Raises SecretMismatch."""
        await self.keys.maintain()
        await self.keys.open()

    async def stop(self) -> None:
        """Let everybody who follows the stream look once more."""
        self._revocations.wake()

    # ── opening and using a session ─────────────────────────────────────────────────────────────────

    async def open_session(
        self,
        user_id: str,
        client: ClientRef,
        *,
        roles: Sequence[str],
        amr: Sequence[str],
        user_agent: str = "",
        ip: str = "",
    ) -> IssuedTokens:
        """Open a session for a user who has just signed in, and return its tokens. Raises Invalid."""
        if not is_id("usr", user_id):
            raise Invalid("user_id is not a user's id")
        model.check_client(client)
        cookie = secrets.token_urlsafe(32) if client.kind == "browser" else ""
        idle_us, absolute_us = model.limits_us(self._settings, client.kind, roles)
        async with self.db.transaction() as tx:
            session = UserSession(
                id=new_id("ses"),
                user_id=user_id,
                client=client,
                roles=tuple(sorted(roles)),
                amr=tuple(amr),
                auth_time_us=tx.now_us,
                user_agent=model.clean_user_agent(user_agent),
                ip=model.clean_ip(ip),
                created_at_us=tx.now_us,
                last_used_at_us=tx.now_us,
                idle_us=idle_us,
                idle_end_us=tx.now_us + idle_us,
                absolute_end_us=tx.now_us + absolute_us,
                counter=0,
                rotated_at_us=tx.now_us,
                cookie_hash=model.hash_secret(cookie) if cookie else None,
            )
            await store.add_session(tx, session)
            tx.publish(SessionOpened(session_id=session.id, user_id=user_id), actor=user_id)
        return await self._grant(session, cookie)

    async def refresh(self, refresh_token: str) -> IssuedTokens:
        """Give a program new tokens for its refresh token, which is used up then.

        A repeat soon after gets the same successor, for a client that lost the answer. Raises SessionEnded,
        TokenReused (which ends the session), Unauthenticated for anything else.
        """
        held = model.read_refresh(refresh_token, self._refresh_key)
        async with self.db.transaction() as tx:
            session = await store.advance(tx, held.session_id, held.counter)
            reused = False
            if session is not None:
                refreshed = SessionRefreshed(session_id=session.id, user_id=session.user_id)
                tx.publish(refreshed, actor=session.user_id)
            if session is None:
                session = await store.session_by_id(tx, held.session_id)
                check = model.check_unmatched(session, held.counter, tx.now_us)
                if session is None or check is RefreshCheck.ENDED:
                    raise SessionEnded
                reused = check is RefreshCheck.REUSED
                if reused:
                    await self._end(tx, "refresh_token_reused", session_id=session.id)
        if reused:
            self._revocations.wake()
            raise TokenReused
        return await self._grant(session)

    async def exchange_cookie(self, cookie: str) -> IssuedTokens:
        """Give the current access token for a browser's cookie. Raises SessionEnded."""
        async with self.db.snapshot() as tx:
            session = await store.session_by_cookie(tx, model.hash_secret(cookie))
        if session is None or not session.is_active(self._clock.now_us()):
            raise SessionEnded
        if self._clock.now_us() - session.last_used_at_us >= TOUCH_EVERY_US:
            async with self.db.transaction() as tx:
                await store.touch(tx, session.id)
        return await self._grant(session)

    async def _grant(self, session: UserSession, cookie: str = "") -> IssuedTokens:
        claims = model.access_claims(session, self.names, new_id("tok"), self._clock.now_us())
        browser = session.client.kind == "browser"
        return IssuedTokens(
            session=session,
            access_token=await self.keys.sign(claims),
            expires_at_us=claims["exp"] * SECOND_US,
            refresh_token=""
            if browser
            else model.write_refresh(session.id, session.counter, self._refresh_key),
            cookie=cookie,
            csrf_token=model.mac(self._csrf_key, session.id) if browser else "",
        )

    async def issue_service_token(self, service: str) -> tuple[str, int]:
        """Sign a service's own access token; return it and when it expires. Raises Forbidden."""
        methods = self._service_methods.get(service)
        if not methods:
            raise Forbidden(f"{service or 'an unnamed caller'} calls nothing by itself")
        claims = model.service_claims(service, methods, self.names, new_id("tok"), self._clock.now_us())
        return await self.keys.sign(claims), claims["exp"] * SECOND_US

    # ── listing and ending ──────────────────────────────────────────────────────────────────────────

    async def sessions(self, user_id: str, limit: int, cursor: str) -> Page[UserSession]:
        """List a user's live sessions, newest first."""
        after = decode_cursor(cursor, str)
        async with self.db.snapshot() as tx:
            before = _session_id(after[0]) if after else None
            rows = await store.sessions_of(tx, user_id, before, limit + 1)
        return make_page(rows, limit, lambda session: [session.id])

    async def end_own(self, user_id: str, session_id: str, reason: str) -> None:
        """End one of a user's own sessions. Raises NotFound for another's, or one that has ended."""
        if not is_id("ses", session_id):
            raise NotFound("there is no such session")
        if not await self.revoke(reason, session_id=session_id, user_id=user_id):
            raise NotFound("there is no such session")

    async def revoke(
        self,
        reason: str,
        *,
        session_id: str = "",
        user_id: str = "",
        except_session_id: str = "",
        opened_until_us: int = 0,
    ) -> int:
        """End one session, or all of a user's but one; return how many ended. A repeat ends none.

        `opened_until_us` spares sessions that were opened later, for a call that comes late; 0 spares none.
        """
        if not session_id and not user_id:
            raise Invalid("name a session or a user")
        async with self.db.transaction() as tx:
            ended = await self._end(
                tx,
                reason,
                session_id=session_id,
                user_id=user_id,
                except_session_id=except_session_id,
                opened_until_us=opened_until_us,
            )
        self._revocations.wake()
        return ended

    async def end_all(self, tx: Tx, user_id: str, reason: str) -> None:
        """End every session of a user, in the transaction that says why; the stream is notified at its commit."""
        await self._end(tx, reason, user_id=user_id)

    async def _end(
        self,
        tx: Tx,
        reason: str,
        *,
        session_id: str = "",
        user_id: str = "",
        except_session_id: str = "",
        opened_until_us: int = 0,
    ) -> int:
        ended = await store.end_sessions(
            tx,
            session_id=session_id,
            user_id=user_id,
            except_session_id=except_session_id,
            opened_until_us=opened_until_us,
            reason=reason,
        )
        entries = [(session.id, session.user_id, tx.now_us) for session in ended]
        if not session_id and not except_session_id:
            entries.append(("", user_id, opened_until_us or tx.now_us))
        if entries:
            await store.append_revocations(tx, entries)
        for session in ended:
            tx.publish(SessionRevoked(session_id=session.id, user_id=session.user_id, reason=reason))
        return len(ended)

    # ── the revocation stream ───────────────────────────────────────────────────────────────────────

    async def follow_revocations(self, after: int) -> AsyncGenerator[Revocation, None]:
        """Yield what ended after a number, then what ends as it happens, for ever.

        An entry without ids is a heartbeat and says that everything before it was yielded; it comes whenever
        nothing ended for a while (see `Feed`).
        """
        while entries := await self._revocations.read(after, BATCH, 0):
            for entry in entries:
                after = entry.sequence
                yield entry
        async with aclosing(self._revocations.follow(after)) as batches:
            async for batch in batches:
                for entry in batch or (Revocation(after, "", "", self._clock.now_us()),):
                    after = entry.sequence
                    yield entry

    async def _revoked_after(self, sequence: int, limit: int) -> Sequence[Revocation]:
        async with self.db.snapshot() as tx:
            return await store.revocations_after(tx, sequence, limit)

    # ── housekeeping ────────────────────────────────────────────────────────────────────────────────

    async def maintain(self) -> None:
        """Replace old keys and delete what nobody can ask for any more."""
        await self.keys.maintain()
        now_us = self._clock.now_us()
        await delete_in_batches(self.db, store.revocation, store.old_revocations(now_us))
        await delete_in_batches(self.db, store.session, store.old_sessions(now_us))


def _session_id(part: str) -> str:
    if not is_id("ses", part):
        raise invalid_cursor()
    return part
