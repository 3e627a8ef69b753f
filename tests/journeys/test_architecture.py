"""ARCHITECTURE.md follows a purchase and a byte file by file. Here both happen, and every file it names takes part."""

import base64
import http.client
import http.server
import json
import os
import re
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.business import Business, fresh_key, running_business
from tests.kit.eventually import wait_until

pytestmark = pytest.mark.slow

# A corner of loopback in which the platform itself listens to nothing.
HOST = "127.77.0.9"
ROOT = Path(__file__).resolve().parent.parent.parent
# Loaded by the interpreter at its start. Between two signals it notes in which files functions are called.
TRACER = """
import os, signal, sys

seen = set()

def note(frame, event, argument):
    if event == "call" and frame.f_code.co_name != "<module>":
        seen.add(frame.f_code.co_filename)

def begin(*_):
    seen.clear()
    sys.setprofile(note)

def end(*_):
    sys.setprofile(None)
    with open(os.environ["TRACE_FILE"] + ".part", "w") as file:
        file.write("\\n".join(seen))
    os.rename(os.environ["TRACE_FILE"] + ".part", os.environ["TRACE_FILE"])

signal.signal(signal.SIGUSR1, begin)
signal.signal(signal.SIGUSR2, end)
"""


def named(section: str) -> list[str]:
    """List the source files that a section of ARCHITECTURE.md names."""
    text = (ROOT / "ARCHITECTURE.md").read_text().partition(f"## {section}")[2].partition("\n## ")[0]
    return re.findall(r"`((?:gateway|edge|fabric|services|wire|contracts)/[\w/]+\.py)`", text)


class Traced:
    """A business in one process, and what it does between two moments."""

    def __init__(self, running: Business, trace: Path) -> None:
        self.running, self._trace = running, trace
        self._pid = json.loads((running.data / "run" / "all.ready").read_text())["pid"]

    @contextmanager
    def traced(self, files: set[str]) -> Iterator[None]:
        """Add to `files` what was called inside, as paths below the package."""
        os.kill(self._pid, signal.SIGUSR1)
        yield
        os.kill(self._pid, signal.SIGUSR2)
        wait_until(self._trace.exists)
        found = self._trace.read_text().splitlines()
        self._trace.unlink()
        files.update(path.partition("/tollway/")[2] for path in found if "/tollway/" in path)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "sitecustomize.py").write_text(TRACER)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    environment = {
        "PYTHONPATH": path,
        "TRACE_FILE": str(folder / "trace"),
        "TOLLWAY_EDGE__REPORT_INTERVAL_S": "0.2",
    }
    with running_business(folder / "data", "all", "payments_mock", **environment) as running:
        yield Traced(running, folder / "trace")


def test_every_file_named_takes_part_in_a_purchase(platform: Traced) -> None:
    ann = platform.running.customer()
    ann.pay_in("20.00")
    seen: set[str] = set()
    with platform.traced(seen):
        quote = {"asset": "bandwidth.datacenter.standard", "quantity": "1000000000", "currency": "USD"}
        quoted = ann.caller.post("/api/orders/quote", quote).json
        order = ann.caller.post("/api/orders", {"quote_id": quoted["id"]}, fresh_key())
        assert order.json["state"] == "filled"
        # The receipt is written when the event has arrived.
        wait_until(lambda: any("purchase" in mail["subject"] for mail in _mails(platform.running, ann.email)))
    assert sorted(set(named("One purchase, file by file")) - seen) == []


def test_every_file_named_takes_part_in_a_proxied_byte(platform: Traced) -> None:
    ben = platform.running.customer()
    ben.pay_in("20.00")
    ben.buy(1_000_000)
    access = ben.connect()
    server = next(one for one in access["proxies"] if one["protocol"] == "http")
    login = base64.b64encode(f"{access['username']}:{access['password']}".encode()).decode()
    proxy = Proxy((server["host"], server["port"]), {"Proxy-Authorization": f"Basic {login}"})
    origin = http.server.ThreadingHTTPServer((HOST, 0), _Origin)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    seen: set[str] = set()
    try:
        with platform.traced(seen):
            assert proxy.tunnel(origin.server_port) == _Origin.SIZE
            wait_until(lambda: proxy.status(origin.server_port) == 402)
            wait_until(
                lambda: int(ben.caller.get("/api/usage/stats").json["today"]["bytes_total"]) == 1_000_000
            )
    finally:
        origin.shutdown()
        origin.server_close()
    assert sorted(set(named("One proxied byte, file by file")) - seen) == []


class _Origin(http.server.BaseHTTPRequestHandler):
    SIZE = 300_000

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(self.SIZE))
        self.end_headers()
        self.wfile.write(b"x" * self.SIZE)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def _mails(running: Business, email: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(
        f"{running.addresses['inbox']}/api/messages?to={email}", timeout=30
    ) as answer:
        return json.load(answer)["messages"]


class Proxy:
    """The HTTP proxy, as a customer uses it."""

    def __init__(self, address: tuple[str, int], headers: dict[str, str]) -> None:
        self._address, self._headers = address, headers

    def tunnel(self, port: int) -> int:
        """Fetch the origin's page through CONNECT; how long it was."""
        connection = http.client.HTTPConnection(*self._address, timeout=20)
        connection.set_tunnel(HOST, port, self._headers)
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            return len(answer.read())

    def status(self, port: int) -> int:
        """Ask for the origin's page; the status, or 0 when the answer was cut short."""
        connection = http.client.HTTPConnection(*self._address, timeout=20)
        connection.request("GET", f"http://{HOST}:{port}/", headers=self._headers)
        try:
            with connection.getresponse() as answer:
                answer.read()
                return answer.status
        except (http.client.HTTPException, ConnectionError):
            return 0
        finally:
            connection.close()
