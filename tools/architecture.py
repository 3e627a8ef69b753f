"""Draws the map in ARCHITECTURE.md from the topology, so that it cannot be wrong.

python tools/architecture.py            writes it
python tools/architecture.py --check    exits 1 when what is committed is stale
"""

import sys
from pathlib import Path

from tollway.contracts.events import Event
from tollway.topology import CALLS, OPERATOR, SERVICES, TARGETS
from tollway.topology.rest_paths import rest_paths

PAGE = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"
BEGIN, END = "<!-- map: begin -->", "<!-- map: end -->"


def drawn() -> str:
    """Draw who calls whom and who subscribes to whom, as a diagram and as a table."""
    lines = ["```mermaid", "flowchart LR"]
    lines += [
        f"  {caller} --> {api}" for caller, calls in CALLS.items() if caller != OPERATOR for api in calls
    ]
    lines += [
        f"  {source} -.-> {service.name}"
        for service in SERVICES.values()
        if Event not in service.subscribes
        for source in service.sources
    ]
    lines += [
        "```",
        "",
        "Solid: calls. Dotted: events that are subscribed to. The audit service subscribes to everybody.",
        "",
    ]
    paths_of = rest_paths()
    lines += ["| service | purpose | calls | REST |", "|---|---|---|---|"]
    for service in SERVICES.values():
        paths = " ".join(f"`{path}`" for path in paths_of.get(service.name, ()))
        lines.append(
            f"| [{service.name}](src/tollway/services/{service.name}) | {service.purpose} "
            f"| {' '.join(service.calls)} | {paths} |"
        )
    lines += ["", *(f"Target `{name}` = {' '.join(members)}." for name, members in TARGETS.items())]
    return "\n".join(lines)


def main() -> None:
    """Write, or check with --check."""
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    fresh = f"{head}{BEGIN}\n{drawn()}\n{END}{tail}"
    if "--check" not in sys.argv:
        PAGE.write_text(fresh)
    elif fresh != page:
        print("stale map; run: python tools/architecture.py")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
