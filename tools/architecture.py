"""Draws the map in ARCHITECTURE.md from the topology, so that it cannot be wrong.

python tools/architecture.py            writes it
python tools/architecture.py --check    exits 1 when what is committed is stale
"""

import sys
from pathlib import Path

from tollway.topology import ASKS, ROOMS, TARGETS

PAGE = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"
BEGIN, END = "<!-- map: begin -->", "<!-- map: end -->"


def drawn() -> str:
    """Draw who asks whom and who hears whom, as a diagram and as a table."""
    lines = ["```mermaid", "flowchart LR"]
    lines += [f"  {asker} --> {door}" for asker, doors in ASKS.items() for door in doors]
    lines += [
        f"  {source} -.-> {room.name}"
        for room in ROOMS.values()
        if room.name != "audit"
        for source in room.hears
    ]
    lines += [
        "```",
        "",
        "Solid: asks through a door. Dotted: facts that are heard. The audit room hears everybody.",
        "",
    ]
    lines += ["| room | purpose | asks | REST |", "|---|---|---|---|"]
    for room in ROOMS.values():
        paths = " ".join(f"`{path}`" for path in room.paths)
        lines.append(
            f"| [{room.name}](src/tollway/services/{room.name}) | {room.purpose} | {' '.join(room.asks)} | {paths} |"
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
