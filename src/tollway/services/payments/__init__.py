"""Payments: money from the outside, through payment providers, into a customer's wallet.

Promises
- A deposit is credited exactly once: by the provider's signed webhook, or, when that was lost, by reconciliation, which
  asks the provider. Both post to the ledger under the same key, `deposit:{provider}:{payment}`, so it does not matter
  how often and in which order they arrive.
- A declined card moves nothing, and the refusal carries the bank's reason.
- An outcome that is not known (the provider did not answer) is a state of the deposit, not an error: it is found out
  by asking again under the same idempotency key, and never guessed.
- A refund or a dispute at the provider, reported by webhook or found by reconciliation, is posted once. What is in the
  wallet is taken in that posting, however it is moved meanwhile; what had been spent is owed. New money settles a debt
  first. A refund that failed and a dispute that was won are reinstated once, with what was settled since.
- What could not be decided waits as `needs_review` for an operator, who can credit only what the provider confirms.
- Card numbers never come here: payment methods are named by the provider's tokens.
- What a provider cannot do is refused before anything happens.

Invariants
- `created → processing → succeeded → credited`, or `failed`, or `needs_review` for an operator. Only what the provider
  says moves a deposit to `succeeded`, even one that had failed; nothing leaves `credited`.
- A deposit is charged, asked about and reversed through the provider that it was begun with, and no other.
- Every move of a deposit, a reversal or a debt is a compare-and-set on the state that it was decided on.
- A customer's account `debt` in the ledger is below zero by what they owe, and by nothing else.
- A webhook is acted on only after it was verified and its event id was stored.
- What is credited is what the provider took; if that is not what was asked for, an operator reviews it.

Neighbours: calls ledger (the postings) and identity (the e-mail address for receipts). Providers are behind
`providers.PaymentProvider`, listed in `providers.PROVIDERS`. Publishes DEPOSIT_CREDITED, DEPOSIT_FAILED,
DEPOSIT_REVIEWED, DEPOSIT_REVERSED, DEPOSIT_REINSTATED, DEBT_OPENED and DEBT_SETTLED.
"""
