"""A customer's own rules over REST, and what nodes are told of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.metering import USER, AccessSetup, access_setup
from tests.kit.rest import Reply, RestClient, rest
from tollway.contracts import access_pb2, access_pb2_grpc
from tollway.fabric.rpc import LocalChannel
from tollway.services.access.http import router
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service.credentials import Issued

NO_RULES = {"blocked_domains": [], "blocked_ports": [], "schedule": None}
OFFICE = {
    "time_zone": "Europe/Berlin",
    "windows": [
        {"weekday": 1, "start": "08:00", "end": "17:30"},
        {"weekday": 5, "start": "00:00", "end": "24:00"},
    ],
}


@dataclass
class Ruled:
    """A customer's access, its API, and the service API as a node calls it."""

    here: AccessSetup
    issued: Issued
    client: RestClient
    node: Any

    @property
    def path(self) -> str:
        return f"/api/access/resources/{self.issued.resource.id}/policy"

    async def get(self, user: str = USER, **headers: str) -> Reply:
        return await self.client.get(self.path, user, **headers)

    async def put(self, body: Any, user: str = USER) -> Reply:
        return await self.client.call("PUT", self.path, body, user)

    async def grant(self) -> access_pb2.Grant:
        presented = access_pb2.PasswordCredential(
            username=self.issued.credential.identifier, secret=self.issued.secret
        )
        return await self.node.Authenticate(
            access_pb2.AuthenticateRequest(password=presented, protocol="http", node="edge-1")
        )

    async def head(self) -> int:
        return await self.here.access.changes.head()


@pytest.fixture
async def ruled(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Ruled]:
    async with access_setup("sqlite", tmp_path, clock) as here:
        access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(here.access), here.server)
        node: Any = access_pb2_grpc.AccessStub(LocalChannel(here.server, "edge-1"))
        yield Ruled(here, await here.customer(1000), rest(router(here.access)), node)


async def test_an_access_starts_without_rules(ruled: Ruled) -> None:
    reply = await ruled.get()
    assert (reply.status, reply.json) == (200, NO_RULES)
    policy = (await ruled.grant()).policy
    assert (list(policy.blocked_domains), list(policy.blocked_ports)) == ([], [])
    assert not policy.HasField("schedule")


async def test_rules_are_kept_in_one_form_and_replaced_as_a_whole(ruled: Ruled) -> None:
    before = await ruled.get()
    body = {
        "blocked_domains": ["Ads.Example.com.", "bücher.example", "ads.example.com"],
        "blocked_ports": [587, 25, 25],
        "schedule": OFFICE,
    }
    kept = {
        "blocked_domains": ["ads.example.com", "xn--bcher-kva.example"],
        "blocked_ports": [25, 587],
        "schedule": OFFICE,
    }
    reply = await ruled.put(body)
    assert (reply.status, reply.json) == (200, kept)
    after = await ruled.get(if_none_match=before.headers["etag"])
    assert (after.status, after.json) == (200, kept)
    assert (await ruled.get(if_none_match=after.headers["etag"])).status == 304
    assert (await ruled.put({"blocked_ports": [25]})).json == NO_RULES | {"blocked_ports": [25]}
    assert (await ruled.put({})).json == NO_RULES


async def test_the_grant_carries_the_rules(ruled: Ruled) -> None:
    await ruled.put({"blocked_domains": ["ads.example"], "blocked_ports": [25], "schedule": OFFICE})
    policy = (await ruled.grant()).policy
    assert (list(policy.blocked_domains), list(policy.blocked_ports)) == (["ads.example"], [25])
    assert policy.schedule.time_zone == "Europe/Berlin"
    windows = [(one.weekday, one.start_minute, one.end_minute) for one in policy.schedule.windows]
    assert windows == [(1, 480, 1050), (5, 0, 1440)]


async def test_a_change_reaches_the_nodes_that_follow(ruled: Ruled) -> None:
    following = ruled.node.FollowChanges(
        access_pb2.FollowChangesRequest(node="edge-1", after=await ruled.head())
    )
    changes: AsyncIterator[access_pb2.Change] = aiter(following)
    async with asyncio.timeout(20):
        assert (await anext(changes)).sequence == 0
        await ruled.put({"blocked_ports": [25]})
        change = await anext(one async for one in changes if one.sequence)
    following.cancel()
    assert (change.kind, change.resource_id, change.user_id) == (
        "policy_changed",
        ruled.issued.resource.id,
        USER,
    )


async def test_the_same_rules_again_are_no_change(ruled: Ruled) -> None:
    await ruled.put({"blocked_ports": [25, 80]})
    head = await ruled.head()
    await ruled.put({"blocked_ports": [80, 25, 25]})
    assert await ruled.head() == head
    await ruled.put({})
    assert await ruled.head() == head + 1


def _schedule(zone: str = "UTC", **window: Any) -> dict[str, Any]:
    usual = {"weekday": 1, "start": "08:00", "end": "09:00"}
    return {"schedule": {"time_zone": zone, "windows": [usual | window]}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"blocked_domains": ["not a domain"]}, "blocked_domains"),
        ({"blocked_domains": ["*.example.com"]}, "blocked_domains"),
        ({"blocked_domains": [""]}, "blocked_domains"),
        ({"blocked_domains": ["a\nb"]}, "blocked_domains"),
        ({"blocked_domains": "example.com"}, "blocked_domains"),
        ({"blocked_domains": [f"d{n}.example" for n in range(501)]}, "blocked_domains"),
        ({"blocked_ports": [0]}, "blocked_ports"),
        ({"blocked_ports": [65_536]}, "blocked_ports"),
        ({"blocked_ports": ["25"]}, "blocked_ports"),
        ({"blocked_ports": list(range(1, 102))}, "blocked_ports"),
        ({"schedule": {"windows": []}}, "schedule"),
        ({"schedule": {"time_zone": "UTC"}}, "schedule"),
        (_schedule("Mars/Olympus"), "schedule"),
        (_schedule(weekday=0), "schedule"),
        (_schedule(weekday=8), "schedule"),
        (_schedule(start="8:00"), "schedule"),
        (_schedule(end="24:01"), "schedule"),
        (_schedule(end="08:00"), "schedule"),
        (_schedule(start="22:00", end="06:00"), "schedule"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_bad_rules_are_refused_with_their_field(ruled: Ruled, body: Any, field: str) -> None:
    await ruled.put({"blocked_ports": [25]})
    head = await ruled.head()
    reply = await ruled.put(body)
    assert (reply.status, reply.json["code"]) == (422, "invalid")
    assert {one["field"].split(".")[0] for one in reply.json["errors"]} == {field}
    assert (await ruled.get()).json["blocked_ports"] == [25]
    assert await ruled.head() == head


async def test_the_rules_of_anothers_access_are_not_there(ruled: Ruled) -> None:
    for reply in (await ruled.get("usr_2"), await ruled.put({"blocked_ports": [80]}, "usr_2")):
        assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert (await ruled.get()).json == NO_RULES
    assert (await ruled.get("")).status == 401


async def test_a_deleted_access_has_no_rules(ruled: Ruled) -> None:
    await ruled.here.access.resources.delete(USER, ruled.issued.resource.id)
    assert (await ruled.get()).status == 404
    assert (await ruled.put({})).status == 404
