"""Text in files that people open with a spreadsheet."""

import re

# What a spreadsheet would run as a formula (OWASP, CSV injection): some take the wide forms for the plain ones.
_FORMULA = re.compile(r"^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def harmless(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; other texts stay as they are."""
    return f"'{text}" if _FORMULA.match(text) else text
