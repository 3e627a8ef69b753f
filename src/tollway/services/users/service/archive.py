"""The file of an export: a zip with each table as JSON and as CSV, and a page that says what is what."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence

from tollway.kit.spreadsheets import harmless

README = """What {brand} keeps of you
=====================

Made {made_at} for the account {user_id}.

A folder for each part of the platform, and in it each table twice: as JSON for programs, as CSV for spreadsheets. In
CSV a text that a spreadsheet would take for a formula has an apostrophe before it.

Times are UTC (RFC 3339). Amounts are whole numbers in the smallest unit of their asset: money has six decimals, so
1000000 is one unit of the currency; access is counted in bytes. Passwords and other secrets are kept as digests only
and are not in here.

{tables}
"""


class Archive:
    """A zip in the making; tables come page by page. All methods are called in order by one task."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)
        self._tables: list[str] = []

    def add(self, service: str, table: str, purpose: str, rows: Sequence[dict[str, str]]) -> None:
        """Add a whole table."""
        name = f"{service}/{table}"
        self._zip.writestr(f"{name}.json", json.dumps(list(rows), ensure_ascii=False, indent=1))
        text = io.StringIO()
        columns = list(dict.fromkeys(column for row in rows for column in row))
        writer = csv.writer(text)  # RFC 4180
        writer.writerow(columns)
        writer.writerows([harmless(row.get(column, "")) for column in columns] for row in rows)
        self._zip.writestr(f"{name}.csv", text.getvalue())
        self._tables.append(f"{name}: {len(rows)} rows. {purpose[:1].upper()}{purpose[1:]}.")

    def finish(self, brand: str, user_id: str, made_at: str) -> bytes:
        """Add the page that explains it all, and return the file."""
        tables = "\n".join(self._tables)
        text = README.format(brand=brand, made_at=made_at, user_id=user_id, tables=tables)
        self._zip.writestr("README.txt", text)
        self._zip.close()
        return self._file.getvalue()
