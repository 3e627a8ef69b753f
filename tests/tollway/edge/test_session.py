"""The session: its five verbs in both forms, what it refuses for the unit, and two edges that share nothing."""

import inspect
from pathlib import Path

import pytest

from tests.kit.edges import Client, echo, edge_setup, running_edge, web
from tests.kit.fake_access import FakeAccess
from tollway.edge.awaitable import AwaitableSession
from tollway.edge.session import Session

VERBS = ("authenticate", "connect", "storage", "reject", "close")


@pytest.mark.parametrize("verb", VERBS)
def test_both_forms_have_the_same_verbs_with_the_same_parameters(verb: str) -> None:
    callback = [name for name in inspect.signature(getattr(Session, verb)).parameters if name != "then"]
    assert list(inspect.signature(getattr(AwaitableSession, verb)).parameters) == callback


@pytest.mark.parametrize("unit", ["second", "megabyte_minute", ""])
async def test_a_grant_of_another_unit_than_bytes_is_refused_and_nothing_of_it_is_leased(
    tmp_path: Path, unit: str
) -> None:
    access = FakeAccess()
    access.add().unit = unit
    async with edge_setup(tmp_path, web, access) as here:
        for head in (here.get("/bytes/1"), here.connect_head(), here.connect_head()):
            client = await here.client()
            await client.send(head)
            status, headers, _ = await client.response()
            assert (status, "PROXY_WRONG_UNIT" in headers["proxy-status"]) == (403, True)
            await client.close()
        _, reply = await here.socks_ask("127.0.0.1", here.origin.port)
        assert reply == 2
        assert (access.leases, access.usage) == ({}, {})


async def test_an_access_whose_unit_changed_is_refused_though_its_tunnel_was_known(tmp_path: Path) -> None:
    access = FakeAccess(cache_s=0.0)
    resource = access.add()
    async with edge_setup(tmp_path, echo, access) as here:
        tunnel = await here.tunnel()
        await tunnel.close()
        resource.unit = "second"
        client = await here.client()
        await client.send(here.connect_head())
        assert (await client.response())[0] == 403
        await client.close()


async def test_two_edges_in_one_process_share_nothing(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with (
        edge_setup(tmp_path / "a", echo, access) as here,
        running_edge(tmp_path / "b", access, "edge-2") as other,
    ):
        await (await here.tunnel()).close()
        await here.settled()
        assert here.edge._metrics.flows_open == {"connect": 0}
        assert here.edge._metrics.logins == {"asked": 1}
        assert (other._metrics.flows_open, other._metrics.logins) == ({}, {})
        client = await Client.connect(other.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        assert other._metrics.logins == {"asked": 1}, "it remembers no login of the first edge, nor its head"
        assert here.edge._metrics.logins == {"asked": 1}
        assert here.edge._reactor.scratch.obj is not other._reactor.scratch.obj
        await client.close()
