"""A kind of access that takes every kind of credential, and nodes that present them over the service API.

async with credential_stage(folder, clock) as here:
    resource = await here.resource()
    issued = await here.issue(resource.id, "token")
    await here.authenticate(token=TokenCredential(token=issued.secret))
"""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.metering import STANDARD, USER, AccessSetup, access_setup
from tests.kit.rest import RestClient, rest
from tollway.contracts import access_pb2, access_pb2_grpc
from tollway.fabric.rpc import LocalChannel
from tollway.services.access.credentials import CREDENTIAL_KINDS, CredentialKind, Made
from tollway.services.access.http import router
from tollway.services.access.kinds import PROXY, ResourceKind
from tollway.services.access.model import Credential, Resource
from tollway.services.access.model.units import Unit
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service.credentials import CredentialRequest, Issued
from tollway.services.access.service.resources import ResourceRequest
from tollway.services.access.store.tables import credential as credential_table

ANY_CREDENTIAL = ResourceKind(
    name="any",
    protocols=PROXY.protocols,
    credentials=tuple(CREDENTIAL_KINDS),
    unit=Unit.BYTE,
    url=PROXY.url,
    examples=PROXY.examples,
)


@dataclass
class CredentialStage:
    """The access service, its REST API, and its service API as a node calls it."""

    access_setup: AccessSetup
    client: RestClient
    stub: Any

    async def resource(self, user_id: str = USER) -> Resource:
        """An access of a customer who has something left."""
        self.access_setup.ledger.give(user_id, STANDARD, 1000)
        return await self.access_setup.access.resources.create(user_id, ResourceRequest(ANY_CREDENTIAL.name))

    async def issue(
        self, resource_id: str, kind: str, public_key: str = "", *, user_id: str = USER, **more: str
    ) -> Issued:
        request = CredentialRequest(kind, public_key, **more)
        return await self.access_setup.access.credentials.issue(user_id, resource_id, request)

    async def issue_over_rest(self, resource_id: str, **body: Any) -> Any:
        path = f"/api/access/resources/{resource_id}/credentials"
        reply = await self.client.post(path, body, USER)
        assert reply.status == 201, reply.json
        return reply.json

    async def shown(self, resource_id: str) -> str:
        """What the customer is shown of an access, as text."""
        reply = await self.client.get(f"/api/access/resources/{resource_id}", USER)
        assert reply.status == 200
        return reply.body.decode()

    async def revoke(self, issued: Issued) -> None:
        await self.access_setup.access.credentials.revoke(
            issued.resource.user_id, issued.resource.id, issued.credential.id
        )

    async def authenticate(self, **credential: Any) -> access_pb2.Grant:
        """Present a credential, as a node does."""
        request = access_pb2.AuthenticateRequest(**credential, protocol="http", node="edge-1")
        return await self.stub.Authenticate(request)

    async def stored(self) -> str:
        """Every row of the table of credentials, as text."""
        async with self.access_setup.db.snapshot() as tx:
            return "\n".join(str(row) for row in await tx.all(select(credential_table)))


@asynccontextmanager
async def credential_stage(folder: Path, clock: FakeClock) -> AsyncIterator[CredentialStage]:
    async with access_setup("sqlite", folder, clock, kinds=(ANY_CREDENTIAL, PROXY)) as here:
        access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(here.access), here.server)
        stub: Any = access_pb2_grpc.AccessStub(LocalChannel(here.server, "edge-1"))
        yield CredentialStage(here, rest(router(here.access)), stub)


def kept(kind: CredentialKind, made: Made, credential_id: str = "crd_1") -> Credential:
    """A credential as it is stored once a kind has made it."""
    fields = asdict(made)
    fields.pop("secret")
    return Credential(
        id=credential_id,
        resource_id="res_1",
        kind=kind.name,
        label="",
        by_connect=False,
        created_at_us=1,
        **fields,
    )


def ssh_blob(*strings: bytes) -> bytes:
    """A public key blob (RFC 4253, section 6.6)."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in strings)


def ssh_line(key_type: str, strings: Sequence[bytes]) -> str:
    """A line of an OpenSSH public key file."""
    blob = ssh_blob(key_type.encode(), *strings)
    return f"{key_type} {base64.b64encode(blob).decode()} me@example.com"
