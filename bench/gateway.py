"""The gateway against haproxy: the same job, the same upstream, the same tokens, in one run.

The job of both: check an access token (ES256, issuer, audience, expiry), count its user against a limit, give the
request an id, pass it on, write an access log line, keep figures. wrk sends 64 tokens in turn over 16
connections. The finding is requests per second of the proxy's own processor time, which holds still on a busy
machine, and then the added median latency at 500 requests per second.

    python -m bench.gateway            a few minutes, prints ratio lines
    python -m bench.gateway --quick    one short round
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from bench import peers

ISSUER, AUDIENCE = "http://bench", "tollway"
TOKENS = 64
BODY = json.dumps(
    {"id": "ord_01k9w2", "state": "filled", "lines": [{"asset": "bandwidth", "units": "1000"}] * 3}
)[:199]

HAPROXY = """
global
    nbthread 1
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout client 30s
    timeout server 30s
    timeout connect 2s
    timeout http-request 5s
    timeout http-keep-alive 75s
frontend api
    bind 127.0.0.1:{port}
    unique-id-format %[uuid()]
    unique-id-header X-Request-ID
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
    http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
    http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str ES256 }}
    http-request deny deny_status 401 unless {{ var(txn.iss) -m str {issuer} }}
    http-request deny deny_status 401 unless {{ var(txn.aud) -m str {audience} }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{key}") 1 }}
    http-request track-sc0 var(txn.sub) table users
    http-request deny deny_status 429 if {{ sc_http_req_rate(0,users) gt 1000000000 }}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-For %[src]
    http-response set-header X-Content-Type-Options nosniff
    http-response set-header Referrer-Policy no-referrer
    default_backend services
backend services
    http-reuse always
    server service 127.0.0.1:{upstream}
backend users
    stick-table type string len 64 size 100k expire 60s store http_req_rate(60s)
"""

UPSTREAM = """
global
    nbthread 1
defaults
    mode http
    timeout client 120s
    timeout server 30s
    timeout connect 2s
frontend service
    bind 127.0.0.1:{port}
    http-request return status 200 content-type application/json file {body}
"""

WRK = """
local tokens = {{ {tokens} }}
local turn = 0
request = function()
  turn = turn % #tokens + 1
  return wrk.format("GET", "/api/orders/ord_1?x=1", {{ ["Authorization"] = "Bearer " .. tokens[turn],
    ["Accept"] = "application/json", ["User-Agent"] = "bench" }})
end
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d\\n", summary.requests,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write,
    latency:percentile(50)))
end
"""


# ── the gateway's own process ───────────────────────────────────────────────────────────────────────


async def serve(port: int, upstream: str, jwks: str, log: str) -> None:
    """Run the real gateway; only the tokens service, which it asks nothing here, is a stand-in."""
    from prometheus_client import CollectorRegistry

    from tollway.fabric.access_tokens import Verifier
    from tollway.fabric.clock import SystemClock
    from tollway.fabric.limits.memory import MemoryLimits
    from tollway.gateway.listen.server import Gateway
    from tollway.gateway.route.route import Route
    from tollway.gateway.settings import GatewaySettings, LimitSettings

    async def keys() -> str:
        return Path(jwks).read_text()

    async def no_revocations(_request: object) -> AsyncIterator[Any]:
        while True:
            await asyncio.sleep(1)
            yield SimpleNamespace(sequence=0, session_id="", user_id="", at_us=0, kid="")

    clock = SystemClock()
    limits = {
        "default": LimitSettings(quota=1_000_000_000, window_s=60),
        "login": LimitSettings(quota=10, window_s=300, by="ip"),
    }
    settings = GatewaySettings.model_validate({"port": port, "access_log": log, "limits": limits})
    tokens: Any = SimpleNamespace(FollowRevocations=no_revocations)
    routes = [
        Route(name=name, prefix=f"/api/{name}", endpoints=(upstream,), cluster="services", forward_token=True)
        for name in ("auth", "users", "accounts", "wallet", "catalog", "orders", "billing", "access", "usage")
    ]
    gateway = Gateway(
        settings,
        routes,
        Verifier(keys, ISSUER, AUDIENCE, clock),
        tokens,
        clock,
        limits=MemoryLimits(),
        local_limits=MemoryLimits(),
        registry=CollectorRegistry(),
    )
    await gateway.start()
    await asyncio.Event().wait()


def serve_forever(arguments: list[str]) -> None:
    import uvloop

    port, upstream, jwks, log = arguments
    uvloop.run(serve(int(port), upstream, jwks, log))


# ── the set-up ──────────────────────────────────────────────────────────────────────────────────────


class Bench:
    """Everything on loopback, in a folder that goes away."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig", "kid": "bench"})
        (folder / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
        (folder / "key.pem").write_bytes(key.as_pem(private=False))
        (folder / "body.json").write_text(BODY)
        (folder / "wrk.lua").write_text(WRK.format(tokens=",".join(f'"{one}"' for one in make_tokens(key))))
        self.upstream = peers.free_port()
        stack.enter_context(
            self._haproxy(
                "upstream", self.upstream, UPSTREAM.format(port=self.upstream, body=folder / "body.json")
            )
        )

    @contextmanager
    def haproxy(self) -> Iterator[tuple[int, int]]:
        port = peers.free_port()
        config = HAPROXY.format(
            port=port, upstream=self.upstream, key=self.folder / "key.pem", issuer=ISSUER, audience=AUDIENCE
        )
        with self._haproxy("peer", port, config) as pid:
            yield port, pid

    @contextmanager
    def gateway(self) -> Iterator[tuple[int, int]]:
        port = peers.free_port()
        command = [sys.executable, "-m", "bench.gateway", "--serve", str(port), f"127.0.0.1:{self.upstream}"]
        command += [str(self.folder / "jwks.json"), str(self.folder / "access.log")]
        with peers.running(command, port, self.folder / "gateway.txt") as pid:
            yield port, pid

    @contextmanager
    def _haproxy(self, name: str, port: int, config: str) -> Iterator[int]:
        path = self.folder / f"{name}.cfg"
        path.write_text(config)
        with peers.running(
            [peers.program("haproxy"), "-db", "-f", str(path)], port, self.folder / f"{name}.log"
        ) as pid:
            yield pid

    def load(self, port: int, seconds: float) -> tuple[int, float]:
        """Send as much as it takes for `seconds`; return requests answered and the median latency in ms."""
        command = [peers.program("wrk"), "-t1", "-c16", f"-d{seconds:g}s", "-s", str(self.folder / "wrk.lua")]
        shown = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], check=True, capture_output=True, text=True
        ).stdout
        found = re.search(r"RESULT (\d+) (\d+) (\d+)", shown)
        assert found is not None, shown
        assert found[2] == "0", f"wrk had errors:\n{shown}"
        return int(found[1]), int(found[3]) / 1_000


def make_tokens(key: ECKey) -> list[str]:
    now = int(time.time())
    made: list[str] = []
    for number in range(TOKENS):
        claims = {
            "iss": ISSUER,
            "sub": f"usr_{number:026d}",
            "aud": AUDIENCE,
            "exp": now + 290,
            "iat": now - 1,
            "jti": f"jti_{number:026d}",
            "client_id": "bench",
            "sid": f"ses_{number:026d}",
            "roles": ["customer"],
            "auth_time": now,
            "amr": ["pwd"],
            "kind": "user",
            "scope": "customer",
        }
        made.append(jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "bench"}, claims, key))
    return made


# ── the measurements ────────────────────────────────────────────────────────────────────────────────


def rps_per_core(bench: Bench, port: int, pid: int, seconds: float) -> float:
    before = peers.cpu_s(pid)
    requests, _ = bench.load(port, seconds)
    return requests / (peers.cpu_s(pid) - before)


async def median_ms(port: int, token: str, rate: int, seconds: float) -> float:
    """Send `rate` requests a second, evenly, over 8 connections; return the median latency in ms."""
    lines = (
        "GET /api/orders/ord_1 HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {token}",
        "",
        "",
    )
    request = "\r\n".join(lines).encode()
    took: list[float] = []

    async def one(offset_s: float, interval_s: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = time.perf_counter() + offset_s
        end = due + seconds
        while due < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            took.append(time.perf_counter() - start)
            assert b" 200 " in head.partition(b"\r\n")[0], head
            due += interval_s
        writer.close()

    await asyncio.gather(*(one(n / rate, 8 / rate) for n in range(8)))
    return statistics.median(took) * 1_000


def measure(rounds: int, seconds: float) -> list[str]:
    import uvloop

    peers.need("haproxy", "wrk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-gateway-")))
        bench = Bench(folder, stack)
        token = re.findall(r'"(ey[^"]+)"', (folder / "wrk.lua").read_text())[0]
        ours: list[float] = []
        theirs: list[float] = []
        direct_ms: list[float] = []
        ours_ms: list[float] = []
        theirs_ms: list[float] = []
        with bench.gateway() as (port, pid), bench.haproxy() as (peer_port, peer_pid):
            bench.load(port, 1)
            bench.load(peer_port, 1)
            for number in range(rounds):
                pairs = [(ours, port, pid), (theirs, peer_port, peer_pid)]
                for found, at, process in pairs if number % 2 else reversed(pairs):
                    found.append(rps_per_core(bench, at, process, seconds))
                print(
                    f"round {number + 1}: gateway {ours[-1]:,.0f} haproxy {theirs[-1]:,.0f} requests per CPU second"
                )
            for _ in range(2 * rounds):
                for found, at in ((direct_ms, bench.upstream), (ours_ms, port), (theirs_ms, peer_port)):
                    found.append(uvloop.run(median_ms(at, token, 500, seconds / 2)))
    # Other work on the machine only ever adds to a latency, so the quietest round counts.
    direct, mine, peer = map(min, (direct_ms, ours_ms, theirs_ms))
    print(f"median latency at 500 rps: direct {direct:.3f} ms, gateway {mine:.3f} ms, haproxy {peer:.3f} ms")
    return [
        peers.ratio_line(
            "gateway_rps_per_core_vs_haproxy", statistics.median(ours) / statistics.median(theirs), ">=1.5"
        ),
        peers.ratio_line("gateway_added_p50_ms_at_500_rps", mine - direct, "<=0.15", "figure"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument(
        "--serve", nargs=4, metavar=("PORT", "UPSTREAM", "JWKS", "LOG"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.serve:
        serve_forever(arguments.serve)
        return
    for line in measure(1, 2) if arguments.quick else measure(5, 5):
        print(line)


if __name__ == "__main__":
    main()
