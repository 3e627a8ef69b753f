"""Credentials: issuing and revoking them, of whichever kinds an access takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tollway.contracts.errors import SessionEnded
from tollway.contracts.events import CredentialIssued
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.kit.ids import new_id
from tollway.kit.times import SECOND_US, to_rfc3339
from tollway.services.access import store
from tollway.services.access.credentials import CREDENTIAL_KINDS
from tollway.services.access.credentials.kind import refuse_public_key
from tollway.services.access.credentials.source_address import SOURCE_ADDRESS
from tollway.services.access.kinds import ResourceKind
from tollway.services.access.model import Credential, CustomerSession, Resource
from tollway.services.access.model.source_networks import SourceRules
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.steps import check_active, owned_resource, revoke
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.changes import SOURCE_ADDRESS_ADDED, Change

NO_SESSION = CustomerSession()
END_CREDENTIAL = "end_credential"
REPLACED = "replaced by the customer"


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    """What a customer asks for; no kind: the first that the access takes. Some kinds need a public key.

    `address`: the network to let in, for `source_address`; empty: the address of the `caller`, who asks for it.
    """

    kind: str = ""
    public_key: str = ""
    label: str = ""
    address: str = ""
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential when it is issued, the only time that its secret is known; empty when it has none."""

    resource: Resource
    credential: Credential
    secret: str = field(repr=False)


class Credentials:
    """The credentials of customers' accesses."""

    def __init__(
        self,
        db: Database,
        settings: AccessSettings,
        kinds: dict[str, ResourceKind],
        changes: Changes,
        sources: SourceRules,
    ) -> None:
        self._db, self._settings = db, settings
        self._kinds, self._changes, self._sources = kinds, changes, sources

    async def issue(
        self,
        user_id: str,
        resource_id: str,
        request: CredentialRequest,
        sign_in: CustomerSession = NO_SESSION,
    ) -> Issued:
        """Issue a credential to a customer who acts with this sign-in.

        Raises NotFound, Invalid for a kind that the access does not take or a bad public key or network,
        AccountSuspended, SessionEnded when the password was replaced since the sign-in, and Conflict when there are
        too many, or the key or the network is in use.
        """
        async with self._db.transaction() as tx:
            await check_active(tx, user_id)
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            issued = await self.add(tx, resource, request, sign_in, by_connect=False)
        self._changes.notify()
        return issued

    async def rotate(
        self,
        user_id: str,
        resource_id: str,
        credential_id: str,
        grace_s: int,
        sign_in: CustomerSession = NO_SESSION,
    ) -> Issued:
        """Issue a credential in the place of one with a secret, which goes on for so long and then is revoked.

        Raises NotFound, Invalid for a kind whose secret is not ours, Conflict when it has ended or was replaced before,
        AccountSuspended, SessionEnded.
        """
        async with self._db.transaction() as tx:
            await check_active(tx, user_id)
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            old = await self._replaceable(tx, resource_id, credential_id)
            if grace_s:
                await store.credentials.end_at(tx, credential_id, tx.now_us + grace_s * SECOND_US)
                tx.enqueue(
                    END_CREDENTIAL,
                    {"credential_id": credential_id, "reason": REPLACED},
                    due_in_s=grace_s,
                    unique=credential_id,
                )
            else:
                await revoke(tx, user_id, resource_id, [credential_id], REPLACED)
            request = CredentialRequest(kind=old.kind, label=old.label)
            issued = await self.add(
                tx, resource, request, sign_in, by_connect=old.by_connect, replaces=credential_id
            )
        self._changes.notify()
        return issued

    async def end(self, credential_id: str, reason: str) -> None:
        """Revoke a credential whose time is over. Repeating is harmless."""
        async with self._db.transaction() as tx:
            resource = await store.credentials.resource_of(tx, credential_id)
            if resource is None:  # erased meanwhile, with everything of its customer
                return
            await store.resources.find(tx, resource.id, lock=True)
            await revoke(tx, resource.user_id, resource.id, [credential_id], reason)
        self._changes.notify()

    async def revoke(self, user_id: str, resource_id: str, credential_id: str) -> None:
        """Revoke a credential: its live flows end within a second. Raises NotFound; repeating is harmless."""
        async with self._db.transaction() as tx:
            await owned_resource(tx, user_id, resource_id, lock=True)
            if not await store.credentials.exists(tx, resource_id, credential_id):
                raise NotFound(f"this access has no credential {credential_id}")
            await revoke(tx, user_id, resource_id, [credential_id])
        self._changes.notify()

    async def end_all_before(self, tx: Tx, user_id: str, kept: CustomerSession) -> None:
        """End what an old password made, as part of the transaction of the event that says that it was replaced.

        Revokes the customer's credentials issued until `kept.at_us`. Issues none any more to an older sign-in, unless
        its session is `kept.session_id`: a session that ends may be known to have ended a moment later.
        """
        # A sign-in knows its time to the second; one in the same second counts.
        since = CustomerSession(kept.session_id, kept.at_us - kept.at_us % SECOND_US)
        await store.resources.set_sign_ins_from(tx, user_id, since)
        issued = await store.credentials.issued_before(tx, user_id, since, kept.at_us)
        for resource_id, credential_ids in issued.items():
            await revoke(tx, user_id, resource_id, credential_ids)
        self._changes.notify()

    async def release_networks(self, tx: Tx, user_id: str, reason: str) -> None:
        """Let go of the source addresses of somebody who leaves, as part of the transaction of the event that says so.

        Nobody else could register them meanwhile. Who stays after all registers theirs again.
        """
        for resource_id, credential_ids in (await store.credentials.networks_of(tx, user_id)).items():
            await revoke(tx, user_id, resource_id, credential_ids, reason)
        self._changes.notify()

    async def add(
        self,
        tx: Tx,
        resource: Resource,
        request: CredentialRequest,
        sign_in: CustomerSession,
        *,
        by_connect: bool,
        replaces: str = "",
        ends_us: int = 0,
    ) -> Issued:
        """Add a credential to an access within a transaction; see `issue` and `rotate`. `ends_us`: when it ends."""
        if not await store.resources.counts(tx, resource.user_id, sign_in):
            raise SessionEnded
        accepted = self._kinds[resource.kind].credentials
        name = request.kind or accepted[0]
        if name not in accepted:
            raise Invalid.of("kind", f"a {resource.kind} access takes {', '.join(accepted)}")
        live = (await store.credentials.live(tx, [resource.id]))[resource.id]
        self._check_count(resource, live, lasting=not ends_us)
        made = CREDENTIAL_KINDS[name].make(self._given(name, request), live)
        credential = Credential(
            id=new_id("crd"),
            resource_id=resource.id,
            kind=name,
            identifier=made.identifier,
            secret_sha256=made.secret_sha256,
            public_key=made.public_key,
            label=request.label,
            by_connect=by_connect,
            created_at_us=tx.now_us,
            expires_at_us=ends_us,
        )
        if name == SOURCE_ADDRESS.name:
            # Its number is taken under a lock until the commit, so of two networks that overlap one sees the other.
            await store.changes.add(
                tx, Change(SOURCE_ADDRESS_ADDED, resource.id, credential.id, resource.user_id)
            )
            if await store.credentials.overlaps(tx, credential.identifier):
                raise Conflict(f"{credential.identifier} is registered for an access, or a part of it is")
        if not await store.credentials.add(tx, credential, sign_in):
            raise Conflict("this public key is in use; make another key pair")
        tx.publish(
            CredentialIssued(
                credential_id=credential.id,
                resource_id=resource.id,
                user_id=resource.user_id,
                kind=name,
                network=CREDENTIAL_KINDS[name].public(credential).network,
                replaces=replaces,
            )
        )
        return Issued(resource, credential, made.secret)

    async def _replaceable(self, tx: Tx, resource_id: str, credential_id: str) -> Credential:
        found = await store.credentials.find(tx, resource_id, credential_id)
        if found is None:
            raise NotFound(f"this access has no credential {credential_id}")
        old, is_live = found
        if not old.secret_sha256:
            raise Invalid(f"a {old.kind} credential has no secret to replace; revoke it and register another")
        if not is_live:
            raise Conflict("this credential has ended; issue another")
        if old.expires_at_us:
            raise Conflict(
                f"this credential was replaced before and ends at {to_rfc3339(old.expires_at_us)}; "
                "go on with the one in its place"
            )
        return old

    def _check_count(self, resource: Resource, live: Sequence[Credential], *, lasting: bool) -> None:
        """Raise Conflict when an access has no room for another that lasts. One that ends by itself needs none."""
        most = self._settings.max_credentials
        taken = sum(not one.expires_at_us for one in live)
        if lasting and (taken >= most or len(live) >= 2 * most):
            # Taking the place of an older one would cut off a program that uses it.
            raise Conflict(
                f"this access has {len(live)} credentials, which is the most; "
                f"go on with one of them, or revoke one at /api/access/resources/{resource.id}"
            )

    def _given(self, kind: str, request: CredentialRequest) -> str:
        """Return what the customer brings to a credential of this kind. Raises Invalid."""
        if kind != SOURCE_ADDRESS.name:
            if request.address:
                raise Invalid.of("address", f"a {kind} credential has no address; leave it out")
            return request.public_key
        refuse_public_key(request.public_key, kind)
        return self._sources.check(request.address, request.caller)
