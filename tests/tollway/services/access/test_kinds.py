"""A kind of access that is sold by the second, on the real ledger; and the proxy beside it."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.charging import Charging, running_charging
from tests.kit.clock import FakeClock
from tests.kit.metering import ENDPOINTS, STANDARD, USER, TwoProducts, report
from tests.kit.rest import rest
from tests.kit.typing import partial, settings_of
from tollway.contracts import access_pb2, catalog_pb2
from tollway.contracts.errors import NoAllowance, ResourceInactive
from tollway.kit.errors import Invalid
from tollway.kit.ids import new_id
from tollway.services.access.http import router
from tollway.services.access.kinds import KINDS, PROXY, Example, ResourceKind
from tollway.services.access.model import Resource
from tollway.services.access.model.units import Unit, used_units
from tollway.services.access.service.credentials import CredentialRequest
from tollway.services.access.service.resources import ResourceRequest
from tollway.services.access.settings import AccessSettings

TUNNEL_TIME = "time.tunnel.standard"
TUNNEL = ResourceKind(
    name="tunnel",
    protocols={"wg": "tunnel"},
    credentials=("token", "wireguard_peer"),
    unit=Unit.SECOND,
    url=lambda *_: None,
    examples=lambda *_: [],
)


class WithTunnel(TwoProducts):
    """Sells tunnels by the second, too."""

    async def GetProduct(self, request: catalog_pb2.GetProductRequest, context: Any) -> catalog_pb2.Product:
        if request.asset == TUNNEL_TIME:
            return catalog_pb2.Product(asset=TUNNEL_TIME, protocols=["tunnel"], unit="second", active=True)
        return await super().GetProduct(request, context)


@pytest.fixture
async def charging(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Charging]:
    """Access with the proxy and the tunnel, and the real ledger."""
    async with running_charging("sqlite", tmp_path, clock, (*KINDS, TUNNEL), partial(WithTunnel)) as one:
        await one.access.nodes.open("edge-1", "boot-1", ENDPOINTS)
        yield one


@pytest.fixture
def node(charging: Charging) -> Any:
    """The service API of access, as a node calls it."""
    return charging.stub()


async def tunnel(charging: Charging, seconds: int) -> tuple[Resource, str]:
    """A customer's tunnel with so many seconds to use, and a token for it."""
    await charging.buy(seconds, asset=TUNNEL_TIME, unit="second")
    resource = await charging.access.resources.create(USER, ResourceRequest(TUNNEL.name, TUNNEL_TIME))
    issued = await charging.access.credentials.issue(USER, resource.id, CredentialRequest())
    return resource, issued.secret


async def authenticate(node: Any, token: str, protocol: str = "wg") -> access_pb2.Grant:
    presented = access_pb2.TokenCredential(token=token)
    return await node.Authenticate(
        access_pb2.AuthenticateRequest(token=presented, protocol=protocol, node="edge-1")
    )


async def lease(node: Any, resource_id: str, want: int) -> tuple[str, int]:
    lease_id = new_id("hld")
    request = access_pb2.LeaseRequest(
        node="edge-1", resource_id=resource_id, lease_id=lease_id, want_units=want
    )
    return lease_id, (await node.Lease(request)).granted_units


async def send(
    node: Any, lease_id: str, resource_id: str, open_s: float, sequence: int, *, release: bool = False
) -> access_pb2.ReportResponse:
    """Report a tunnel that has been open for so long, with a lot of traffic that costs nothing."""
    record = access_pb2.AccountingRecord(
        session_id="flw_1",
        status=access_pb2.STATUS_TYPE_INTERIM_UPDATE,
        resource_id=resource_id,
        protocol="wg",
        output_octets=10**9 * sequence,
        session_time_us=int(open_s * 1_000_000),
        started_at_us=1_795_305_600_000_000,
        sequence=sequence,
    )
    return await node.Report(
        access_pb2.ReportRequest(node="edge-1", lease_id=lease_id, records=[record], release=release)
    )


async def consumed(charging: Charging, asset: str) -> int:
    return (await charging.account("platform", "access", "consumed", asset)).balance


# ── by the second ───────────────────────────────────────────────────────────────────────────────────


async def test_a_tunnel_is_charged_for_the_seconds_that_it_is_open(charging: Charging, node: Any) -> None:
    resource, token = await tunnel(charging, 10_000)
    grant = await authenticate(node, token)
    assert (grant.resource_id, grant.asset, grant.unit) == (resource.id, TUNNEL_TIME, "second")
    lease_id, granted = await lease(node, resource.id, 600)
    assert granted == 600
    assert await charging.holding(asset=TUNNEL_TIME) == (10_000, 600)
    assert (await send(node, lease_id, resource.id, 60.0, 1)).remaining_units == 540
    assert await charging.holding(asset=TUNNEL_TIME) == (9_940, 540)
    await send(node, lease_id, resource.id, 61.5, 2, release=True)
    assert await charging.holding(asset=TUNNEL_TIME) == (9_938, 0)
    assert await consumed(charging, TUNNEL_TIME) == 62
    await charging.books_hold()


async def test_a_begun_second_counts_once_however_often_it_is_reported(charging: Charging, node: Any) -> None:
    resource, _ = await tunnel(charging, 10_000)
    lease_id, _ = await lease(node, resource.id, 600)
    for sequence, open_s in enumerate((0.1, 0.4, 0.4, 0.9, 1.0, 1.25), 1):
        for _ in range(2):
            await send(node, lease_id, resource.id, open_s, sequence)
    assert await consumed(charging, TUNNEL_TIME) == 2


async def test_a_holding_is_spent_to_its_last_second_and_not_past_it(charging: Charging, node: Any) -> None:
    resource, token = await tunnel(charging, 9_999)
    open_s = 0
    for sequence in itertools.count(1):
        lease_id, granted = await lease(node, resource.id, 3600)
        if not granted:
            break
        open_s += granted
        await send(node, lease_id, resource.id, open_s, sequence, release=True)
    assert open_s == 9_999
    assert await charging.holding(asset=TUNNEL_TIME) == (0, 0)
    assert await consumed(charging, TUNNEL_TIME) == 9_999
    with pytest.raises(NoAllowance):
        await authenticate(node, token)
    await charging.books_hold()


async def test_time_beyond_what_is_held_is_shortfall(charging: Charging, node: Any) -> None:
    resource, _ = await tunnel(charging, 1_000)
    lease_id, granted = await lease(node, resource.id, 3600)
    assert granted < 1_000
    answer = await send(node, lease_id, resource.id, 1_234.5, 1, release=True)
    assert answer.shortfall_units == 235
    assert await charging.holding(asset=TUNNEL_TIME) == (0, 0)
    # The customer paid for what they held; the ledger's own account stands for the rest.
    covered = await charging.account("platform", "ledger", "shortfall", TUNNEL_TIME)
    assert (await consumed(charging, TUNNEL_TIME), covered.balance) == (1_235, -235)
    await charging.books_hold()


async def test_leases_are_bounded_in_their_own_unit(charging: Charging, node: Any) -> None:
    resource, _ = await tunnel(charging, 1_000_000)
    assert (await lease(node, resource.id, 10**9))[1] == settings_of(AccessSettings).max_lease_seconds


# ── beside the proxy ────────────────────────────────────────────────────────────────────────────────


async def test_bytes_are_charged_as_ever_beside_it(charging: Charging, node: Any) -> None:
    resource, _ = await tunnel(charging, 10_000)
    issued = await charging.customer(1_000_000)
    assert (issued.resource.kind, issued.resource.asset) == ("proxy", STANDARD)
    password = access_pb2.PasswordCredential(username=issued.credential.identifier, secret=issued.secret)
    grant = await node.Authenticate(access_pb2.AuthenticateRequest(password=password, protocol="connect"))
    assert (grant.resource_id, grant.unit) == (issued.resource.id, "byte")
    tunnel_lease, _ = await lease(node, resource.id, 600)
    proxy_lease, granted = await lease(node, issued.resource.id, 100_000)
    assert granted == 100_000
    await send(node, tunnel_lease, resource.id, 30, 1, release=True)
    # An hour, of which only the bytes cost.
    flow = report(issued.resource.id, "flw_2", 4_000, 1, input_octets=96, session_time_us=3_600_000_000)
    await charging.access.reports.report("edge-1", proxy_lease, [flow], release=True)
    assert await charging.holding() == (1_000_000 - 4_096, 0)
    assert await charging.holding(asset=TUNNEL_TIME) == (10_000 - 30, 0)
    records = (await rest(router(charging.access)).get("/api/usage/records", USER)).json["items"]
    assert {(one["unit"], one["charged_units"]) for one in records} == {("second", "30"), ("byte", "4096")}
    await charging.books_hold()


async def test_what_a_node_has_reserved_in_seconds_is_not_counted_as_bytes(
    charging: Charging, node: Any
) -> None:
    resource, _ = await tunnel(charging, 10_000)
    await lease(node, resource.id, 600)
    api = rest(router(charging.access))
    (shown,) = (await api.get("/api/admin/nodes", "usr_9:admin")).json["items"]
    assert shown["reserved_bytes"] == "0"


async def test_a_kind_is_sold_in_its_own_unit_only(charging: Charging) -> None:
    for kind, asset in ((TUNNEL.name, STANDARD), (PROXY.name, TUNNEL_TIME)):
        with pytest.raises(Invalid, match="is not sold for"):
            await charging.access.resources.create(USER, ResourceRequest(kind, asset))
    with pytest.raises(Invalid, match="one of proxy, tunnel"):
        await charging.access.resources.create(USER, ResourceRequest("ferry"))


async def test_a_kind_takes_its_own_credentials_and_protocols_only(charging: Charging, node: Any) -> None:
    resource, token = await tunnel(charging, 10_000)
    with pytest.raises(Invalid, match="a tunnel access takes token, wireguard_peer"):
        await charging.access.credentials.issue(USER, resource.id, CredentialRequest("password"))
    for protocol in ("http", "connect", "tunnel", ""):
        with pytest.raises(ResourceInactive):
            await authenticate(node, token, protocol)


# ── declarations ────────────────────────────────────────────────────────────────────────────────────


def test_the_proxy_is_what_is_made_when_nobody_says_otherwise() -> None:
    assert KINDS[0] is PROXY
    assert (PROXY.unit, PROXY.credentials) == (Unit.BYTE, ("password", "source_address"))


def test_the_proxys_protocols_have_the_catalogues_names() -> None:
    names = ("http", "connect", "socks5", "https", "wg")
    assert [PROXY.sold_as(one) for one in names] == ["http", "https", "socks5", "", ""]


def test_the_proxys_urls_and_examples() -> None:
    url = PROXY.url("socks5", "::1", 1080, "u", "p")
    assert url == "socks5h://u:p@[::1]:1080"
    assert PROXY.url("wg", "h", 1, "u", "p") is None
    assert PROXY.examples("http", "http://u:p@h:1", ["http", "socks5"]) == [
        Example("http", "curl -x http://u:p@h:1 http://example.com/")
    ]


@pytest.mark.parametrize(
    ("open_us", "seconds"), [(0, 0), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)]
)
def test_a_second_that_has_begun_counts_whole(open_us: int, seconds: int) -> None:
    flow = report("res_1", "flw_1", 7, 1, session_time_us=open_us, input_octets=5)
    assert used_units(flow, Unit.SECOND) == seconds
    assert used_units(flow, Unit.BYTE) == 12
