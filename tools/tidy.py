"""House style as a test: what ruff and the import contracts cannot say.

    python tools/tidy.py        prints what is untidy and exits 1, or nothing and 0

Files have at most 400 lines, functions 60; every module has a docstring; tests mirror the sources; a service holds
only the files that services have; no module is called after what it is not (utils, helpers, common, manager); no
lock file names an index; no file names a path of somebody's machine.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "tollway"
MIRROR = ROOT / "tests" / "tollway"
FILE_LINES = 400
FUNCTION_LINES = 60
SERVICE_FILES = {
    "__init__", "manifest", "service", "model", "store", "http", "rpc", "subscribers", "jobs", "settings", "providers",
    "migrations", "templates", "factors", "kinds", "credentials", "user_data",
}  # fmt: skip
# Declarations, which have no behaviour of their own: whoever reads them is tested.
DECLARATIONS = {"settings.py", "manifest.py", "tables.py", "__main__.py"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "shared"}
HOME_PATHS = re.compile(r"(?<![\w./~-])/(?:work|root|home/\w+)/")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".proto", ".html", ""}


def main() -> None:
    """Print every finding; exit 1 when there is one."""
    findings = [*sources(), *services(), *mirrors(), *locks(), *paths()]
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


def modules() -> Iterator[Path]:
    """Every hand-written module of the product."""
    return (path for path in sorted(SOURCES.rglob("*.py")) if "_pb2" not in path.name)


def sources() -> Iterator[str]:
    """Lengths, docstrings and names."""
    for path in modules():
        name, text = path.relative_to(ROOT), path.read_text()
        lines = text.count("\n")
        if lines > FILE_LINES:
            yield f"{name}: {lines} lines; above {FILE_LINES} it becomes a folder of the same name"
        if path.stem in VAGUE:
            yield f"{name}: name it after what it holds"
        tree = ast.parse(text)
        if not ast.get_docstring(tree):
            yield f"{name}: say in a docstring what this module is for"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "migrations" not in path.parts:
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION_LINES:
                    yield f"{name}:{node.lineno}: {node.name} has {length} lines; at most {FUNCTION_LINES}"


def services() -> Iterator[str]:
    """A service holds only the files that services have."""
    for service in sorted((SOURCES / "services").iterdir()):
        if not service.is_dir() or service.name == "__pycache__":
            continue
        names = {path.name.removesuffix(".py") for path in service.iterdir() if path.name != "__pycache__"}
        for odd in sorted(names - SERVICE_FILES):
            yield f"{(service / odd).relative_to(ROOT)}: not a name that services use; see ARCHITECTURE.md"
        init = (
            ast.parse((service / "__init__.py").read_text()) if (service / "__init__.py").exists() else None
        )
        if init is None or len(init.body) != 1:
            yield f"{service.relative_to(ROOT)}/__init__.py: holds the service's docstring and nothing else"


def mirrors() -> Iterator[str]:
    """Tests mirror the sources and the other way around.

    tests/tollway/x/test_y.py tests src/tollway/x/y.py, or the folder y. A source without such a test stands in
    tests/mirrors.txt with the test that holds it; a line there that is not needed any more is removed.
    """
    for path in sorted(MIRROR.rglob("test_*.py")):
        inside = path.relative_to(MIRROR)
        mirrored = SOURCES / inside.parent / inside.stem.removeprefix("test_")
        if not mirrored.with_suffix(".py").exists() and not mirrored.is_dir():
            yield f"{path.relative_to(ROOT)}: mirrors no source; {mirrored.relative_to(ROOT)}.py does not exist"
    elsewhere = dict(line.split() for line in (ROOT / "tests" / "mirrors.txt").read_text().splitlines())
    unmirrored = {str(path.relative_to(SOURCES)) for path in modules() if not _mirrored(path)}
    for name in sorted(unmirrored - elsewhere.keys()):
        yield f"src/tollway/{name}: no test mirrors it; write one, or name in tests/mirrors.txt the test that holds it"
    for name, test in sorted(elsewhere.items()):
        if name not in unmirrored:
            yield f"tests/mirrors.txt: {name} needs no line any more; remove it"
        elif not (ROOT / "tests" / test).exists():
            yield f"tests/mirrors.txt: {name} is held by {test}, which does not exist"


def _mirrored(path: Path) -> bool:
    """Return whether a source has a test of its own, or its folder has, or it has nothing to test."""
    if (
        path.name == "user_data.py" and path.parent.parent.name == "services"
    ):  # tables; the fabric acts on them
        return True
    if path.name == "__init__.py" or "migrations" in path.parts or path.name in DECLARATIONS:
        return True
    if path.parent.parent.name == "contracts":  # events and charts of accounts: classes and tables
        return True
    if "demo" in path.parts:  # it is a test itself, and runs in three shapes
        return True
    inside = path.relative_to(SOURCES).with_suffix("")
    tests = [MIRROR / inside.parent / f"test_{inside.name}.py"]
    return any(test.exists() for test in tests)


def locks() -> Iterator[str]:
    """Lock files hold versions and hashes, never an address."""
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        if re.search(r"https?://|--index-url|--extra-index-url|--find-links", path.read_text()):
            yield f"{path.relative_to(ROOT)}: names a package index; lock with tools/lock.py"


def paths() -> Iterator[str]:
    """Nothing in the tree knows whose machine it was written on."""
    for folder in ("src", "tests", "tools", "docs", "bench", "requirements", ".ci", "deploy"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in TEXT_SUFFIXES and path.is_file() and path != Path(__file__):
                text = path.read_text(errors="ignore")
                if match := HOME_PATHS.search(text):
                    yield f"{path.relative_to(ROOT)}: names a path of a machine ({match.group()}…)"


if __name__ == "__main__":
    main()
