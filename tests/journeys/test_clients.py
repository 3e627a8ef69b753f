"""Clients that generators make of the API document compile, and take a customer from signing in to a working proxy.

Linters that others check such documents with find nothing in it. Generators and linters are pinned in `tests/clients`,
with all that they need, and run in an environment of their own.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.business import ASSET, Business
from tollway.fabric.rest.docs import DOCUMENT

ROOT = Path(__file__).resolve().parents[1] / "clients"
STEP_TIMEOUT_S = 300
STORY = {
    "refusal": "bad_login",
    "deposit": "credited",
    "order": "filled",
    "listed": [True],
    "remaining": ["1000000000"],
    "proxies": True,
    "open_connections": 0,
    "signed_out": 204,
}
pytestmark = [pytest.mark.timeout(2 * STEP_TIMEOUT_S), pytest.mark.slow]


def run(*command: str, cwd: Path) -> str:
    """Run a command and return what it said, which is in the failure too."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=STEP_TIMEOUT_S)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
    return done.stdout


def played(business: Business, *program: str, cwd: Path) -> dict[str, object]:
    customer = business.customer()
    arguments = (business.url, customer.email, customer.login["password"], ASSET)
    return json.loads(run(*program, *arguments, cwd=cwd))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(ROOT, tmp_path / "clients", ignore=shutil.ignore_patterns("node_modules", "built"))
    )


def test_the_python_clients_take_a_customer_to_a_working_proxy(folder: Path, business: Business) -> None:
    uv, python = str(Path(sys.executable).with_name("uv")), folder / "venv" / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", sys.executable, "venv", cwd=folder)
    run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--python",
        str(python),
        "-r",
        "requirements.txt",
        cwd=folder,
    )
    (folder / "config.yml").write_text("post_hooks: []\n")
    client = ("generate", "--path", str(DOCUMENT), "--output-path", "tollway_api", "--meta", "none")
    said = run(str(python), "-m", "openapi_python_client", *client, "--config", "config.yml", cwd=folder)
    assert "warning" not in said.lower(), said
    models = ("--input", str(DOCUMENT), "--input-file-type", "openapi", "--output", "tollway_models.py")
    kind = ("--output-model-type", "pydantic_v2.BaseModel", "--disable-warnings")
    run(str(python), "-m", "datamodel_code_generator", *models, *kind, cwd=folder)
    assert played(business, str(python), "story.py", cwd=folder) == STORY


NODE = pytest.mark.skipif(shutil.which("npm") is None, reason="node is not installed here")


@NODE
def test_redocly_and_spectral_find_nothing_in_the_document(folder: Path) -> None:
    run("npm", "ci", "--ignore-scripts", "--prefer-offline", cwd=folder)
    assert run("node", "lint.js", str(DOCUMENT), cwd=folder) == "[]\n"
    said = run("npx", "spectral", "lint", str(DOCUMENT), "--fail-severity", "hint", cwd=folder)
    assert "No results" in said


@NODE
def test_the_typescript_clients_compile_and_take_a_customer_to_a_working_proxy(
    folder: Path, business: Business
) -> None:
    run("npm", "ci", "--ignore-scripts", "--prefer-offline", cwd=folder)
    run("npx", "openapi-typescript", str(DOCUMENT), "-o", "schema.ts", cwd=folder)
    run("npx", "openapi-ts", "-i", str(DOCUMENT), "-o", "client", "-c", "@hey-api/client-fetch", cwd=folder)
    run("npx", "tsc", "--project", ".", cwd=folder)
    assert played(business, "node", "built/story.js", cwd=folder) == STORY
