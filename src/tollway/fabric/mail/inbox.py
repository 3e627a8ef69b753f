"""The development inbox: mail is kept as blobs, where people and programs can read it."""

import email
import email.policy
import email.utils
import re
from collections.abc import Iterator
from datetime import UTC
from email.message import EmailMessage

from tollway.fabric.blobs import BlobNotFound, Blobs
from tollway.fabric.mail import StoredMessage
from tollway.kit.errors import NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.times import SECOND_US

PREFIX = "inbox/"
_LINK = re.compile(r"https?://[^\s<>\"']+")
_PUNCTUATION = ".,;:!?)"


class InboxMailer:
    """Keeps the newest `limit` messages as blobs. Their ids sort by arrival, and the keys are made of them."""

    def __init__(self, blobs: Blobs, limit: int = 500) -> None:
        self._blobs = blobs
        self._limit = limit

    async def send(self, message: EmailMessage) -> None:
        """Keep a message. Raises Unavailable when the store cannot be used."""
        await self._blobs.put(_key(new_id("eml")), message.as_bytes(policy=email.policy.SMTP))
        await self._remove_all_but(self._limit)

    async def messages(self, to: str = "", limit: int = 100) -> list[StoredMessage]:
        """Return the newest messages, the newest first; only those to one address when `to` is given."""
        wanted = to.strip().lower()
        found: list[StoredMessage] = []
        for key in reversed(await self._blobs.keys(PREFIX)):
            kept = await self._read(_id(key))
            if kept is not None and (not wanted or wanted in _addresses(kept.to)):
                found.append(kept)
                if len(found) >= limit:
                    break
        return found

    async def message(self, message_id: str) -> StoredMessage:
        """Return one message. Raises NotFound."""
        # The id becomes a part of a key, so its shape is checked first.
        kept = await self._read(message_id) if is_id("eml", message_id) else None
        if kept is None:
            raise NotFound("there is no such message; only the newest ones are kept")
        return kept

    async def clear(self) -> None:
        """Delete every message."""
        await self._remove_all_but(0)

    async def _read(self, message_id: str) -> StoredMessage | None:
        try:
            raw = await self._blobs.read(_key(message_id))
        except BlobNotFound:
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

    async def _remove_all_but(self, count: int) -> None:
        keys = await self._blobs.keys(PREFIX)
        for key in keys[: max(len(keys) - count, 0)]:
            await self._blobs.delete(key)


def _key(message_id: str) -> str:
    return f"{PREFIX}{message_id}.eml"


def _id(key: str) -> str:
    return key.removeprefix(PREFIX).removesuffix(".eml")


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
