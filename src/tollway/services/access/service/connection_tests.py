"""Connection tests: a node goes through its own proxy as a customer's client would, and says what each step found.

Business code dials nothing. A test is asked for in the log of changes, for one node; that node takes it up and gets a
credential that ends by itself, so what the test moves is metered and charged as everything else. What it asks the proxy
for is the node's affair: nobody who asks for a test can name a target.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from tollway.contracts.events import ConnectionTestRequested
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, NotFound, TooManyRequests, Unavailable
from tollway.kit.ids import new_id
from tollway.kit.locations import Location
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.model import CustomerSession
from tollway.services.access.model.connection_test import LASTS_US, STEPS, ConnectionTest, StepResult
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.credentials import (
    END_CREDENTIAL,
    NO_SESSION,
    CredentialRequest,
    Credentials,
)
from tollway.services.access.service.nodes import Nodes
from tollway.services.access.service.steps import check_active, owned_resource, revoke
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.changes import TEST_REQUESTED, Change

PERIOD_US = 60 * SECOND_US
LABEL = "Connection test"
FINISHED = "the connection test is over"
LOGIN_PROTOCOL = "http"
MAX_TEXT = 300


class ConnectionTestLogin(NamedTuple):
    """What a node logs in with for a test: by CONNECT, or with a plain request when the access covers HTTP alone."""

    username: str
    secret: str
    connect: bool


class ConnectionTests:
    """Tests that customers ask for and nodes carry out."""

    def __init__(
        self,
        db: Database,
        settings: AccessSettings,
        locations: Sequence[Location],
        changes: Changes,
        nodes: Nodes,
        credentials: Credentials,
    ) -> None:
        self._db, self._settings = db, settings
        self._locations = {one.id: one for one in locations}
        self._changes, self._nodes, self._credentials = changes, nodes, credentials

    async def start(
        self, user_id: str, resource_id: str, location: str = "", sign_in: CustomerSession = NO_SESSION
    ) -> ConnectionTest:
        """Ask a node to test the way through its proxy with an access, leaving at a location if one is named.

        Raises NotFound, Invalid for the location, AccountSuspended, Conflict for an access without HTTP,
        TooManyRequests, and Unavailable when no node is up.
        """
        if location and location not in self._locations:
            raise Invalid.of("location", f"must be one of {', '.join(self._locations)}")
        nodes = await self._nodes.serving(LOGIN_PROTOCOL)
        if not nodes:
            raise Unavailable("no proxy node is up; try again soon")
        async with self._db.transaction() as tx:
            await check_active(tx, user_id)
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            if {"http", "https"}.isdisjoint(resource.protocols):
                raise Conflict("the test speaks HTTP, which this access does not cover")
            most = self._settings.tests_per_minute
            if await store.connection_tests.count_since(tx, user_id, tx.now_us - PERIOD_US) >= most:
                raise TooManyRequests(
                    f"there are {most} tests a minute; wait for a moment",
                    retry_after_s=PERIOD_US // SECOND_US,
                )
            test = ConnectionTest(
                id=new_id("tst"),
                user_id=user_id,
                resource_id=resource_id,
                location=location,
                node=secrets.choice(nodes),
                session_id=sign_in.session_id,
                signed_in_at_us=sign_in.at_us,
                created_at_us=tx.now_us,
            )
            await store.connection_tests.add(tx, test)
            await store.changes.add(
                tx,
                Change(TEST_REQUESTED, resource_id, user_id=user_id, node=test.node, test_id=test.id),
            )
            tx.publish(
                ConnectionTestRequested(
                    test_id=test.id, resource_id=resource_id, user_id=user_id, location=location
                )
            )
        self._changes.notify()
        return test

    async def get(self, user_id: str, test_id: str) -> tuple[ConnectionTest, int]:
        """Return a customer's test, and the moment for which its state is asked. Raises NotFound."""
        async with self._db.snapshot() as tx:
            found = await store.connection_tests.find(tx, test_id)
            if found is None or found.user_id != user_id:
                raise NotFound(f"there is no connection test {test_id}")
            return found, tx.now_us

    async def begin(self, node: str, test_id: str) -> ConnectionTestLogin:
        """Give a node what it logs in with for a test, once. Raises NotFound when it has none to begin."""
        async with self._db.transaction() as tx:
            test = await self._find(tx, node, test_id)
            if test.credential_id or test.is_over(tx.now_us):
                raise NotFound(f"{test_id} was begun before, or is over")
            await store.resources.lock_customer(tx, test.user_id)
            resource = await owned_resource(tx, test.user_id, test.resource_id, lock=True)
            ends_us = test.created_at_us + LASTS_US
            issued = await self._credentials.add(
                tx,
                resource,
                CredentialRequest(kind="password", label=LABEL),
                CustomerSession(test.session_id, test.signed_in_at_us),
                by_connect=False,
                ends_us=ends_us,
            )
            credential_id = issued.credential.id
            tx.enqueue(
                END_CREDENTIAL,
                {"credential_id": credential_id, "reason": FINISHED},
                due_in_s=(ends_us - tx.now_us) / SECOND_US,
                unique=credential_id,
            )
            await store.connection_tests.begin(tx, test_id, credential_id)
        username = self._username(issued.credential.identifier, test.location)
        return ConnectionTestLogin(username, issued.secret, connect="https" in resource.protocols)

    async def report(self, node: str, test_id: str, steps: Sequence[StepResult], *, finished: bool) -> None:
        """Keep what a test has found so far; when it is over its credential ends. Repeating is harmless.

        Raises NotFound for another node's test, Invalid for steps that are none.
        """
        if [one.name for one in steps] != list(STEPS[: len(steps)]):
            raise Invalid(f"the steps of a test are {', '.join(STEPS)}, in this order")
        kept = [
            StepResult(one.name, one.ok, one.duration_us, one.detail[:MAX_TEXT], one.code[:MAX_TEXT])
            for one in steps
        ]
        async with self._db.transaction() as tx:
            test = await self._find(tx, node, test_id)
            if test.finished:
                return
            await store.connection_tests.save(tx, test_id, kept, finished=finished)
            if finished and test.credential_id:
                await store.resources.find(tx, test.resource_id, lock=True)
                await revoke(tx, test.user_id, test.resource_id, [test.credential_id], FINISHED)
        self._changes.notify()

    async def _find(self, tx: Tx, node: str, test_id: str) -> ConnectionTest:
        found = await store.connection_tests.find(tx, test_id, lock=True)
        if found is None or found.node != node:
            raise NotFound(f"{node} has no connection test {test_id}")
        return found

    def _username(self, login: str, location: str) -> str:
        """Return the proxy username that leaves at a location, as a customer would write it."""
        place = self._locations.get(location)
        if place is None or not place.country:
            return login
        parts = [("country", place.country), ("city", place.city)]
        preferences = "".join(f"-{key}-{_word(value)}" for key, value in parts if value)
        return f"user-{login}{preferences}"


def _word(text: str) -> str:
    return text.lower().replace(" ", "_")
