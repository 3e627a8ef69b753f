"""Text in files that people open with a spreadsheet."""

import pytest

from tollway.kit.spreadsheets import harmless


@pytest.mark.parametrize(
    "text", ["=1+1", "+49", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(A1)"]
)
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "ann", "1-1", "a=b", " =1"])
def test_all_else_stays(text: str) -> None:
    assert harmless(text) == text
