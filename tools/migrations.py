"""Landed migrations are never edited: their hashes are kept, and a change of one is refused.

python tools/migrations.py            adds the hashes of new migrations
python tools/migrations.py --check    exits 1 when a landed one was edited or removed, or a new one is not listed

A change of a table is a new revision. A database made by an earlier version would not have the edited one.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANDED = "tools/migrations.sha256"


def main() -> None:
    """Write, or check with --check; exit 1 with a line for each finding."""
    known = read(ROOT)
    broken = list(edited(ROOT, known))
    new = sorted(set(hashes(ROOT)) - known.keys())
    if "--check" in sys.argv:
        broken += [f"{name}: a new migration; list it with: python tools/migrations.py" for name in new]
    for finding in broken:
        print(finding)
    if broken:
        sys.exit(1)
    if new:
        rows = {**known, **{name: hashes(ROOT)[name] for name in new}}
        (ROOT / LANDED).write_text("".join(f"{rows[name]}  {name}\n" for name in sorted(rows)))


def edited(root: Path, known: dict[str, str]) -> Iterator[str]:
    """Give a line for each landed migration that is not as it landed."""
    present = hashes(root)
    for name, digest in sorted(known.items()):
        if name not in present:
            yield f"{name}: a landed migration was removed; put it back"
        elif present[name] != digest:
            yield f"{name}: a landed migration was edited; put it back and write a new revision"


def hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every migration below `root`, by its path."""
    paths = sorted((root / "src" / "tollway").rglob("migrations/[0-9]*.py"))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def read(root: Path) -> dict[str, str]:
    """Return what has landed: the path and hash of each migration."""
    if not (root / LANDED).exists():
        return {}
    pairs = (line.split(maxsplit=1) for line in (root / LANDED).read_text().splitlines())
    return {name: digest for digest, name in pairs}


if __name__ == "__main__":
    main()
