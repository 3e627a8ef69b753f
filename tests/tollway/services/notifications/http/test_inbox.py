"""The development inbox as people and programs see it."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.kit.rest import RestClient
from tollway.fabric.blobs.folder import FolderBlobs
from tollway.fabric.mail.inbox import InboxMailer
from tollway.services.notifications.http import inbox_app

HERE = {"host": "127.0.0.1:8025"}


def make_message(
    to: str, subject: str = "Hi", link: str = "https://tollway.example/verify?token=1"
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Tollway <no-reply@example.com>", to, subject
    message["Date"] = "Sun, 22 Nov 2026 00:00:00 +0000"
    message.set_content(f"Please open\n{link}\nsoon.")
    message.add_alternative(
        f"<head></head><p>Please <a href='{link}'>open</a><script>alert(1)</script></p>", subtype="html"
    )
    return message


@pytest.fixture
def inbox(tmp_path: Path) -> InboxMailer:
    return InboxMailer(FolderBlobs(tmp_path / "blobs"))


@pytest.fixture
def client(inbox: InboxMailer) -> RestClient:
    return RestClient(inbox_app(inbox))


async def test_a_program_finds_the_link_it_waits_for(client: RestClient, inbox: InboxMailer) -> None:
    await inbox.send(make_message("ada@example.com"))
    await inbox.send(make_message("bob@example.com"))
    found = await client.get("/inbox/api/messages?to=ada@example.com", **HERE)
    (message,) = found.json["messages"]
    assert message["links"] == ["https://tollway.example/verify?token=1"]
    assert message["preview"] == "Please open https://tollway.example/verify?token=1 soon."
    assert message["at"] == "2026-11-22T00:00:00.000000Z"
    whole = (await client.get(f"/inbox/api/messages/{message['id']}", **HERE)).json
    assert "Please open" in whole["text"]
    assert whole["html"].startswith("<head></head><p>")


async def test_a_message_is_shown_where_it_can_do_no_harm(client: RestClient, inbox: InboxMailer) -> None:
    await inbox.send(make_message("ada@example.com"))
    (kept,) = await inbox.messages()
    shown = await client.get(f"/inbox/messages/{kept.id}/html", **HERE)
    assert "<script>" in shown.body.decode()
    policy = shown.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert '<head><base target="_blank"></head>' in shown.body.decode()
    assert shown.headers["referrer-policy"] == "no-referrer"


async def test_there_is_a_page_for_people(client: RestClient) -> None:
    page = await client.get("/inbox", **HERE)
    assert page.status == 200
    assert "<h1>Development inbox</h1>" in page.body.decode()
    assert "innerHTML" not in page.body.decode()
    assert (await client.get("/", **HERE)).headers["location"] == "/inbox"


async def test_it_can_be_emptied(client: RestClient, inbox: InboxMailer) -> None:
    await inbox.send(make_message("ada@example.com"))
    assert (await client.call("DELETE", "/inbox/api/messages", headers=HERE)).status == 204
    assert (await client.get("/inbox/api/messages", **HERE)).json == {"messages": []}


@pytest.mark.parametrize(
    "path", ["/inbox/api/messages/eml_x", "/inbox/messages/..%2f..%2fx/html", "/nowhere"]
)
async def test_what_is_not_there_is_a_problem(client: RestClient, path: str) -> None:
    reply = await client.get(path, **HERE)
    assert (reply.status, reply.json["code"]) == (404, "not_found")


async def test_another_site_cannot_read_it_by_giving_itself_our_address(
    client: RestClient, inbox: InboxMailer
) -> None:
    await inbox.send(make_message("ada@example.com"))
    reply = await client.get("/inbox/api/messages", host="evil.example")
    assert reply.status == 400
    assert b"verify" not in reply.body
