"""The rules of messages, without any I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tollway.kit.errors import Invalid

State = Literal["queued", "sent", "failed"]
_ADDRESS = re.compile(r"[^@\s<>,;:\"]+@[^@\s<>,;:\"]+")


@dataclass(frozen=True, slots=True)
class Email:
    """A message to somebody, as it is kept. `params` are gone once it was sent."""

    id: str
    user_id: str
    address: str
    template: str
    subject: str
    params: Mapping[str, str]
    state: State
    attempts: int
    error: str
    created_at_us: int
    ended_us: int


def check_address(address: str) -> str:
    """Return an address that can be written to. Raises Invalid for what is none."""
    if len(address) > 254 or not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise Invalid("to must be one plain e-mail address")
    return address
