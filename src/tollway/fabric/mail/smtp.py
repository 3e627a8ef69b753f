"""Sends mail through an SMTP server (RFC 5321), one connection a message."""

import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import aiosmtplib

from tollway.fabric.mail import MailRefused
from tollway.kit.errors import Unavailable

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """A mail server and how to talk to it.

    `security`: `starttls` upgrades the connection and refuses to go on in clear (RFC 3207), `tls` is encrypted
    from the first byte (RFC 8314), `none` is for a server on the same machine. The server's certificate
    is always checked, against `authorities` (a PEM file) or else the system's.
    """

    host: str
    port: int
    security: Security = "starttls"
    username: str = ""
    password: str = ""
    timeout_s: float = 20.0
    authorities: Path | None = None

    async def send(self, message: EmailMessage) -> None:
        """Hand the message over. Raises Unavailable when it may work later, MailRefused when it never will."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                username=self.username or None,
                password=self.password or None,
                use_tls=self.security == "tls",
                start_tls=self.security == "starttls",
                tls_context=self._context(),
                timeout=self.timeout_s,
            )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Unavailable(
                "the mail server refused the login; check mail.username and mail.password"
            ) from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise _refusal(min(codes), error.recipients[0].message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Unavailable(f"the mail server {self.host}:{self.port} cannot be used: {error}") from error

    def _context(self) -> ssl.SSLContext | None:
        if self.security == "none":
            return None
        return ssl.create_default_context(cafile=self.authorities)


def _refusal(code: int, text: str) -> MailRefused | Unavailable:
    # 5yz is for ever, 4yz for now (RFC 5321, section 4.2.1).
    answer = f"the mail server answered {code} {text}"
    return MailRefused(answer) if code >= 500 else Unavailable(answer)
