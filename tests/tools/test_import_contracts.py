"""Violations of the import contracts that are planted in a copy of the sources break the contract that forbids them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PLANTED = {
    "Concrete backends are chosen by topology alone": (
        "services/orders/service/planted.py",
        "from tollway.fabric.limits.memory import MemoryLimits\n\nLIMITS = MemoryLimits\n",
    ),
    "Services never import services": (
        "services/orders/service/planted_neighbour.py",
        "from tollway.services.users.service import Users\n\nUSERS = Users\n",
    ),
    "Only stores speak SQL": (
        "services/orders/service/planted_sql.py",
        "from sqlalchemy import text\n\nQUERY = text\n",
    ),
    "A service's rules know neither the web nor RPC": (
        "services/orders/service/planted_web.py",
        "from fastapi import APIRouter\n\nROUTER = APIRouter\n",
    ),
    "Layers look down only, siblings are strangers": (
        "fabric/planted.py",
        "from tollway.topology import SERVICES\n\nALL = SERVICES\n",
    ),
    "Vendors' SDKs stay behind providers": (
        "services/payments/service/planted.py",
        "import stripe\n\nSDK = stripe\n",
    ),
    "Protocols never import protocols": (
        "edge/protocols/planted.py",
        "from tollway.edge.protocols.socks5 import Socks5\n\nOTHER = Socks5\n",
    ),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Plant everything in one copy, and read the verdict on each contract."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for inside, code in PLANTED.values():
        (copy / "src" / "tollway" / inside).write_text(code)
    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ended.returncode == 1, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(contract: str, report: str) -> None:
    assert f"{contract} BROKEN" in report
    inside = PLANTED[contract][0].removesuffix(".py").replace("/", ".")
    assert f"tollway.{inside}" in report.partition("Broken contracts")[2]
