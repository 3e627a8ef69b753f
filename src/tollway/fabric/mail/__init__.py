"""The mail port: a composed message goes out, or is refused.

A message is a `email.message.EmailMessage` of the standard library with From, To, Subject and a Message-ID of its own.
Backends: `smtp` hands it to a mail server; `inbox` keeps it in a folder, for development. `send` may be
repeated after a failure: receivers recognise repeats by the Message-ID.
"""

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol

from tollway.kit.errors import Problem


class MailRefused(Problem):
    """The mail server will never take this message, e.g. because nobody has that address."""

    code, status, title = "mail_refused", 422, "The mail server refused this message"


class Mailer(Protocol):
    """A way to send e-mail."""

    async def send(self, message: EmailMessage) -> None:
        """Hand the message over. Raises Unavailable when it may work later, MailRefused when it never will."""
        ...


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the development inbox shows it. `links` are those in its text, in order."""

    id: str
    at_us: int
    sender: str
    to: str
    subject: str
    text: str
    html: str
    links: tuple[str, ...]


class Inbox(Protocol):
    """What can be read of a development inbox."""

    async def messages(self, to: str = "", limit: int = 100) -> list[StoredMessage]:
        """Return the newest messages, the newest first; only those to one address when `to` is given."""
        ...

    async def message(self, message_id: str) -> StoredMessage:
        """Return one message. Raises NotFound."""
        ...

    async def clear(self) -> None:
        """Throw every message away."""
        ...
