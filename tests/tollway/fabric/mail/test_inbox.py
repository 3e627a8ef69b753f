"""The development inbox: what is kept, found, and thrown away."""

import stat
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from tollway.fabric.blobs.folder import FolderBlobs
from tollway.fabric.mail.inbox import InboxMailer
from tollway.kit.errors import NotFound, Unavailable


def letter(to: str = "ada@example.com", text: str = "Hello", subject: str = "Hi") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Tollway <no-reply@example.com>", to, subject
    message["Date"] = format_datetime(datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC))
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    return message


@pytest.fixture
def inbox(tmp_path: Path) -> InboxMailer:
    return InboxMailer(FolderBlobs(tmp_path / "blobs"), limit=3)


async def test_a_kept_message_reads_as_it_was_sent(inbox: InboxMailer) -> None:
    text = "Grüße, click https://x.example/verify?t=a_b-c. Or (https://y.example/z)."
    await inbox.send(letter(text=text, subject="Grüße — " + "long " * 30 + "end"))
    (kept,) = await inbox.messages()
    assert kept.to == "ada@example.com"
    assert kept.sender == "Tollway <no-reply@example.com>"
    assert kept.subject == "Grüße — " + "long " * 30 + "end"
    assert kept.text.strip() == text
    assert kept.html.strip() == f"<p>{text}</p>"
    assert kept.links == ("https://x.example/verify?t=a_b-c", "https://y.example/z")
    assert kept.at_us == 1_795_309_323_000_000
    assert await inbox.message(kept.id) == kept


async def test_the_newest_come_first_and_old_ones_make_way(inbox: InboxMailer) -> None:
    for number in range(5):
        await inbox.send(letter(subject=str(number)))
    assert [kept.subject for kept in await inbox.messages()] == ["4", "3", "2"]
    assert [kept.subject for kept in await inbox.messages(limit=1)] == ["4"]


async def test_it_finds_the_messages_to_one_address(inbox: InboxMailer) -> None:
    await inbox.send(letter("Ada <ada@example.com>", subject="a"))
    await inbox.send(letter("bob@example.com", subject="b"))
    assert [kept.subject for kept in await inbox.messages("ADA@example.com ")] == ["a"]
    assert await inbox.messages("da@example.com") == []


@pytest.mark.parametrize("message_id", ["eml_00000000000000000000000000", "../../etc/passwd", "", "eml_.."])
async def test_what_is_not_there_is_not_found(inbox: InboxMailer, message_id: str) -> None:
    with pytest.raises(NotFound):
        await inbox.message(message_id)


async def test_an_empty_inbox_is_no_error(inbox: InboxMailer) -> None:
    assert await inbox.messages() == []
    await inbox.clear()


async def test_it_can_be_cleared(inbox: InboxMailer) -> None:
    await inbox.send(letter())
    await inbox.clear()
    assert await inbox.messages() == []


async def test_only_the_owner_reads_the_folder(inbox: InboxMailer, tmp_path: Path) -> None:
    await inbox.send(letter())
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


async def test_a_folder_that_cannot_be_is_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be used"):
        await InboxMailer(FolderBlobs(tmp_path / "file")).send(letter())
