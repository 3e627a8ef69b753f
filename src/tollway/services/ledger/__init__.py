"""The ledger: money and access in one multi-asset double-entry book.

Access is an asset like money. A deposit, a purchase, a byte through the proxy, a gift, an expiry, a refund: each is
a transaction whose legs move units between two accounts of one asset, and the books always balance.

Promises
- A transaction is applied whole or not at all, and once: its name (scope, key) means the same transaction for ever.
  A refusal is remembered too, so a retry can't succeed later by surprise; a new try takes a new key.
- Nobody can spend more than they have, and no capacity is sold twice, whoever asks, how often, at the same time.
- Held units are captured in parts, released, or expire; what is held can't be spent by anybody else.
- Metered use is charged by cumulative counters: reports may be lost, repeated or overtake each other.
- Access lies in lots with cost and end. However finely a lot is used up, the slices of its cost sum to its cost.
- What was answered is on disk, with a tag that only the platform's key makes, and is sealed within seconds. `verify`
  finds every altered cell. That the end was cut off, or all is an older copy, is shown by the audit trail, which
  records each seal, and by the heads noted in a second place.

Invariants
- Per asset, debits equal credits. An account's counters are what its legs make them; its versions have no gaps.
- A customer's access equals what remains in their lots; what is pending equals what open holds hold.
- History is append-only. Only a reversal corrects, at most once.

How it works: a command (`model/posting`, `metering`, `maintenance`) is executed on the working set
(`model/working_set`), the part of the ledger that is in memory; what it changed is written as one change set
(`store/writing`). The batcher (`service/batcher`) gives many callers one commit. Whoever holds the writer lock (a row
lock) is the only writer, so transactions have one order, that of their ids, on both engines.

Which accounts there may be is declared by the services that keep them, in `contracts/chart`; the ledger checks names
against it.

Neighbours: asks audit for its head; publishes TransactionMade, BooksSealed and BooksVerified; is asked by catalog,
orders, payments and access.
"""
