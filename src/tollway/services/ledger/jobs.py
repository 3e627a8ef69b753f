"""Work of the ledger: opening accounts of new customers, ending what is over, sealing what was committed."""

from typing import Any

from tollway.contracts.books import USER
from tollway.fabric.jobs import Jobs, Timed
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.gifts import ANNOUNCE_GIFT, announce_gift


async def open_accounts(service: Ledger, payload: dict[str, Any]) -> None:
    """Open the accounts that every customer has. Raises UnknownAsset while a currency is not defined."""
    await service.open_accounts(USER, payload["user_id"], ())


async def expire(service: Ledger) -> None:
    """End holds and lots whose time is over."""
    await service.expire()


async def seal(service: Ledger) -> None:
    """Chain and sign the transactions since the last seal."""
    await service.seal()


JOBS: Jobs = {"open_accounts": open_accounts, ANNOUNCE_GIFT: announce_gift}
TIMED = {"expire": Timed(every_s=1, run=expire), "seal": Timed(every_s=2, run=seal)}
