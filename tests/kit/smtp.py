"""A small SMTP server that keeps what it is sent, with refusals, STARTTLS and logins on request."""

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast


@dataclass
class SmtpSink:
    """`async with SmtpSink() as sink:` listens on `sink.port`; mail ends in `sink.messages`."""

    tls: ssl.SSLContext | None = None  # offered by STARTTLS, or from the start with `implicit`
    implicit: bool = False
    login: tuple[str, str] | None = None
    refuse: dict[str, str] = field(
        default_factory=dict
    )  # verb or "MESSAGE" → reply, e.g. {"RCPT": "550 nobody"}
    messages: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> "SmtpSink":
        first = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=first)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        try:
            while line := await reader.readline():
                verb = line.split(None, 1)[0].upper().decode().rstrip(":")
                for reply in await self._answer(verb, line, reader, writer):
                    writer.write(reply.encode() + b"\r\n")
                await writer.drain()
                if verb == "STARTTLS":
                    await writer.start_tls(cast("ssl.SSLContext", self.tls))
                if verb == "QUIT":
                    break
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, verb: str, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> list[str]:
        if verb in self.refuse:
            return [self.refuse[verb]]
        encrypted = writer.get_extra_info("ssl_object") is not None
        match verb:
            case "EHLO":
                offers = ["250-sink", "250-SMTPUTF8"]
                offers += ["250-STARTTLS"] if self.tls and not encrypted else []
                return [*offers, "250 AUTH PLAIN"]
            case "STARTTLS":
                return ["220 go on"]
            case "AUTH":
                given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
                return ["235 ok" if tuple(given) == self.login else "535 wrong"]
            case "DATA":
                writer.write(b"354 go on\r\n")
                raw = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                if "MESSAGE" in self.refuse:
                    return [self.refuse["MESSAGE"]]
                self.messages.append(message_from_bytes(raw, policy=policy.default))
                self.encrypted.append(encrypted)
        return ["250 ok"]


def body_of(message: EmailMessage, kind: str) -> str:
    """Return a message's part of a kind, `plain` or `html`."""
    part = message.get_body((kind,))
    assert part is not None, f"the message has no {kind} part"
    return part.get_content()
