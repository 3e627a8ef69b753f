"""Payments: money from the outside, through a payment provider, into a customer's wallet.

Promises
- A deposit is credited exactly once: by the provider's signed webhook, or, when that was lost, by the janitor who asks
  the provider. Both post to the ledger under the same key, `deposit:{payment}`, so it does not matter how often
  and in which order they arrive.
- A declined card moves nothing and is said to be declined, with the bank's reason.
- An outcome that is not known (the provider did not answer) is a state of the deposit, not an error: it is found out
  by asking again under the same idempotency key, and never guessed.
- What the provider takes back (a refund, a dispute), told by webhook or found by looking back, leaves the wallet once,
  as far as there is something in it; what the customer had spent is booked as the house's loss. What comes back (a
  dispute won) is given back once.
- What nobody could decide waits as `needs_review` for an operator, who has the provider for a witness.
- Card numbers never come here: cards are named by the provider's tokens.

Invariants
- `created → processing → succeeded → credited`, or `failed`, or `needs_review` for a person. Only the provider's word
  moves a deposit to `succeeded`, even one that had failed; nothing leaves `credited`.
- A webhook is acted on only after its signature was checked and its event id was stored.
- What is credited is what the provider took; if that is not what was asked for, a person looks at it.

Neighbours: asks ledger (the posting) and identity (the e-mail address for receipts). Its provider is behind
`providers.PaymentProvider`. Tells DEPOSIT_CREDITED, DEPOSIT_FAILED, DEPOSIT_REVIEWED, DEPOSIT_TAKEN_BACK and
DEPOSIT_GIVEN_BACK.
"""
