"""Work of the ledger: opening accounts of new customers, ending what is over, sealing what was committed."""

import logging
from collections.abc import Mapping
from math import inf
from typing import Any

from tollway.contracts.books import USER
from tollway.fabric.head_notes import HeadNoteUnusable
from tollway.fabric.jobs import Jobs, Timed
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.books import Books
from tollway.services.ledger.service.gifts import ANNOUNCE_GIFT, announce_gift
from tollway.services.ledger.service.leaving import forfeit
from tollway.services.ledger.service.sealing import SealRefused

_log = logging.getLogger(__name__)


async def open_accounts(service: Ledger, payload: dict[str, Any]) -> None:
    """Open the accounts that every customer has. Raises UnknownAsset while a currency is not defined."""
    await service.open_accounts(USER, payload["user_id"], ())


async def forfeit_all(service: Ledger, payload: dict[str, Any]) -> None:
    """Take what a customer gave up when they left."""
    await forfeit(service, payload["user_id"])


async def expire(service: Ledger) -> float:
    """End holds and lots whose time is over."""
    await service.expire()
    return service.due_in_s


async def seal(service: Ledger) -> float | None:
    """Chain and sign the transactions since the last seal."""
    try:
        await service.seal()
    except (SealRefused, HeadNoteUnusable, OSError) as reason:
        _log.error("transactions are not sealed: %s. Run `tollway verify`", reason)
        return None
    return inf


async def add_costs(service: Ledger) -> float:
    """Bring the sums of what used access had cost up to date."""
    await service.costs.catch_up()
    return inf


JOBS: Jobs = {"open_accounts": open_accounts, "forfeit": forfeit_all, ANNOUNCE_GIFT: announce_gift}
TIMED = {
    "expire": Timed(every_s=1, run=expire),
    "seal": Timed(every_s=2, run=seal),
    # Nobody waits for it: whoever asks for costs brings them up to date. It keeps what is to be added then short.
    "add_costs": Timed(every_s=60, run=add_costs),
}


def timed_work(books: Books) -> Mapping[str, Timed]:
    """Return all timed work of the ledger: also the verification of the books, when somebody asked for it."""

    async def verify(_service: Ledger) -> float:
        return await books.verification.work()

    return {**TIMED, "verify": Timed(every_s=5, run=verify)}
