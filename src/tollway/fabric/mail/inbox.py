"""The development inbox: mail is kept as `.eml` files in a folder, where people and programs can read it."""

import asyncio
import email
import email.policy
import email.utils
import re
from collections.abc import Iterator
from datetime import UTC
from email.message import EmailMessage
from pathlib import Path

from tollway.fabric.mail import StoredMessage
from tollway.kit.errors import NotFound, Unavailable
from tollway.kit.ids import is_id, new_id
from tollway.kit.times import SECOND_US

_LINK = re.compile(r"https?://[^\s<>\"']+")
_PUNCTUATION = ".,;:!?)"


class InboxMailer:
    """Keeps the newest `limit` messages in `folder`. Its ids sort by arrival, and the files are named by them."""

    def __init__(self, folder: Path, limit: int = 500) -> None:
        self._folder = folder
        self._limit = limit

    async def send(self, message: EmailMessage) -> None:
        """Keep a message. Raises Unavailable when the folder cannot be written."""
        try:
            await asyncio.to_thread(self._keep, message)
        except OSError as error:
            raise Unavailable(
                f"the development inbox {self._folder} cannot be written: {error.strerror}"
            ) from error

    async def messages(self, to: str = "", limit: int = 100) -> list[StoredMessage]:
        """Return the newest messages, the newest first; only those to one address when `to` is given."""
        return await asyncio.to_thread(self._newest, to.strip().lower(), limit)

    async def message(self, message_id: str) -> StoredMessage:
        """Return one message. Raises NotFound."""
        # The id becomes a file name, so its shape is checked first.
        kept = await asyncio.to_thread(self._read, message_id) if is_id("eml", message_id) else None
        if kept is None:
            raise NotFound("there is no such message; it may have made room for newer ones")
        return kept

    async def clear(self) -> None:
        """Throw every message away."""
        await asyncio.to_thread(self._remove_all_but, 0)

    def _keep(self, message: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = new_id("eml")
        unfinished = self._folder / f"{name}.part"
        unfinished.write_bytes(message.as_bytes(policy=email.policy.SMTP))
        unfinished.rename(self._folder / f"{name}.eml")
        self._remove_all_but(self._limit)

    def _newest(self, to: str, limit: int) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        for path in reversed(self._paths()):
            kept = self._read(path.stem)
            if kept is not None and (not to or to in _addresses(kept.to)):
                found.append(kept)
                if len(found) >= limit:
                    break
        return found

    def _read(self, message_id: str) -> StoredMessage | None:
        try:
            raw = (self._folder / f"{message_id}.eml").read_bytes()
        except FileNotFoundError:
            return None
        message = email.message_from_bytes(raw, policy=email.policy.default)
        text = _part(message, "plain")
        return StoredMessage(
            id=message_id,
            at_us=_sent_at_us(message),
            sender=str(message["From"] or ""),
            to=str(message["To"] or ""),
            subject=str(message["Subject"] or ""),
            text=text,
            html=_part(message, "html"),
            links=tuple(_links(text)),
        )

    def _remove_all_but(self, count: int) -> None:
        paths = self._paths()
        for path in paths[: max(len(paths) - count, 0)]:
            path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("eml_*.eml"))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())


def _addresses(header: str) -> list[str]:
    return [address.lower() for _, address in email.utils.getaddresses([header])]


def _sent_at_us(message: EmailMessage) -> int:
    try:
        moment = email.utils.parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        return 0
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * SECOND_US


def _links(text: str) -> Iterator[str]:
    for match in _LINK.finditer(text):
        yield match.group().rstrip(_PUNCTUATION)
