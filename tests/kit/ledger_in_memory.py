"""The ledger's own rules and its own API, on a working set in memory that is never written: fast, and no second truth.

`RulesInMemory` executes commands. `LedgerInMemory` is a servicer of `contracts/ledger.proto` on top of it, with what
tests need to set up and to look at.
"""

from collections.abc import Iterable
from typing import Any, cast

from tests.kit.clock import FakeClock
from tests.kit.typing import settings_of
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts.books import ACCESS, MONEY
from tollway.contracts.chart.ledger import EXPIRED, SHORTFALL
from tollway.kit.errors import NotFound, Problem
from tollway.kit.ids import ids_after
from tollway.services.ledger.model.metering import Reservation, UsageReading, UseReport
from tollway.services.ledger.model.posting import Leg, Posting
from tollway.services.ledger.model.records import Original
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Asset,
    LegKind,
    Lot,
    account_id,
    is_limited,
    own_account,
)
from tollway.services.ledger.model.working_set import Command, ReadSet, WorkingSet
from tollway.services.ledger.rpc import LedgerRpc
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.settings import LedgerSettings


class RulesInMemory:
    """The rules alone: one working set that is never written."""

    def __init__(self, clock: FakeClock, assets: Iterable[Asset] = ()) -> None:
        self.clock = clock
        self.state = WorkingSet()
        self.state.add_assets(assets)
        self.last = ""

    def perform(self, command: Command) -> Any:
        """Execute a command. Raises the Problem that refuses it."""
        reads = ReadSet()
        command.add_reads(reads)
        own = (
            own_account(asset.code, purpose)
            for asset in self.state.assets
            for purpose in (SHORTFALL, EXPIRED)
        )
        self.know(*reads.accounts, *own)
        self.state.add_originals(self._original(id_) for id_ in reads.transactions if self._is_known(id_))
        (self.last,) = ids_after("txn", self.last, 1, self.clock.now_us())
        request_hash = command.fingerprint() if command.name else b""
        answer = self.state.execute(command, request_hash, self.last, self.clock.now_us())
        if isinstance(answer, Problem):
            raise answer
        return answer

    def know(self, *refs: AccountRef) -> None:
        """Load accounts, as they would be opened."""
        self.state.add_accounts(Account(account_id(ref), ref, is_limited(ref)) for ref in refs)

    def account(self, ref: AccountRef) -> Account:
        """Return an account, with all counters zero when nothing was ever booked on it."""
        self.know(ref)
        return self.state.account(account_id(ref))

    def _is_known(self, txn_id: str) -> bool:
        return any(txn.id == txn_id for txn in self.state.changes.txns)

    def _original(self, txn_id: str) -> Original:
        changes = self.state.changes
        stored = self.state._originals.get(txn_id)
        legs = tuple(leg for leg in changes.legs if leg.txn_id == txn_id)
        lots = {lot.id: lot for mine in self.state._lots.values() for lot in mine.values()}
        opened = {
            leg.line: tuple(
                lot for lot in changes.lots_opened.values() if (lot.txn_id, lot.line) == (txn_id, leg.line)
            )
            for leg in legs
        }
        taken = {
            leg.line: tuple(
                (lots[move.lot_id], move)
                for move in changes.moves
                if (move.txn_id, move.line) == (txn_id, leg.line)
            )
            for leg in legs
        }
        txn = next(txn for txn in changes.txns if txn.id == txn_id)
        return Original(txn, stored.reversed_by if stored else "", legs, opened, taken)


class _Queue:
    """Stands where the batcher is: executes at once."""

    def __init__(self, rules: RulesInMemory) -> None:
        self._rules = rules

    async def submit(self, command: Command) -> Any:
        return self._rules.perform(command)


class _Nothing:
    """Stands where the database is."""

    def when_committed(self, wake: Any) -> None:
        """Nothing is ever committed."""


class _Service(Ledger):
    """The service with what it reads from the database read from memory."""

    def __init__(self, rules: RulesInMemory) -> None:
        super().__init__(cast("Any", _Nothing()), rules.clock, settings_of(LedgerSettings), bytes(32))
        self.rules = rules
        self.batcher = cast("Any", _Queue(rules))

    async def assets(self) -> list[Asset]:
        return sorted(self.rules.state.assets)

    async def accounts(self, owner_kind: str, owner_id: str) -> list[Account]:
        owned = [one for one in self._opened() if one.ref[:2] == (owner_kind, owner_id)]
        return sorted(owned, key=lambda one: (one.opened_by, one.ref))

    async def account(self, id_: str) -> Account:
        found = next((one for one in self._opened() if one.id == id_), None)
        if found is None:
            raise NotFound(f"there is no account {id_}")
        return found

    async def lots(
        self, owner_kind: str, owner_id: str, asset: str, *, with_empty: bool = False
    ) -> list[Lot]:
        mine = {one.id for one in await self.accounts(owner_kind, owner_id) if asset in {"", one.ref.asset}}
        lots = [lot for id_ in mine for lot in self.rules.state.lots_of(id_) if lot.remaining or with_empty]
        return sorted(lots, key=lambda lot: (lot.asset, lot.fifo_key))

    def _opened(self) -> list[Account]:
        return [one for one in self.rules.state._accounts.values() if one.opened_by]


class LedgerInMemory(LedgerRpc):
    """Serves the ledger's API, and does in one word what tests need.

    `posts` has the keys of the postings that were new, in order; `looks` counts the looks at accounts.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.rules = RulesInMemory(clock)
        super().__init__(_Service(self.rules))
        self.posts: list[str] = []
        self.looks = 0
        self._numbers = 0

    async def Post(self, request: pb.PostRequest, context: Any) -> pb.PostResponse:
        if (request.scope, request.key) not in self.rules.state._outcomes:
            self.posts.append(request.key)
        return await super().Post(request, context)

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        self.looks += 1
        return await super().ListAccounts(request, context)

    # ── for tests ───────────────────────────────────────────────────────────────────────────────────

    @property
    def assets(self) -> dict[str, Asset]:
        """Every asset by its code; may be changed."""
        return self.rules.state._assets

    def define(self, code: str, kind: str = MONEY, scale: int = 6, unit: str = "") -> None:
        """Make an asset known, without a posting."""
        self.rules.state.add_assets([Asset(code, kind, scale, unit or code, transferable=True)])

    def give(self, user_id: str, asset: str, units: int) -> None:
        """Bring money or access to a customer, from where it always comes from."""
        source = ("payments", "clearing") if self.assets[asset].kind == MONEY else ("catalog", "issuance")
        self.move(("platform", source[0], asset, source[1]), ("user", user_id, asset, "available"), units)

    def sell(self, asset: str, units: int) -> None:
        """Take capacity out of the inventory."""
        assert self.assets[asset].kind == ACCESS
        self.move(
            ("platform", "catalog", asset, "inventory"), ("platform", "access", asset, "consumed"), units
        )

    def move(self, debit: tuple[str, str, str, str], credit: tuple[str, str, str, str], units: int) -> None:
        """Post one leg."""
        if units:
            self._numbers += 1
            leg = Leg(LegKind.POST, AccountRef(*debit), AccountRef(*credit), units)
            self.rules.perform(Posting("tests", f"move {self._numbers}", "test", (leg,), "tester"))

    def use(self, user_id: str, asset: str, *, used: int, held: int) -> None:
        """Let a customer use some access, and hold some more."""
        self._numbers += 1
        hold_id, session = f"hld_tests{self._numbers}", f"flw_tests{self._numbers}"
        debit, credit = (
            AccountRef("user", user_id, asset, "available"),
            AccountRef("platform", "access", asset, "consumed"),
        )
        self.rules.perform(Reservation(hold_id, debit, credit, used + held, 0, "access"))
        self.rules.perform(UseReport(hold_id, (UsageReading(session, used, 1),), "access"))

    def counters(self, owner_kind: str, owner_id: str, asset: str, purpose: str) -> Account:
        """Return an account as it is now."""
        return self.rules.account(AccountRef(owner_kind, owner_id, asset, purpose))

    def wallet(self, user_id: str, asset: str) -> Account:
        """Return what a customer has of an asset."""
        return self.counters("user", user_id, asset, "available")

    def lots(self, user_id: str, asset: str) -> list[Lot]:
        """Return a customer's lots, used up ones too."""
        return list(self.rules.state.lots_of(self.wallet(user_id, asset).id))
