"""Capacity: the caps fit into the files that may be open, and somebody is told when they had to be lowered."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tollway.gateway.capacity import RESERVED, fitted
from tollway.gateway.settings import GatewaySettings

ONE_PROCESS = {"unix:/run/rest.sock"}
SPLIT = {f"10.0.0.{number}:8100" for number in range(12)}


@pytest.mark.parametrize("addresses", [ONE_PROCESS, SPLIT, set[str]()], ids=["one process", "split", "none"])
@pytest.mark.parametrize("limit", [64, 256, 1_024, 4_096, 20_000, 1_048_576])
def test_everything_open_fits_and_one_client_cannot_take_all(limit: int, addresses: set[str]):
    chosen = fitted(GatewaySettings.model_validate({}), addresses, limit)
    ends = sum(2 if one.startswith("unix:") else 1 for one in addresses)
    assert chosen.max_connections + chosen.max_upstream_connections * ends <= max(limit - RESERVED, 64)
    assert chosen.max_connections_per_client <= max(1, chosen.max_connections // 4)
    assert min(chosen.max_connections, chosen.max_upstream_connections, chosen.max_connections_per_client) > 0


def test_with_enough_files_the_settings_hold(caplog: pytest.LogCaptureFixture):
    settings = GatewaySettings.model_validate({})
    assert fitted(settings, ONE_PROCESS, 20_000) == settings
    assert caplog.records == []


def test_with_too_few_a_warning_says_what_to_do(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        fitted(GatewaySettings.model_validate({}), ONE_PROCESS, 1_024)
    (record,) = caplog.records
    assert "1024 files open" in record.getMessage()
    assert "ulimit -n" in record.getMessage()


CROWD = """
import asyncio, resource, sys, tempfile
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (700, 700))
import uvloop
from tests.kit.gateway import Client, running_gateway

async def main():
    async with running_gateway(Path(sys.argv[1]), max_connections_per_client=10_000) as setup:
        crowd = []
        for number in range(300):  # each is two descriptors of this process: the client's too
            client = Client(*await asyncio.open_connection("127.0.0.1", setup.gateway.port))
            crowd.append(client)
        other = await Client.connect(setup.gateway.port, local_addr=("127.0.0.2", 0))
        print((await other.ask("GET", "/api/catalog")).status, (await other.ask("GET", "/livez")).status)
        for client in [*crowd, other]:
            client.close()

uvloop.run(main())
"""


def test_a_crowd_of_idle_connections_from_one_address_shuts_nobody_out(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", CROWD, tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["200", "200"], done.stderr[-2_000:]
