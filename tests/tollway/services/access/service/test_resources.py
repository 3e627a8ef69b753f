"""Accesses and credentials, as customers and operators use them."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.metering import ENDPOINTS, HTTP_ONLY, STANDARD, USER, AccessSetup, access_setup
from tests.kit.typing import settings_of
from tollway.contracts.errors import AccountSuspended, BadCredentials, ResourceInactive, UnknownAsset
from tollway.kit.errors import Conflict, Invalid, NotFound, Unavailable
from tollway.services.access.credentials import Presented
from tollway.services.access.model import Resource, ResourceLimits, ResourceState
from tollway.services.access.service.credentials import CredentialRequest, Issued
from tollway.services.access.service.resources import ConnectRequest, ResourceRequest
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.tables import change as change_table
from tollway.services.access.store.tables import credential as credential_table


async def changes(here: AccessSetup) -> list[tuple[str, str, str, str]]:
    async with here.db.snapshot() as tx:
        rows = await tx.all(select(change_table).order_by(change_table.c.sequence))
    return [(row.kind, row.resource_id, row.credential_id, row.user_id) for row in rows]


async def works(here: AccessSetup, issued: Issued) -> bool:
    """Whether a credential is let in (with an allowance)."""
    here.ledger.give(issued.resource.user_id, issued.resource.asset, 1)
    try:
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )
    except (BadCredentials, ResourceInactive):
        return False
    return True


# ── connecting ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_first_connect_makes_everything(here: AccessSetup) -> None:
    await here.node()
    issued, endpoints = await here.access.resources.connect(USER, ConnectRequest(label="laptop"))
    assert (issued.resource.state, issued.resource.asset) == (ResourceState.ACTIVE, STANDARD)
    assert endpoints == ENDPOINTS
    assert await works(here, issued)
    (provisioned,) = await here.events("RESOURCE_PROVISIONED")
    assert (provisioned.resource_id, provisioned.user_id) == (issued.resource.id, USER)
    assert [one.credential_id for one in await here.events("CREDENTIAL_ISSUED")] == [issued.credential.id]


async def test_the_secret_is_kept_nowhere(here: AccessSetup) -> None:
    issued = await here.customer(1)
    async with here.db.snapshot() as tx:
        row = await tx.first(select(credential_table))
    assert row is not None
    assert issued.secret not in str(row)
    assert all(issued.secret not in str(event) for event in await here.events("CREDENTIAL_ISSUED"))


async def test_connecting_without_an_asset_uses_what_the_customer_holds(here: AccessSetup) -> None:
    await here.node()
    here.ledger.give(USER, "USD", 5_000_000_000)
    here.ledger.give(USER, HTTP_ONLY, 1_000)
    issued, _ = await here.access.resources.connect(USER, ConnectRequest())
    assert issued.resource.asset == HTTP_ONLY
    over_socks, _ = await here.access.resources.connect(USER, ConnectRequest(protocol="socks5"))
    assert over_socks.resource.asset == STANDARD, "what is held does not carry it: the operator's default"
    here.ledger.give(USER, STANDARD, 1)
    both, _ = await here.access.resources.connect(USER, ConnectRequest())
    assert both.resource.asset == STANDARD, "the default comes first when it is held"


async def test_without_a_ledger_nobody_knows_what_is_held(here: AccessSetup) -> None:
    await here.node()
    here.faults.add("ledger")
    with pytest.raises(Unavailable):
        await here.access.resources.connect(USER, ConnectRequest())


async def test_connecting_again_keeps_the_access_and_adds_a_credential(here: AccessSetup) -> None:
    first = await here.customer(1)
    second, _ = await here.access.resources.connect(USER, ConnectRequest())
    assert second.resource.id == first.resource.id
    assert await works(here, first)
    assert await works(here, second)
    assert len(await here.events("RESOURCE_PROVISIONED")) == 1


async def test_ten_first_connects_at_once_make_one_access(here: AccessSetup) -> None:
    await here.node()
    made = await asyncio.gather(*(here.access.resources.connect(USER, ConnectRequest()) for _ in range(10)))
    assert len({issued.resource.id for issued, _ in made}) == 1
    assert len({issued.credential.identifier for issued, _ in made}) == 10
    assert len(await here.events("RESOURCE_PROVISIONED")) == 1


async def test_many_accesses_made_at_once_are_not_more_than_the_most(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with access_setup(kind, tmp_path, clock, settings_of(AccessSettings, max_resources=3)) as here:
        await here.node()
        resources = here.access.resources
        made = [resources.create(USER, ResourceRequest(asset=STANDARD)) for _ in range(6)]
        connected = [resources.connect(USER, ConnectRequest(asset=STANDARD)) for _ in range(6)]
        outcomes = await asyncio.gather(*made, *connected, return_exceptions=True)
        assert {type(one) for one in outcomes} <= {Resource, tuple, Conflict}
        assert len(await resources.all_of(USER)) == 3


async def test_what_locks_a_customer_and_an_access_never_waits_in_a_circle(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    access, resource_id = here.access, issued.resource.id
    asked: list[Coroutine[Any, Any, Any]] = []
    for _ in range(here.settings.tests_per_minute // 2):
        test = await access.connection_tests.start(USER, resource_id)
        asked += [
            access.connection_tests.start(USER, resource_id),
            access.connection_tests.begin("edge-1", test.id),
            access.resources.connect(USER, ConnectRequest()),
            access.credentials.issue(USER, resource_id, CredentialRequest()),
            access.resources.activate(USER, resource_id),
            access.credentials.revoke(USER, resource_id, issued.credential.id),
        ]
    outcomes = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
    assert [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Conflict)] == []


async def test_connecting_wakes_what_rests(here: AccessSetup) -> None:
    issued = await here.customer(1)
    (stopped,) = await here.access.resources.disconnect(USER)
    assert stopped.state is ResourceState.INACTIVE
    assert not await works(here, issued)
    await here.access.resources.connect(USER, ConnectRequest())
    assert await works(here, issued)
    states = [one.state for one in await here.events("RESOURCE_STATE_CHANGED")]
    assert states == ["inactive", "active"]


async def test_connecting_does_not_lift_the_operators_stop(here: AccessSetup) -> None:
    issued = await here.customer(1)
    await here.access.suspensions.stop(issued.resource.id, "abuse")
    with pytest.raises(Conflict, match="operator"):
        await here.access.resources.connect(USER, ConnectRequest())


async def test_connecting_too_often_is_refused_and_takes_no_credential_away(simple: AccessSetup) -> None:
    first = await simple.customer(1)
    by_hand = await simple.access.credentials.issue(
        USER, first.resource.id, CredentialRequest(label="server")
    )
    for _ in range(18):
        last, _ = await simple.access.resources.connect(USER, ConnectRequest())
    with pytest.raises(Conflict, match=f"revoke one at /api/access/resources/{first.resource.id}"):
        await simple.access.resources.connect(USER, ConnectRequest())
    for one in (first, by_hand, last):
        assert await works(simple, one)
    _, credentials = await simple.access.resources.get(USER, first.resource.id)
    assert len(credentials) == 20
    await simple.access.credentials.revoke(USER, first.resource.id, by_hand.credential.id)
    again, _ = await simple.access.resources.connect(USER, ConnectRequest())
    assert await works(simple, again)
    assert await works(simple, first)
    with pytest.raises(Conflict, match="revoke one"):
        await simple.access.credentials.issue(USER, first.resource.id, CredentialRequest())


async def test_a_known_access_connects_although_the_catalogue_is_away(here: AccessSetup) -> None:
    await here.customer(1)
    here.faults.add("catalog")
    await here.access.resources.connect(USER, ConnectRequest())
    with pytest.raises(Unavailable):
        await here.access.resources.connect("usr_2", ConnectRequest())


async def test_requests_that_cannot_be_met_are_refused_and_leave_nothing(here: AccessSetup) -> None:
    await here.node()
    connect = here.access.resources.connect
    with pytest.raises(UnknownAsset):
        await connect(USER, ConnectRequest(asset="bandwidth.none"))
    with pytest.raises(Invalid, match="location"):
        await connect(USER, ConnectRequest(location="mars"))
    with pytest.raises(Invalid, match="http"):
        await connect(USER, ConnectRequest(asset=HTTP_ONLY, protocol="socks5"))
    assert await here.access.resources.all_of(USER) == []


async def test_without_a_node_there_is_nowhere_to_connect_to(here: AccessSetup) -> None:
    with pytest.raises(Unavailable, match="node"):
        await here.access.resources.connect(USER, ConnectRequest())
    await here.node()
    here.clock.advance(60)
    with pytest.raises(Unavailable, match="node"):
        await here.access.resources.connect(USER, ConnectRequest())


# ── accesses ────────────────────────────────────────────────────────────────────────────────────────


async def test_accesses_beside_each_other_have_their_own_limits(here: AccessSetup) -> None:
    one = await here.access.resources.create(
        USER, ResourceRequest(label="one", limits=ResourceLimits(5, 1000))
    )
    two = await here.access.resources.create(
        USER, ResourceRequest(asset=HTTP_ONLY, label="two", limits=ResourceLimits())
    )
    listed = await here.access.resources.all_of(USER)
    assert [(resource.id, credentials) for resource, credentials in listed] == [(one.id, []), (two.id, [])]
    assert one.limits == ResourceLimits(5, 1000)


async def test_limits_beyond_the_operators_are_refused(here: AccessSetup) -> None:
    for limits in (
        ResourceLimits(max_flows=1001),
        ResourceLimits(max_flows=-1),
        ResourceLimits(rate_limit_bytes_s=-1),
    ):
        with pytest.raises(Invalid):
            await here.access.resources.create(USER, ResourceRequest(label="", limits=limits))


async def test_there_is_an_end_to_accesses(simple: AccessSetup) -> None:
    for _ in range(20):
        await simple.access.resources.create(USER, ResourceRequest())
    with pytest.raises(Conflict, match="20"):
        await simple.access.resources.create(USER, ResourceRequest())
    await simple.node()
    with pytest.raises(Conflict, match="20"):
        await simple.access.resources.connect(USER, ConnectRequest())


async def test_new_limits_reach_the_nodes_and_a_new_label_need_not(here: AccessSetup) -> None:
    issued = await here.customer(1)
    resources = here.access.resources
    await resources.change(USER, issued.resource.id, label="home")
    assert await changes(here) == []
    await resources.change(USER, issued.resource.id, max_flows=3)
    changed = await resources.change(USER, issued.resource.id, rate_limit_bytes_s=1000)
    assert (changed.label, changed.limits) == ("home", ResourceLimits(3, 1000))
    grant = await here.access.authentication.authenticate(
        "password", Presented(issued.credential.identifier, issued.secret), "http"
    )
    assert grant.resource.limits == ResourceLimits(3, 1000)
    assert await changes(here) == [("policy_changed", issued.resource.id, "", USER)] * 2


async def test_resting_and_waking_twice_is_said_once(here: AccessSetup) -> None:
    issued = await here.customer(1)
    for _ in range(2):
        await here.access.resources.deactivate(USER, issued.resource.id)
    for _ in range(2):
        await here.access.resources.activate(USER, issued.resource.id)
    assert [kind for kind, *_ in await changes(here)] == ["resource_left", "policy_changed"]
    assert len(await here.events("RESOURCE_STATE_CHANGED")) == 2


async def test_a_deleted_access_is_gone_and_its_place_is_free(here: AccessSetup) -> None:
    issued = await here.customer(1)
    await here.access.resources.delete(USER, issued.resource.id)
    assert not await works(here, issued)
    with pytest.raises(NotFound):
        await here.access.resources.get(USER, issued.resource.id)
    assert [kind for kind, *_ in await changes(here)] == ["credential_revoked", "resource_left"]
    again, _ = await here.access.resources.connect(USER, ConnectRequest())
    assert again.resource.id != issued.resource.id


async def test_what_is_anothers_is_not_found(here: AccessSetup) -> None:
    issued = await here.customer(1)
    resource_id, credential_id = issued.resource.id, issued.credential.id
    resources = here.access.resources
    for attempt in (
        resources.get("usr_2", resource_id),
        resources.change("usr_2", resource_id, label="x"),
        resources.activate("usr_2", resource_id),
        resources.deactivate("usr_2", resource_id),
        resources.delete("usr_2", resource_id),
        here.access.credentials.issue("usr_2", resource_id, CredentialRequest()),
        here.access.credentials.revoke("usr_2", resource_id, credential_id),
        here.access.suspensions.stop("res_none", ""),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await works(here, issued)


# ── credentials ─────────────────────────────────────────────────────────────────────────────────────


async def test_revoking_one_credential_leaves_the_others(here: AccessSetup) -> None:
    first = await here.customer(1)
    second = await here.access.credentials.issue(USER, first.resource.id, CredentialRequest(label="other"))
    for _ in range(2):
        await here.access.credentials.revoke(USER, first.resource.id, first.credential.id)
    assert not await works(here, first)
    assert await works(here, second)
    assert await changes(here) == [("credential_revoked", first.resource.id, first.credential.id, USER)]
    assert len(await here.events("CREDENTIAL_REVOKED")) == 1


async def test_a_credential_is_revoked_at_its_own_access_only(here: AccessSetup) -> None:
    issued = await here.customer(1)
    other = await here.access.resources.create(USER, ResourceRequest())
    with pytest.raises(NotFound):
        await here.access.credentials.revoke(USER, other.id, issued.credential.id)
    assert await works(here, issued)


# ── the operator's hand ─────────────────────────────────────────────────────────────────────────────


async def test_the_operator_stops_and_resumes(here: AccessSetup) -> None:
    issued = await here.customer(1)
    await here.access.suspensions.stop(issued.resource.id, "abuse report 7")
    assert not await works(here, issued)
    with pytest.raises(Conflict):
        await here.access.resources.activate(USER, issued.resource.id)
    assert await here.access.resources.disconnect(USER) == []
    await here.access.suspensions.resume(issued.resource.id, "")
    assert await works(here, issued)
    with pytest.raises(Conflict, match="not suspended"):
        await here.access.suspensions.resume(issued.resource.id, "")
    published = await here.events("RESOURCE_STATE_CHANGED")
    assert [(one.state, one.reason) for one in published] == [
        ("suspended", "abuse report 7"),
        ("active", "resumed by the operator"),
    ]


async def test_a_suspended_customer_can_start_nothing(here: AccessSetup) -> None:
    issued = await here.customer(1)
    async with here.db.transaction() as tx:
        await here.access.suspensions.customer_changed(tx, USER, stopped=True, reason="fraud")
    resources = here.access.resources
    for attempt in (
        resources.connect(USER, ConnectRequest()),
        resources.create(USER, ResourceRequest()),
        resources.activate(USER, issued.resource.id),
        here.access.credentials.issue(USER, issued.resource.id, CredentialRequest()),
    ):
        with pytest.raises(AccountSuspended):
            await attempt
    assert (await here.lease(issued.resource.id, 1000))[1] == 0
