"""The catalogue: what is for sale, how much of it there is, and at what price.

Promises
- Anybody may look: assets, plans, locations and prices need no account.
- A price is exact integer arithmetic: list price × scarcity, rounded up where the customer pays and down
  where the platform does, so rounding never costs the platform a unit and never costs a customer two.
- Capacity that the operator puts up for sale is issued in the ledger exactly once, however often the
  request is repeated or the process is killed.
- Products and plans are the operator's: added, changed and hidden while the platform runs, and never removed.
- When the ledger does not answer, prices stay at the last known scarcity instead of failing.

Invariants
- A product's lot size and unit never change; what it sells for does, and every change is kept.
- The ledger's account platform/catalog/<asset>/inventory is the only truth about what is left to sell; this
  service knows only what was put up.

Neighbours: asks `ledger` (assets, the inventory's balance, issuance); publishes `PriceChanged`, `ProductChanged`
and `PlanChanged`; `orders` calls it for prices.
"""
