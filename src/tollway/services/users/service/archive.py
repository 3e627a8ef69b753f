"""The file of an export: a zip with each table as JSON and as CSV, and a page that says what is what.

It is made in parts, each of which is whole members of the zip, so that neither the file nor a long table is ever in
memory. The last part has the directory of all.
"""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tollway.kit.spreadsheets import harmless

README = """What {brand} keeps of you
=====================

Made {made_at} for the account {user_id}.

A folder for each part of the platform, and in it each table twice: as JSON for programs, as CSV for spreadsheets. A
long table comes in several files with numbers. In CSV a text that a spreadsheet would take for a formula has an
apostrophe before it.

Times are UTC (RFC 3339). Amounts are whole numbers in the smallest unit of their asset: money has six decimals, so
1000000 is one unit of the currency; access is counted in bytes. Passwords and other secrets are kept as digests only
and are not in here.

{tables}
"""
_FIELDS = (
    "filename", "date_time", "compress_type", "CRC", "compress_size", "file_size", "header_offset",
    "flag_bits", "external_attr", "create_version", "extract_version", "create_system",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packed:
    """Whole members of a zip as bytes, and what its directory says of them, as JSON."""

    data: bytes
    members: list[dict[str, Any]]


def pack(name: str, rows: Sequence[dict[str, str]], offset: int) -> Packed:
    """Pack rows as `name.json` and `name.csv`, to stand `offset` bytes after the beginning of the zip."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.writer(text)  # RFC 4180
    writer.writerow(columns)
    writer.writerows([harmless(row.get(column, "")) for column in columns] for row in rows)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as one:
        one.writestr(f"{name}.json", json.dumps(list(rows), ensure_ascii=False, indent=1))
        one.writestr(f"{name}.csv", text.getvalue())
        members = [
            {
                **{field: getattr(info, field) for field in _FIELDS},
                "header_offset": info.header_offset + offset,
            }
            for info in one.infolist()
        ]
        data = file.getvalue()
    return Packed(data, members)


def finish(readme: str, members: Sequence[dict[str, Any]], offset: int) -> bytes:
    """Return the last part of a zip: the page that explains it all, and the directory of all members."""
    file = _Behind(offset)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as last:
        last.filelist.extend(_info(member) for member in members)
        last.writestr("README.txt", readme)
    return file.getvalue()


def _info(member: dict[str, Any]) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(member["filename"], tuple(member["date_time"]))
    for field in _FIELDS[2:]:
        setattr(info, field, member[field])
    return info


class _Behind(io.BytesIO):
    """A file of which the first bytes are elsewhere."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self._offset = offset

    def tell(self) -> int:
        return self._offset + super().tell()

    def seek(self, position: int, whence: int = 0) -> int:
        return self._offset + super().seek(position - self._offset, whence)
