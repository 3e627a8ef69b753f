"""Every security check that the documents name is really made."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
ROWS = re.findall(
    r"^\| (\d[^|]+?) \| `([^`]+)` \|$", (TESTS.parent / "docs" / "asvs.md").read_text(), re.MULTILINE
)


def test_the_table_is_read() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize(("requirement", "test"), ROWS, ids=lambda text: text.split("::")[-1])
def test_what_holds_a_requirement_is_there(requirement: str, test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((TESTS / file).read_text())
    known = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not name or name in known, f"{requirement} is held by nothing"
