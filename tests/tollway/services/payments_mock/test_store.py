"""What the mock keeps is there after a restart."""

from pathlib import Path

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.payments import Receiver, running_mock
from tests.kit.schema import drift
from tollway.fabric.db import Database
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.services.payments_mock import store
from tollway.services.payments_mock.service import ApiCall

KEY = "Bearer sk_test_x"


async def test_the_migrations_make_the_tables_that_the_store_describes(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with database(kind, tmp_path, clock, service_migrations("payments_mock")) as db:
        assert await drift(db, store.metadata) == []


async def test_objects_answers_and_deliveries_survive_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    pay = ApiCall(
        "POST",
        "/v1/payment_intents",
        "amount=900&currency=usd&payment_method=pm_card_visa&confirm=true&allowed_payment_method_types[0]=card",
        KEY,
        "order-1",
    )
    with Receiver() as receiver:
        async with database("sqlite", tmp_path, clock, service_migrations("payments_mock")) as db:
            async with running_mock("sqlite", tmp_path, clock, db) as mock:
                form = f"url={receiver.url}&enabled_events[0]=payment_intent.succeeded"
                assert (
                    await mock.service.call(ApiCall("POST", "/v1/webhook_endpoints", form, KEY))
                ).status == 200
                first = await mock.service.call(pay)
            path = db.engine._path  # pyright: ignore[reportAttributeAccessIssue]
        assert receiver.received == []
        again = Database(SqliteDatabase(path), clock)
        await again.start()
        async with running_mock("sqlite", tmp_path, clock, again) as mock:
            assert (await mock.service.call(pay)).body == first.body
            await mock.deliver()
        await again.stop()
    assert len(receiver.received) == 1
