"""Names that nobody uses, names that mean two things, and words that this project no longer uses.

python tools/names.py       prints each finding and exits 1, or nothing and 0
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "tollway"

# Each with what to say instead. A word stands alone or as a part of a name: `room_keys`, `RoomKeys`.
RETIRED = {
    "room": "service",
    "rooms": "services",
    "door": "API",
    "doors": "APIs",
    "house": "platform",
    "hears": "subscribes to",
    "hearer": "subscriber",
    "heard": "received",
    "teller": "publisher",
    "tell": "notify, return, or report",
    "tells": "notifies, returns, or reports",
    "told": "notified, or sent",
    "untold": "unsent",
    "resident": "service",
    "residents": "services",
    "farewell": "lingering close",
    "hello": "handshake",
    "familiar": "cached",
    "pen": "writer lock",
    "desk": "planner, or request context",
    "upkeep": "maintenance",
    "janitor": "timed work, resume",
    "takeback": "reversal",
    "takebacks": "reversals",
    "manners": "rules",
}
# Where an ordinary sense of the word is meant.
ORDINARY = re.compile(
    r"\broom for\b|\bhas room\b|\b(?:is|was|no|more|make|makes|made|leave|leaves) room\b|\bchat[ _]rooms?\b|"
    r"open[ _-]house|^tell$|\"PEN\"|\bPEN\b|\bhello[ ,!]|\bhello\"|'hello'|client[ _]hello|b\"hello",
    re.IGNORECASE,
)
# What means two things on purpose, with the reason.
SHARED: dict[str, str] = {}
# What the next protocols, providers and services stand on; a toy one in the tests uses it today.
SEAMS = {"serve_with": "a protocol of the edge that is a coroutine"}
# Called by a framework through its name.
CALLED_BY_NAME = re.compile(r"on_[a-z_]+|[a-z]+_[a-z]+_(?:before|after)|upgrade|downgrade|model_post_init")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def findings(sources: Path = SOURCES) -> Iterator[str]:
    """Give a line for each finding below `sources`, a copy of src/tollway."""
    texts = {path: path.read_text() for path in sorted(sources.rglob("*.py")) if "_pb2" not in path.name}
    yield from unused(texts, sources)
    yield from ambiguous(texts, sources)
    yield from retired(texts, sources)


def unused(texts: dict[Path, str], sources: Path) -> Iterator[str]:
    """Find public names that stand nowhere in the sources but where they are defined."""
    words = Counter(word for text in texts.values() for word in re.findall(r"\w+", text))
    for path, text in texts.items():
        if "migrations" in path.parts:
            continue
        for name, line in _public_names(ast.parse(text)):
            if words[name] == 1 and name not in SEAMS and not CALLED_BY_NAME.fullmatch(name):
                yield f"src/tollway/{path.relative_to(sources)}:{line}: nobody uses {name}; delete it"


def ambiguous(texts: dict[Path, str], sources: Path) -> Iterator[str]:
    """Find public classes whose name another module defines too: one name means one thing."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, text in texts.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"src/tollway/{path.relative_to(sources)}")
    for name, paths in sorted(places.items()):
        if len(paths) > 1 and name not in SHARED:
            yield f"{paths[0]}: {name} is also a class of {', '.join(paths[1:])}; name each for what it is"


def retired(texts: dict[Path, str], sources: Path) -> Iterator[str]:
    """Find retired words in names of files, in identifiers, strings and comments."""
    for path, text in texts.items():
        inside = path.relative_to(sources)
        for word in _retired_in(" ".join(inside.with_suffix("").parts)):
            yield f"src/tollway/{inside}: the name says {word!r}; say {RETIRED[word]!r}"
        for line, said in _said(text):
            for word in _retired_in(said):
                yield f"src/tollway/{inside}:{line}: {word!r}; say {RETIRED[word]!r}"


def _public_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.decorator_list:
                found = [(node.name, node.lineno)]
            case ast.ClassDef():
                methods = (
                    (one.name, one.lineno)
                    for one in node.body
                    if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and not one.decorator_list
                )
                found = [(node.name, node.lineno), *methods]
            case ast.Assign(targets=targets):
                found = [(one.id, one.lineno) for one in targets if isinstance(one, ast.Name)]
            case ast.AnnAssign(target=ast.Name() as target):
                found = [(target.id, target.lineno)]
            case _:
                continue
        yield from ((name, line) for name, line in found if not name.startswith("_"))


def _said(text: str) -> Iterator[tuple[int, str]]:
    """Give every name, string and comment with its line."""
    spoken = (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in spoken:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


def _retired_in(text: str) -> Iterable[str]:
    plain = ORDINARY.sub(" ", text)
    parts = {part.lower() for part in _PARTS.findall(plain)}
    return sorted(parts & RETIRED.keys())


def main() -> None:
    """Print every finding; exit 1 when there is one."""
    found = list(findings())
    for finding in found:
        print(finding)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
