"""What it takes to add one of a kind, done in a copy of the sources as a new contributor would."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.eventually import wait_until
from tests.kit.platform import platform

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent

NOTES = {
    "services/notes/__init__.py": '"""Notes: a line of text for everybody."""\n',
    "services/notes/manifest.py": '''"""What the notes service is, needs and offers."""

from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.services.notes.http import router

    return ServiceParts(service=context.db, router=router(context.db))


MANIFEST = ServiceManifest(name="notes", purpose="a line of text for everybody", build=build)
''',
    "services/notes/http.py": '''"""The REST side of notes."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tollway.fabric.rest import route


class Note(BaseModel):
    text: str = Field(description="What the note says")


def router(service: Any) -> APIRouter:
    """Make the routes of notes."""
    api = APIRouter(tags=["notes"])

    @api.get("/api/notes", **route(permission="public"))
    async def note() -> Note:
        """Show the note."""
        return Note(text="hello from notes")

    return api
''',
}

ECHO = '''"""Echo: `NAME SECRET` on a line, then whatever the client says comes back."""

from tollway.edge.awaitable import AwaitableSession, serve_with
from tollway.edge.credential import password
from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.refusal import REFUSALS


async def serve(session: AwaitableSession) -> None:
    """Serve one client."""
    line = b""
    while not line.endswith(b"\\n"):
        byte = await session.client.read(1)
        if not byte:
            return
        line += byte
    name, _, secret = line.decode().strip().partition(" ")
    await session.authenticate(password(name, secret))
    while data := await session.client.read():
        await session.client.write(data)


SPEC = ProtocolSpec("echo", "Echo", 7007, serve_with("echo", serve), dict.fromkeys(REFUSALS, "close"))
'''
TEST_OF_ECHO = '''"""The echo protocol: who may use it, and what it costs."""

from pathlib import Path

from tests.kit.edges import Client, edge_setup


async def test_it_says_back_what_was_said_and_each_byte_is_charged(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.edge.ports["echo"])
        await client.send(b"alice s3cret\\n" + bytes(100_000))
        assert await client.exactly(100_000) == bytes(100_000)
        await client.close()
        await here.settled()
        (use,) = here.access.usage.values()
        assert (use.protocol, use.input_octets, use.output_octets) == ("echo", 100_013, 100_000)


async def test_a_wrong_secret_is_refused(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.edge.ports["echo"])
        await client.send(b"alice guess\\n")
        assert await client.rest() == b""
        assert here.access.used() == 0
        await client.close()
'''


@contextmanager
def serving_pages(pages: Mapping[str, bytes]) -> Iterator[str]:
    """Serve fixed pages on a port of loopback until the block ends; yield its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the product's sources."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "copy" / "src", ignore=ignored)
    shutil.copytree(ROOT / "tools", tmp_path / "copy" / "tools", ignore=ignored)
    return tmp_path / "copy" / "src" / "tollway"


def environment(sources: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(sources.parent)}


def write(sources: Path, files: Mapping[str, str]) -> None:
    for inside, text in files.items():
        (sources / inside).parent.mkdir(exist_ok=True)
        (sources / inside).write_text(text)


def generate(sources: Path, *tools: str) -> None:
    """Write the generated files anew, as CONTRIBUTING says."""
    for tool in tools:
        program = [sys.executable, str(sources.parent.parent / "tools" / f"{tool}.py")]
        subprocess.run(program, env={**os.environ, **environment(sources)}, check=True, timeout=60)


def touched(sources: Path) -> list[str]:
    """Name the hand-written files that differ from the product's."""
    product = ROOT / "src" / "tollway"
    generated = {".json"}
    return sorted(
        str(path.relative_to(sources))
        for path in sources.rglob("*.*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in generated
        if not (twin := product / path.relative_to(sources)).exists()
        or twin.read_bytes() != path.read_bytes()
    )


def test_a_service_is_three_files_of_its_own_and_its_name_in_the_topology(
    sources: Path, tmp_path: Path
) -> None:
    write(sources, NOTES)
    topology = sources / "topology" / "__init__.py"
    topology.write_text(
        topology.read_text().replace('        "audit",\n', '        "audit",\n        "notes",\n')
    )
    generate(sources, "routes", "openapi")
    assert len(touched(sources)) == 4
    with platform(tmp_path / "data", **environment(sources)) as running:
        url = f"{running.known['api']}/api/notes"
        wait_until(lambda: running.get(url)[0] == 200)
        assert running.get(url) == (200, b'{"text":"hello from notes"}')
        assert running.get(f"{running.known['api']}/api/note")[0] == 404


def test_a_route_of_the_operators_touches_no_file_of_the_product(tmp_path: Path) -> None:
    with serving_pages({"/shop/": b"a shop"}) as upstream, platform(tmp_path / "data") as running:
        routes = Path(running.known["data"]) / "routes.d"
        routes.mkdir(exist_ok=True)
        (routes / "shop.toml").write_text(
            f'[[route]]\nname = "shop"\nprefix = "/shop"\nendpoints = ["{upstream}"]\nauth = "public"\n'
        )
        wait_until(lambda: running.get(f"{running.known['api']}/shop/")[0] == 200)
        assert running.get(f"{running.known['api']}/shop/") == (200, b"a shop")


def test_a_protocol_is_a_file_of_its_own_a_line_and_its_test(sources: Path) -> None:
    copy = sources.parent.parent
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    write(sources, {"edge/protocols/echo.py": ECHO})
    table = sources / "edge" / "protocols" / "__init__.py"
    table.write_text(
        table.read_text()
        .replace("import http, socks5", "import echo, http, socks5")
        .replace("socks5.SPEC,", "socks5.SPEC, echo.SPEC,")
    )
    test = copy / "tests" / "tollway" / "edge" / "protocols" / "test_echo.py"
    test.write_text(TEST_OF_ECHO)
    assert touched(sources) == ["edge/protocols/__init__.py", "edge/protocols/echo.py"]
    for program in (
        ["-m", "pytest", "-q", str(test)],
        ["tools/tidy.py"],
        ["tools/walls.py"],
        ["tools/names.py"],
    ):
        done = subprocess.run(
            [sys.executable, *program],
            cwd=copy,
            env={**os.environ, **environment(sources)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
