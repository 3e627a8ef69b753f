"""Violations that are planted in a copy of the sources are found, each by the rule that forbids it."""

from pathlib import Path

import pytest

from tools import walls

PLANTED = {
    "a protocol that dials": (
        "edge/protocols/planted.py",
        "import socket\n\n\ndef dial(address):\n    return socket.socket().connect_ex(address)\n",
        "only edge/exits",
    ),
    "a protocol that resolves": (
        "edge/protocols/planted.py",
        "import socket\n\n\ndef resolve(host):\n    return socket.getaddrinfo(host, 80)\n",
        "only edge/exits",
    ),
    "a protocol that dials through asyncio": (
        "edge/protocols/planted.py",
        "import asyncio\n\n\nasync def dial(host):\n    return await asyncio.open_connection(host, 80)\n",
        "only edge/exits",
    ),
    "a rule that resolves through the loop": (
        "edge/policy/planted.py",
        "async def find(loop, host):\n    return await loop.getaddrinfo(host, 80)\n",
        "only edge/exits",
    ),
    "a protocol that takes a byte off the meter": (
        "edge/protocols/planted.py",
        "def steal(flow):\n    return flow.quota.take(1)\n",
        "spends through Spend",
    ),
    "a protocol that imports the meter": (
        "edge/protocols/planted.py",
        "from tollway.edge.meter_file import MeterFile\n\nOPEN = MeterFile\n",
        "spends through Spend",
    ),
    "a service that opens an HTTPS connection": (
        "services/orders/service/planted.py",
        "import http.client\n\n\ndef ask():\n    return http.client.HTTPSConnection('example.com')\n",
        "through a provider",
    ),
    "a service that imports an HTTP client's part": (
        "services/orders/jobs.py",
        "from urllib import request\n\nOPEN = request.urlopen\n",
        "through a provider",
    ),
    "a service that runs an UPDATE by hand": (
        "services/orders/service/planted.py",
        "async def update(tx):\n    await tx.conn.exec_driver_sql('UPDATE orders SET state = 1')\n",
        "transaction's own methods",
    ),
    "a codec that reads a socket": (
        "wire/planted.py",
        "from asyncio import StreamReader\n\nREADER = StreamReader\n",
        "sans-I/O",
    ),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=list(PLANTED))
def test_a_planted_violation_is_found(planted: tuple[str, str, str], tmp_path: Path) -> None:
    inside, code, reason = planted
    path = tmp_path / inside
    path.parent.mkdir(parents=True)
    path.write_text(code)
    found = list(walls.findings(tmp_path))
    assert found, f"nothing was found in {code}"
    assert all(finding.startswith(f"src/tollway/{inside}:") and reason in finding for finding in found)


def test_where_it_is_allowed_nothing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "edge" / "exits" / "planted.py"
    path.parent.mkdir(parents=True)
    path.write_text(PLANTED["a protocol that dials"][1])
    assert list(walls.findings(tmp_path)) == []


@pytest.mark.slow
def test_the_sources_hold_every_wall() -> None:
    assert list(walls.findings()) == []


def test_every_place_where_something_is_allowed_is_there() -> None:
    for wall in walls.WALLS:
        for place in wall.allowed:
            assert (walls.SOURCES / place).exists(), f"{place} is gone; take it off the list"
