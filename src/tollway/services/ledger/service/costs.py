"""Costs: what the access that a customer used up had cost, by day and asset, as the books have it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from tollway.fabric.db import Database
from tollway.kit.errors import Invalid
from tollway.services.ledger.store import costs as store
from tollway.services.ledger.store.costs import DayCost

BATCH = 1_000
MAX_DAYS = 760


@dataclass(frozen=True, slots=True)
class CostSeries:
    """Units of one asset paid in one currency (empty: they cost nothing), used and expired, by day and in all."""

    asset: str
    cost_asset: str
    used_units: list[int]
    used_cost: list[int]
    expired_units: int
    expired_cost: int


@dataclass(frozen=True, slots=True)
class CostAnalysis:
    """The series from the dearest on, and by currency what was used, expired, and used in the period before."""

    days: list[str]
    series: list[CostSeries]
    used: dict[str, int]
    expired: dict[str, int]
    previously_used: dict[str, int]


class Costs:
    """Sums over the journal; they are exact, and complete when they are asked for."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def catch_up(self) -> int:
        """Add what was committed since the last time; return how many transactions that were."""
        total = 0
        while True:
            async with self._db.snapshot() as tx:
                if not await store.is_behind(tx):
                    return total
            async with self._db.transaction() as tx:
                total += await store.add_next(tx, BATCH)

    async def analyse(self, user_id: str, first_day: date, last_day: date) -> CostAnalysis:
        """Return a customer's costs of these days (UTC), both included. Raises Invalid for too many of them."""
        count = (last_day - first_day).days + 1
        if not 0 < count <= MAX_DAYS:
            raise Invalid.of("until", f"must not be before since, nor more than {MAX_DAYS} days after it")
        await self.catch_up()
        before = (first_day - timedelta(days=count), first_day - timedelta(days=1))
        async with self._db.snapshot() as tx:
            found = await store.between(tx, user_id, first_day.isoformat(), last_day.isoformat())
            previous = await store.between(tx, user_id, before[0].isoformat(), before[1].isoformat())
        days = [(first_day + timedelta(days=n)).isoformat() for n in range(count)]
        return CostAnalysis(
            days,
            _series(days, found),
            _by_currency(found, "use"),
            _by_currency(found, "expire"),
            _by_currency(previous, "use"),
        )


def _series(days: list[str], found: Iterable[DayCost]) -> list[CostSeries]:
    place = {day: n for n, day in enumerate(days)}
    rows: defaultdict[tuple[str, str], list[DayCost]] = defaultdict(list)
    for one in found:
        rows[one.asset, one.cost_asset].append(one)
    series: list[CostSeries] = []
    for (asset, cost_asset), mine in rows.items():
        units, cost = [0] * len(days), [0] * len(days)
        for one in mine:
            if one.code == "use":
                units[place[one.day]] += one.units
                cost[place[one.day]] += one.cost
        expired = [one for one in mine if one.code == "expire"]
        series.append(
            CostSeries(
                asset,
                cost_asset,
                units,
                cost,
                sum(one.units for one in expired),
                sum(one.cost for one in expired),
            )
        )
    return sorted(series, key=lambda one: (-sum(one.used_cost), one.asset, one.cost_asset))


def _by_currency(found: Iterable[DayCost], code: str) -> dict[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for one in found:
        if one.code == code and one.cost_asset:
            sums[one.cost_asset] += one.cost
    return dict(sorted(sums.items()))
