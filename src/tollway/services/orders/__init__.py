"""Orders: what a customer asks to buy, and the saga that turns money into access.

Promises
- An order ends in exactly one of two ways: filled, with the price and the bytes moved once; or failed (or
  cancelled), with nothing moved. A crash between any two statements changes neither.
- A quote is kept to the unit for as long as it lasts, and used at most once.
- What is charged is the price shown. A fee, where the operator takes one, is shown and booked on its own.

The saga. Each arrow is one call at the ledger under its own key, `order:{id}:{step}`, or none, and then one
transaction here that moves the row from the state it was in, with its events.

    placed ── hold_funds ──▶ funds_held ── allocate ──▶ allocated ── capture ──▶ filled
      │                          │                          │
      └──────────────────────────┴──────▶ releasing ◀───────┘ (only if the ledger refuses)
                                              │
                                     failed or cancelled

`allocated` is the pivot: before it an order can be cancelled or run out of time and is compensated; from
there it only goes forward. The request that places the order drives it; a durable job and a timed one drive what a
crash left behind. Any number of drivers may work on one order: the ledger's keys make their calls one call,
and only the one that finds the row in the expected state moves it.

Neighbours: asks `catalog` (products, prices) and `ledger` (holds, captures, holdings); publishes `OrderPlaced`,
`OrderFilled`, `OrderFailed`.
"""
