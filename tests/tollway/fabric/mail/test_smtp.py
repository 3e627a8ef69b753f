"""Mail through a real SMTP conversation: encryption, login, and what each refusal means."""

import ssl
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.service_api import authority_of
from tests.kit.smtp import SmtpSink, body_of
from tollway.fabric.mail import MailRefused
from tollway.fabric.mail.smtp import SmtpMailer
from tollway.kit.errors import Problem, Unavailable


def letter(to: str = "ada@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Tollway <no-reply@example.com>", to, "Grüße"
    message.set_content("Hello Ada,\n.a line with a dot\nGrüße\n")
    message.add_alternative("<p>Hello Ada</p>", subtype="html")
    return message


@pytest.fixture
def certificates(tmp_path: Path, clock: FakeClock) -> Path:
    authority_of(tmp_path).ensure("mail", ["127.0.0.1", "localhost"])
    return tmp_path


def server_side(certificates: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "mail.pem")
    return context


async def test_a_message_arrives_whole() -> None:
    async with SmtpSink() as sink:
        await SmtpMailer("127.0.0.1", sink.port, "none").send(letter())
    (message,) = sink.messages
    assert (message["Subject"], message["To"]) == ("Grüße", "ada@example.com")
    assert body_of(message, "plain") == "Hello Ada,\n.a line with a dot\nGrüße\n"
    assert "<p>Hello Ada</p>" in body_of(message, "html")


@pytest.mark.parametrize("implicit", [True, False])
async def test_it_is_encrypted_and_the_server_proved(certificates: Path, implicit: bool) -> None:
    authorities = certificates / "ca.pem"
    security = "tls" if implicit else "starttls"
    async with SmtpSink(server_side(certificates), implicit=implicit) as sink:
        await SmtpMailer("127.0.0.1", sink.port, security, authorities=authorities).send(letter())
        with pytest.raises(Unavailable, match="cannot be used"):
            await SmtpMailer("127.0.0.1", sink.port, security).send(letter())
    assert sink.encrypted == [True]


async def test_without_starttls_on_offer_nothing_is_sent_in_clear() -> None:
    async with SmtpSink() as sink:
        with pytest.raises(Unavailable):
            await SmtpMailer("127.0.0.1", sink.port, "starttls").send(letter())
    assert sink.messages == []


async def test_it_logs_in(certificates: Path) -> None:
    authorities = certificates / "ca.pem"
    async with SmtpSink(server_side(certificates), login=("me", "right")) as sink:
        await SmtpMailer("127.0.0.1", sink.port, "starttls", "me", "right", authorities=authorities).send(
            letter()
        )
        with pytest.raises(Unavailable, match=r"check mail\.username"):
            await SmtpMailer("127.0.0.1", sink.port, "starttls", "me", "wrong", authorities=authorities).send(
                letter()
            )
    assert len(sink.messages) == 1


@pytest.mark.parametrize(
    ("refuse", "problem"),
    [
        ({"RCPT": "550 nobody of that name"}, MailRefused),
        ({"RCPT": "451 greylisted, come back"}, Unavailable),
        ({"MAIL": "553 sender not allowed"}, MailRefused),
        ({"MESSAGE": "554 looks like spam"}, MailRefused),
        ({"MESSAGE": "452 disk full"}, Unavailable),
    ],
)
async def test_a_refusal_is_for_ever_or_for_now(refuse: dict[str, str], problem: type[Problem]) -> None:
    async with SmtpSink(refuse=refuse) as sink:
        with pytest.raises(problem, match=next(iter(refuse.values()))[:3]) as caught:
            await SmtpMailer("127.0.0.1", sink.port, "none").send(letter())
    assert type(caught.value) is problem


async def test_nobody_listening_is_for_now() -> None:
    async with SmtpSink() as sink:
        port = sink.port
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        await SmtpMailer("127.0.0.1", port, "none").send(letter())
