"""Accounts as the platform and its operators see them."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tollway.contracts import tokens_pb2
from tollway.contracts.events import (
    EmailVerified,
    PasswordChanged,
    UserDeleted,
    UserRegistered,
    UserRolesChanged,
    UserStateChanged,
)
from tollway.contracts.permissions import OPERATOR_ROLES, Role, rank
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Forbidden, Invalid, NotFound
from tollway.kit.ids import is_id
from tollway.kit.paging import Page, decode_cursor, invalid_cursor, make_page
from tollway.kit.times import DAY_US
from tollway.services.identity import store
from tollway.services.identity.model import (
    State,
    User,
    UserFilter,
    UserOrder,
    account_subject,
    address_key,
    read_address,
)
from tollway.services.identity.service.leaving import Leaving
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.passwords import Passwords
from tollway.services.identity.service.signup import new_user

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

BATCH = 100
NEWEST_FIRST = UserOrder()
_STATES: dict[str, State] = {"active": "active", "suspended": "suspended"}


class Accounts:
    """Find, list, sign out, suspend and restore accounts; give them roles; make the first operator's."""

    def __init__(
        self,
        db: Database,
        passwords: Passwords,
        mail: Mail,
        leaving: Leaving,
        tokens: "TokensAsyncStub",
        unverified_kept_days: int,
    ) -> None:
        self._db = db
        self._tokens = tokens
        self._unverified_kept_us = unverified_kept_days * DAY_US
        self._passwords = passwords
        self._mail = mail
        self._leaving = leaving

    async def get(self, user_id: str) -> User:
        """Find an account. Raises NotFound."""
        if is_id("usr", user_id):
            async with self._db.snapshot() as tx:
                if (user := await store.user_by_id(tx, user_id)) is not None:
                    return user
        raise NotFound("there is no such account")

    async def get_by_email(self, email: str) -> User:
        """Find the account of an address. Raises NotFound."""
        if key := address_key(email):
            async with self._db.snapshot() as tx:
                if (user := await store.user_by_key(tx, key)) is not None:
                    return user
        raise NotFound("there is no such account")

    async def list(
        self,
        limit: int,
        cursor: str,
        *,
        email: str = "",
        query: str = "",
        state: State | None = None,
        order: UserOrder = NEWEST_FIRST,
    ) -> Page[User]:
        """List accounts, newest first or in another order, perhaps of one address or one state. Raises Invalid.

        `query` is an account's id, or what its address begins with.
        """
        several = len(order.columns) > 1
        after: Sequence[str] = (
            decode_cursor(cursor, str, str) if several else decode_cursor(cursor, str)
        ) or ()
        if after and order.columns[-1] == "id":
            _user_id(after[-1])
        wanted = query.strip()
        only = UserFilter(
            email_key=read_address(email).key if email else "",
            begins="" if is_id("usr", wanted) else wanted.casefold(),
            user_id=wanted if is_id("usr", wanted) else "",
            state=state,
        )
        async with self._db.snapshot() as tx:
            rows = await store.users(tx, only, order, after, limit + 1)
        return make_page(rows, limit, order.key)

    async def sign_out(
        self, user_id: str, session_id: str, reason: str, actor_roles: Collection[str]
    ) -> None:
        """End a session of an account, or all when none is named. Repeating the latter ends none.

        Raises NotFound for an unknown account, and a session that is not theirs or has ended; Forbidden when the
        account may do more than whoever asks; Unavailable.
        """
        user = await self.get(user_id)
        if rank(user.roles) > rank(actor_roles):
            raise Forbidden("this account may do more than yours: ask an admin")
        request = tokens_pb2.RevokeRequest(
            user_id=user.id, session_id=session_id, reason=f"an operator: {reason}"
        )
        ended = await self._tokens.Revoke(request)
        if session_id and not ended.sessions:
            raise NotFound("there is no such session")

    async def set_state(self, user_id: str, state: str, reason: str, actor: str) -> User:
        """Suspend or restore an account; a suspension ends its sessions. Repeating changes nothing.

        Either stops a deletion that waits. Raises NotFound, Invalid for an unknown state, Conflict when somebody would
        suspend themselves, the account is erased or about to be, or whoever asks is no admin any more.
        """
        wanted = _STATES.get(state)
        if wanted is None:
            raise Invalid.of("state", f"must be one of {', '.join(_STATES)}")
        await self.get(user_id)
        if wanted == "suspended" and actor == user_id:
            raise Conflict("you cannot suspend your own account; ask another operator")
        async with self._db.transaction() as tx:
            await _check_actor(tx, actor, user_id)
            # As it is now: a deletion that was asked for just now would wait on behind the suspension, and end it.
            user = await store.user_by_id(tx, user_id, lock=True)
            if user is None or user.state == "deleted":
                raise Conflict("this account was deleted")
            await self._stop_deletion(tx, user)
            if await store.set_state(tx, user.id, wanted):
                tx.publish(UserStateChanged(user_id=user.id, state=wanted, reason=reason))
                if wanted == "suspended":
                    self._mail.enqueue_session_end(tx, "suspended", user_id=user.id)
        return await self.get(user_id)

    async def set_roles(self, user_id: str, roles: Collection[Role], reason: str, actor: str) -> User:
        """Give an account other roles. Its sessions end, as they carry the old ones. Repeating changes nothing.

        Raises NotFound, Invalid without any role, Conflict for an account that is being deleted or was, when an
        operator would change their own, and when whoever asks is no admin any more: so there is always another admin
        to undo it.
        """
        if not roles:
            raise Invalid.of("roles", "an account needs at least one role")
        user = await self.get(user_id)
        if actor == user_id:
            raise Conflict("you cannot change your own roles; ask another operator")
        if user.state in {"deleting", "deleted"}:
            raise Conflict("this account is being deleted, or was")
        wanted = tuple(sorted(set(roles)))
        if user.roles == wanted:
            return user
        async with self._db.transaction() as tx:
            await _check_actor(tx, actor, user_id)
            if not await store.is_unchanged(tx, user):
                raise Conflict("the account was changed at the same moment; try again")
            await store.set_roles(tx, user.id, wanted)
            tx.publish(UserRolesChanged(user_id=user.id, roles=list(wanted), reason=reason))
            self._mail.enqueue_session_end(tx, "roles_changed", user_id=user.id)
        return await self.get(user_id)

    async def delete_unverified(self) -> None:
        """Remove accounts whose address nobody confirmed in time, some in each transaction."""
        before_us = self._db.clock.now_us() - self._unverified_kept_us
        gone = [""]
        while gone:
            async with self._db.transaction() as tx:
                gone = await store.take_unverified(tx, before_us, BATCH)
                for user_id in gone:
                    tx.publish(UserDeleted(user_id=user_id, reason="never_confirmed"))

    async def ensure_operator(self, email: str, password: str) -> User:
        """Make sure that an address belongs to an operator, and return the account.

        An account that is an admin's already stays as it is, password included. Any other account of this address
        was somebody's own registration: it is taken over with the given password, its sessions and credentials end,
        a deletion that waits is stopped, and a suspension is lifted. Raises Invalid, Unavailable, Conflict while the
        account is erased.
        """
        await self.add_operator(email, password)
        return await self.get_by_email(email)

    async def add_operator(self, email: str, password: str) -> bool:
        """Do what `ensure_operator` does; False when the address is an operator's already. Raises as it does."""
        address = read_address(email)
        async with self._db.snapshot() as tx:
            known = await store.user_by_key(tx, address.key)
        if known is not None and "admin" in known.roles:
            return False
        await self._passwords.check(password, address.email)
        password_hash = await self._passwords.hash(password)
        async with self._db.transaction() as tx:
            fresh = new_user(tx, address, password_hash, verified=True)
            if await store.add_user(tx, fresh):
                tx.publish(UserRegistered(user_id=fresh.id, email=fresh.email))
                tx.publish(EmailVerified(user_id=fresh.id, email=fresh.email))
            operator = await store.user_by_key(tx, address.key)
            assert operator is not None
            if "admin" in operator.roles:
                return False
            if operator.id != fresh.id:
                await self._stop_deletion(tx, operator)
                operator = await store.user_by_id(tx, operator.id, lock=True)
                assert operator is not None, "it was found in this transaction"
                await store.set_password(tx, operator, password_hash, verified=True)
                await store.void_links(tx, operator.id, "password_reset", "verify_email")
                tx.publish(PasswordChanged(user_id=operator.id, at_us=tx.now_us))
                self._mail.enqueue_session_end(tx, "roles_changed", user_id=operator.id)
            roles = sorted({*operator.roles, "admin"})
            await store.set_roles(tx, operator.id, roles)
            tx.publish(UserRolesChanged(user_id=operator.id, roles=roles, reason="an operator"))
            if operator.state == "suspended":
                await store.set_state(tx, operator.id, "active")
                tx.publish(UserStateChanged(user_id=operator.id, state="active", reason="an operator"))
        return True

    async def reset_operator(self, email: str, password: str) -> None:
        """Give an operator another password; the sessions and credentials of the account end, and so does a lock.

        Raises NotFound for an address that is no operator's, Invalid for the password, Conflict, Unavailable.
        """
        operator = await self.get_by_email(email)
        if not OPERATOR_ROLES.intersection(operator.roles):
            raise NotFound(f"{email} is no operator's address; `tollway operator add` makes one")
        await self._passwords.check(password, operator.email)
        password_hash = await self._passwords.hash(password)
        async with self._db.transaction() as tx:
            if not await store.set_password(tx, operator, password_hash, verified=True):
                raise Conflict("the account was changed at the same moment; try again")
            await store.delete_counters(tx, account_subject(operator.email_key))
            await store.void_links(tx, operator.id, "password_reset", "verify_email")
            tx.publish(PasswordChanged(user_id=operator.id, at_us=tx.now_us))
            self._mail.enqueue_notice(tx, operator.id, "password_changed", tx.now_us)
            self._mail.enqueue_session_end(tx, "password_reset", user_id=operator.id)

    async def _stop_deletion(self, tx: Tx, user: User) -> None:
        """Stop the deletion of an account, if it is being deleted. Raises Conflict once it is being erased."""
        if user.state == "deleting" and not await self._leaving.stop(tx, user, "stopped"):
            raise Conflict("this account is being erased")


async def _check_actor(tx: Tx, actor: str, other: str) -> None:
    """Keep two accounts as they are until the commit. Raises Conflict when the first is an admin's no more.

    Their token says that they are, but two admins may take each other's role at the same moment.
    """
    for found in await store.lock_users(tx, {actor, other}):
        if found.id == actor and (found.state != "active" or "admin" not in found.roles):
            raise Conflict("you are not an admin any more")


def _user_id(part: str) -> str:
    if not is_id("usr", part):
        raise invalid_cursor()
    return part
