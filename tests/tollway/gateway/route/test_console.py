"""The console's files: compressed where the browser can read it, kept where it may, and never in the API's way."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.gateway import Setup, running_gateway
from tollway.gateway.route.console import CONTENT_POLICY, load_console

INDEX = b"<!doctype html><title>Console</title>"
SCRIPT = b"console.log(1);" * 200
BROWSER = b"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"


def build(folder: Path) -> Path:
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "assets" / "index-abc123.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-abc123.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets" / "notes.txt").write_text("not a file of the console")
    return folder


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[Setup]:
    async with running_gateway(tmp_path) as running:
        running.gateway.context.console = load_console(build(tmp_path / "console"))
        yield running


async def test_a_browser_gets_the_console_at_every_page_of_it(setup: Setup):
    for path in ("/", "/login", "/billing/orders", "/operate/customers?email=a"):
        answer = await setup.ask("GET", path, BROWSER)
        assert (answer.status, answer.body) == (200, INDEX), path
        assert answer.header("Content-Security-Policy") == CONTENT_POLICY.decode()
        assert answer.header("Cache-Control") == "no-cache"


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api", "/.well-known/nothing", "/assets/old-123.js", "/assets/notes.txt"]
)
async def test_what_is_no_page_is_not_found_even_for_a_browser(setup: Setup, path: str):
    answer = await setup.ask("GET", path, BROWSER)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_a_program_gets_a_problem_and_no_page(setup: Setup):
    assert (await setup.ask("GET", "/billing", b"Accept: application/json\r\n")).status == 404
    assert (await setup.ask("POST", "/billing", BROWSER)).status == 404


async def test_a_hashed_file_may_be_kept_for_a_year_and_comes_compressed(setup: Setup):
    plain = await setup.ask("GET", "/assets/index-abc123.js")
    assert (plain.body, plain.header("Content-Encoding")) == (SCRIPT, None)
    assert "immutable" in (plain.header("Cache-Control") or "")
    small = await setup.ask("GET", "/assets/index-abc123.js", b"Accept-Encoding: br, gzip\r\n")
    assert small.header("Content-Encoding") == "gzip"
    assert gzip.decompress(small.body) == SCRIPT
    refused = await setup.ask("GET", "/assets/index-abc123.js", b"Accept-Encoding: gzip;q=0\r\n")
    assert refused.header("Content-Encoding") is None


async def test_what_a_browser_has_is_not_sent_again(setup: Setup):
    etag = (await setup.ask("GET", "/", BROWSER)).header("ETag") or ""
    again = await setup.ask("GET", "/", BROWSER, b"If-None-Match: %b\r\n" % etag.encode())
    assert (again.status, again.body) == (304, b"")


async def test_head_tells_the_size_and_sends_nothing(setup: Setup):
    answer = await setup.ask("HEAD", "/", BROWSER)
    assert (answer.status, answer.header("Content-Length"), answer.body) == (200, str(len(INDEX)), b"")


async def test_the_api_comes_before_the_console(setup: Setup):
    assert (await setup.ask("GET", "/api/catalog", BROWSER)).json["target"] == "/api/catalog"


async def test_without_a_build_there_is_no_console(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.gateway.context.console = load_console(tmp_path / "nothing")
        assert not setup.gateway.context.console
        assert (await setup.ask("GET", "/", BROWSER)).status == 404
