"""What Tollway is installed with is what it uses: a dependency that nothing imports is one more to keep up with."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "tollway"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Found by name by the library that uses them: what names them in the sources.
BY_NAME = {
    "aiosqlite": "sqlite+aiosqlite",
    "websockets": "websockets-sansio",
}


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported() -> set[str]:
    """Name every distribution that some module imports, also late or by `importlib`."""
    modules: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
                modules |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    known = packages_distributions()
    return {name_of(one) for module in modules for one in known.get(module.partition(".")[0], ())}


def test_every_run_time_dependency_is_imported() -> None:
    used = imported()
    idle = {name_of(one) for one in PROJECT["dependencies"]} - used
    assert idle == BY_NAME.keys(), (
        "take out of pyproject what nothing imports, or out of BY_NAME what something does"
    )


def test_what_is_found_by_name_is_named() -> None:
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    assert [name for name, word in BY_NAME.items() if word not in text] == []
