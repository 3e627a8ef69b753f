"""What only some files may do, held by reading the code: dialling, resolving, TLS, raw connections, the meter.

    python tools/walls.py       prints each violation and exits 1, or nothing and 0

Import contracts see imports; these rules see the calls and attributes that need none. Each rule says what is forbidden,
where it is allowed, and what to use instead.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "src" / "tollway"


@dataclass(frozen=True, slots=True)
class Wall:
    """One rule: files below `within` use none of `names` and import none of `modules`, unless they are `allowed`.

    `calls` are functions by their last part (`getaddrinfo`) or two (`socket.socket`); `attributes` are read or written.
    """

    within: tuple[str, ...]
    instead: str
    calls: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    allowed: tuple[str, ...] = ()


WALLS = (
    Wall(
        within=("services/", "edge/", "gateway/"),
        calls=frozenset(
            (
                "socket.socket",
                "socket.fromfd",
                "create_connection",
                "create_unix_connection",
                "open_connection",
                "open_unix_connection",
                "create_datagram_endpoint",
                "create_server",
                "start_server",
                "sock_connect",
                "connect_ex",
                "getaddrinfo",
                "gethostbyname",
            )
        ),
        # The guard asks the kernel whether an address is its own, with a socket that connects to nothing.
        allowed=("edge/exits/", "edge/listener.py", "edge/guard.py", "gateway/upstream/", "gateway/listen/"),
        instead="only edge/exits, edge/listener, gateway/upstream and gateway/listen open sockets or resolve names",
    ),
    Wall(
        within=("services/",),
        modules=frozenset(
            (
                "ssl",
                "socket",
                "http.client",
                "urllib.request",
                "urllib3",
                "httpx",
                "aiohttp",
                "requests",
                "websockets",
            )
        ),
        # The payment mock stands in for a vendor: it sends webhooks as the vendor would.
        allowed=("services/payments_mock/", "services/payments/providers/"),
        instead="a service talks to the outside through a provider (providers/<vendor>) or a fabric port",
    ),
    Wall(
        within=("services/", "gateway/", "edge/", "cli/", "topology/"),
        attributes=frozenset(("exec_driver_sql", "get_raw_connection", "driver_connection", "conn")),
        allowed=("services/ledger/store/",),
        instead="use the transaction's own methods (fabric.db.Tx)",
    ),
    Wall(
        within=("edge/protocols/",),
        attributes=frozenset(("quota", "throttle", "bucket", "meter", "slot")),
        modules=frozenset(
            (
                "tollway.edge.quota",
                "tollway.edge.throttle",
                "tollway.edge.meter_file",
                "tollway.edge.exits.direct",
                "tollway.edge.exits.pool",
            )
        ),
        instead="a protocol spends through Spend and connects through Session",
    ),
    Wall(
        within=("wire/",),
        modules=frozenset(("socket", "asyncio", "ssl", "selectors", "subprocess", "threading")),
        instead="wire holds sans-I/O codecs",
    ),
)


def findings(sources: Path = SOURCES) -> Iterator[str]:
    """Give a line for each violation below `sources`, a copy of src/tollway."""
    for path in sorted(sources.rglob("*.py")):
        inside = path.relative_to(sources).as_posix()
        walls = [
            wall for wall in WALLS if inside.startswith(wall.within) and not inside.startswith(wall.allowed)
        ]
        if not walls or "_pb2" in path.name:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for wall in walls:
                if what := _violation(node, wall):
                    yield f"src/tollway/{inside}:{node.lineno}: {what}: {wall.instead}"  # type: ignore[attr-defined]


def _violation(node: ast.AST, wall: Wall) -> str:
    """Return what a node does that the wall forbids; empty when it does not."""
    match node:
        case ast.Import(names=names):
            return next((one.name for one in names if _matches(one.name, wall.modules)), "")
        case ast.ImportFrom(module=str(module), names=names, level=0):
            whole = [module, *(f"{module}.{one.name}" for one in names)]
            return next((one for one in whole if _matches(one, wall.modules)), "")
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=attr)):
            return attr if wall.calls & {attr, f"{owner}.{attr}"} else ""
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name if name in wall.calls else ""
        case ast.Attribute(attr=attr):
            return attr if attr in wall.attributes else ""
    return ""


def _matches(module: str, forbidden: frozenset[str]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in forbidden)


def main() -> None:
    """Print every violation; exit 1 when there is one."""
    found = list(findings())
    for finding in found:
        print(finding)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
