"""Deleting an account: asked for by its owner, waiting for some days in which they may undo it, then for good.

What somebody holds or owes is never guessed about: each service says what stands in the way (`ListObstacles`), when the
deletion is asked for and again when the days are over. Then the account is closed (`erasing`), which nobody can undo,
its owner is notified, and the address becomes free; UserDeleted makes every service erase its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tollway.contracts import notifications_pb2, user_data_pb2
from tollway.contracts.errors import AccountSuspended, DeletionBlocked, LinkInvalid
from tollway.contracts.events import UserDeleted, UserStateChanged
from tollway.contracts.permissions import OPERATOR_ROLES
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.fabric.user_data import UserObstacle, enqueue_erasure
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import new_id
from tollway.kit.times import DAY_US, SECOND_US
from tollway.services.identity import store
from tollway.services.identity.model import Deletion, SignInClient, User, account_subject, hash_secret
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.proof import PasswordProof
from tollway.services.identity.store import deletions

if TYPE_CHECKING:
    from tollway.contracts.notifications_pb2_grpc import NotificationsAsyncStub
    from tollway.contracts.user_data_pb2_grpc import UserDataAsyncStub

ERASE_ACCOUNT = "erase_account"
DeletionMove = Literal["erasing", "erased", "stopped"]
_OPERATOR = UserObstacle(
    kind="operator",
    detail="this is an operator's account; another operator has to take its roles away first",
)


class Leaving:
    """How an account is deleted, and kept after all. `neighbours` are the services that keep something of people."""

    def __init__(
        self,
        db: Database,
        proof: PasswordProof,
        mail: Mail,
        notifications: "NotificationsAsyncStub",
        neighbours: Mapping[str, "UserDataAsyncStub"],
        grace_days: int,
    ) -> None:
        self._db = db
        self._proof = proof
        self._mail = mail
        self._notifications = notifications
        self._neighbours = neighbours
        self.grace_us = grace_days * DAY_US
        self.process = DurableProcess[Deletion, DeletionMove](
            name="deletion",
            db=db,
            job=ERASE_ACCOUNT,
            find=deletions.find,
            state=lambda deletion: deletion.state,
            steps={"waiting": self._close, "erasing": self._say_goodbye},
            move=self._move,
        )

    # ── asking, and thinking better of it ───────────────────────────────────────────────────────────

    async def obstacles(self, user_id: str) -> Sequence[UserObstacle]:
        """Return what stands in the way of deleting an account. Raises Unavailable when a service does not say."""
        async with self._db.snapshot() as tx:
            user = await store.user_by_id(tx, user_id)
        if user is None:
            raise NotFound("there is no such account")
        said = await asyncio.gather(*(self._ask(name, user_id) for name in self._neighbours))
        own = [_OPERATOR] if OPERATOR_ROLES.intersection(user.roles) else []
        return [*own, *(one for some in said for one in some)]

    async def begin(
        self, user_id: str, session_id: str, password: str, client: SignInClient, *, forfeit: bool
    ) -> int:
        """Have an account deleted; return when it will be erased. Its sessions and accesses end at once.

        `forfeit`: its owner gives up what it holds now, and what is left of that then. Raises Forbidden for a wrong
        password, AccountLocked, AccountSuspended, DeletionBlocked with what stands in the way, Conflict, Unavailable.
        """
        async with self._db.snapshot() as tx:
            user = await store.user_by_id(tx, user_id)
        if user is None:
            raise NotFound("there is no such account")
        if user.state == "suspended":
            raise AccountSuspended
        await self._proof.check(user, session_id, password, client)
        if user.state != "active":
            raise Conflict("this account is being deleted already")
        found = await self.obstacles(user_id)
        if blocking := [one for one in found if not (forfeit and one.forfeitable)]:
            raise _blocked(blocking)
        async with self._db.transaction() as tx:
            if not await store.is_unchanged(tx, user):
                raise Conflict("the account was changed at the same moment; try again")
            erase_at_us = tx.now_us + self.grace_us
            asked = Deletion(
                new_id("del"),
                user.id,
                forfeit,
                "waiting",
                tx.now_us,
                erase_at_us,
                tx.now_us,
                {one.asset: one.amount for one in found},
            )
            await deletions.add(tx, asked)
            await store.set_state(tx, user.id, "deleting")
            tx.publish(UserStateChanged(user_id=user.id, state="deleting", reason="asked"), actor=user.id)
            await store.void_links(tx, user.id, "change_email", "password_reset", "keep_account")
            await self._mail.enqueue_keep_link(tx, user, erase_at_us)
            self._mail.enqueue_session_end(tx, "deleting", user_id=user.id)
            due_in_s = self.grace_us / SECOND_US
            tx.enqueue(ERASE_ACCOUNT, {"id": asked.id}, due_in_s=due_in_s, unique=asked.id)
        return erase_at_us

    async def keep(self, token: str) -> None:
        """Keep an account after all, with the token of the mail. Raises LinkInvalid, also once it is being erased."""
        async with self._db.transaction() as tx:
            link = await store.take_link(tx, hash_secret(token), "keep_account")
            user = None if link is None else await store.user_by_id(tx, link.user_id)
            if user is None or not await self.stop(tx, user, "kept"):
                raise LinkInvalid

    async def keep_by_sign_in(self, user: User) -> User:
        """Keep the account of somebody who has just proven that it is theirs, and return it."""
        async with self._db.transaction() as tx:
            await self.stop(tx, user, "kept")
            found = await store.user_by_id(tx, user.id)
        assert found is not None, "accounts are never removed once they were confirmed"
        return found

    async def erase_at_us(self, user_id: str) -> int:
        """Return when an account will be erased; 0 when it will not."""
        async with self._db.snapshot() as tx:
            asked = await deletions.of_user(tx, user_id)
        return asked.erase_at_us if asked is not None and asked.state in {"waiting", "erasing"} else 0

    async def is_erasing(self, user_id: str) -> bool:
        """Return whether an account is being erased, which nobody can undo."""
        async with self._db.snapshot() as tx:
            asked = await deletions.of_user(tx, user_id)
        return asked is not None and asked.state == "erasing"

    async def stop(self, tx: Tx, user: User, to: Literal["kept", "stopped"]) -> bool:
        """Undo a deletion that still waits: the account is active again. False when there is none to undo."""
        # The account is locked before its deletion, here and in `_move`, and what is no deletion's is not undone by it.
        found = await store.user_by_id(tx, user.id, lock=True)
        if found is None or found.state != "deleting":
            return False
        asked = await deletions.of_user(tx, user.id)
        if asked is None or asked.state != "waiting" or not await deletions.move(tx, asked, to):
            return False
        await store.void_links(tx, user.id, "keep_account")
        await store.set_state(tx, user.id, "active")
        # Whoever keeps an account has its link or its password; who stops it is the caller.
        actor = user.id if to == "kept" else ""
        tx.publish(UserStateChanged(user_id=user.id, state="active", reason=f"deletion_{to}"), actor=actor)
        self._mail.enqueue_notice(tx, user.id, f"deletion_{to}", tx.now_us)
        return True

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    async def resume(self) -> None:
        """Take up deletions that are due and that no job took to their end."""
        await self.process.resume(deletions.due)

    async def _close(self, asked: Deletion) -> DeletionMove | None:
        if self._db.clock.now_us() < asked.erase_at_us:
            return None
        found = await self.obstacles(asked.user_id)
        # What has come since was not given up by anybody.
        given_up = [one.forfeitable and one.amount <= asked.given_up.get(one.asset, 0) for one in found]
        return "erasing" if all(given_up) else "stopped"

    async def _say_goodbye(self, asked: Deletion) -> DeletionMove:
        async with self._db.snapshot() as tx:
            user = await store.user_by_id(tx, asked.user_id)
        assert user is not None, "accounts are never removed once they were confirmed"
        await self._notifications.SendEmail(
            notifications_pb2.SendEmailRequest(
                key=f"identity:{asked.id}:erased",
                to=user.email,
                template="account_deleted",
                user_id=user.id,
            )
        )
        return "erased"

    async def _move(self, tx: Tx, asked: Deletion, to: DeletionMove) -> bool:
        user = await store.user_by_id(tx, asked.user_id, lock=True)
        assert user is not None, "accounts are never removed once they were confirmed"
        if to == "stopped":
            return await self.stop(tx, user, "stopped")
        if not await deletions.move(tx, asked, to):
            return False
        if to == "erased":
            buried = await store.bury(tx, user)
            assert buried, "nothing changes an account that is being erased"
            await store.delete_counters(tx, account_subject(user.email_key))
            tx.publish(UserDeleted(user_id=user.id, reason="asked", forfeit=asked.forfeit))
            enqueue_erasure(tx, user.id)
        return True

    async def _ask(self, service: str, user_id: str) -> Sequence[UserObstacle]:
        request = user_data_pb2.ListObstaclesRequest(service=service, user_id=user_id)
        answer = await self._neighbours[service].ListObstacles(request)
        return [
            UserObstacle(
                kind=one.kind,
                detail=one.detail,
                asset=one.asset,
                amount=one.amount,
                forfeitable=one.forfeitable,
            )
            for one in answer.obstacles
        ]


def _blocked(obstacles: Sequence[UserObstacle]) -> DeletionBlocked:
    return DeletionBlocked(
        "; ".join(one.detail for one in obstacles), obstacles=[render_obstacle(one) for one in obstacles]
    )


def render_obstacle(one: UserObstacle) -> dict[str, Any]:
    """Write an obstacle as the API shows it: amounts as text."""
    return {
        "kind": one.kind,
        "detail": one.detail,
        "asset": one.asset,
        "amount": str(one.amount),
        "forfeitable": one.forfeitable,
    }
