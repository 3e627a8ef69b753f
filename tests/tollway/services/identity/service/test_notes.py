"""What operators note about a customer: who, when, and gone with the customer."""

import pytest

from tests.kit.identity import IdentityFixture
from tests.tollway.services.identity.test_http import ANN, access_token, operator_token
from tollway.contracts.events import NoteAdded
from tollway.fabric.user_data import erase, pages
from tollway.kit.errors import Conflict
from tollway.kit.ids import new_id
from tollway.services.identity.user_data import USER_TABLES


async def test_an_operator_notes_something_and_others_read_it(identity: IdentityFixture) -> None:
    ann, operator = await identity.sign_up(ANN), await operator_token(identity)
    me = (await identity.client.get("/api/auth/me", operator)).json["id"]
    path = f"/api/admin/users/{ann}/notes"
    first = await identity.client.post(path, {"text": " called about an invoice "}, operator, "key-1")
    assert (first.status, first.json["text"], first.json["author_id"]) == (201, "called about an invoice", me)
    again = await identity.client.post(path, {"text": "called about an invoice"}, operator, "key-1")
    assert again.json == first.json
    other = await identity.client.post(path, {"text": "something else"}, operator, "key-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    second = (await identity.client.post(path, {"text": "paid"}, operator, "key-2")).json
    page = (await identity.client.get(f"{path}?limit=1", operator)).json
    assert page["items"] == [second]
    rest = (await identity.client.get(f"{path}?cursor={page['next_cursor']}", operator)).json
    assert (rest["items"], rest["next_cursor"]) == ([first.json], "")
    assert len(await identity.published(NoteAdded)) == 2
    for text in ("", "  ", "x" * 2_001, "a\x00b", "\x1b[31m"):
        assert (await identity.client.post(path, {"text": text}, operator, "key-3")).status == 422
    assert (await identity.client.post(path, {"text": "no key"}, operator)).status == 400
    nobody = f"/api/admin/users/{new_id('usr')}/notes"
    assert (await identity.client.post(nobody, {"text": "hm"}, operator, "key-4")).status == 404
    customer = await access_token(identity)
    assert (await identity.client.get(path, customer)).status == 403


async def test_notes_are_shown_to_the_customer_in_their_export_and_erased_with_them(
    identity: IdentityFixture,
) -> None:
    ann = await identity.sign_up(ANN)
    await identity.service.notes.add(ann, "usr_operator", "called twice", "key-1")
    shown = {table: rows async for table, rows, _ in pages(identity.db, USER_TABLES, ann)}
    assert [row["text"] for row in shown["note"]] == ["called twice"]
    await erase(identity.db, USER_TABLES, ann)
    assert (await identity.service.notes.list(ann, 10, "")).items == []


async def test_nothing_is_noted_about_somebody_who_was_erased(identity: IdentityFixture) -> None:
    from tollway.services.identity import store

    ann = await identity.sign_up(ANN)
    async with identity.db.transaction() as tx:
        user = await store.user_by_id(tx, ann)
        assert user is not None
        assert await store.bury(tx, user)
    with pytest.raises(Conflict):
        await identity.service.notes.add(ann, "usr_operator", "called twice", "key-1")
