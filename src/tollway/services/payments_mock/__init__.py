"""A payment provider for development and tests: the part of Stripe's API that this platform uses.

Promises
- The official `stripe` SDK talks to it unchanged: `StripeClient(key, base_addresses={"api": url})`.
- Parameters are checked against the SDK's own types, so a request that the provider would refuse as unknown,
  missing or ill-typed is refused here too, with the same error body.
- Test cards and test tokens behave as documented by Stripe; any other card number is refused.
- Every change is published by signed webhooks, repeated with growing delay until the receiver answers 2xx.
- A repeated Idempotency-Key gets the stored answer; with other parameters it is an error.
- Faults are planned by a header or by the control page's API: late, lost, doubled and reordered webhooks,
  time-outs after success, 429, 500.

Invariants
- A payment is captured at most once, and never refunded beyond what was captured.
- The answer, the objects, the events and their deliveries of one request commit together.
- No full card number is stored or logged.

- Other web sites cannot drive it from a developer's browser, and webhooks go to loopback and listed hosts only.

Neighbours: none. It is an optional target: `tollway up` adds it where `payments.enabled` names the provider `mock`, and
production refuses it. It listens on `network.payments_mock`, by default on loopback. Known here are one-time payments
with saved cards, refunds and disputes; no subscriptions, invoices or payouts.
"""
