"""Who somebody is: sign-up, credentials, account state, roles.

Promises
- Nobody learns here whether an address has an account: known and unknown addresses get the same answers after
  the same work, and cost the same number of tries.
- Attempts are counted before a response is checked, so parallel guesses cannot pass the limit. A lock grows with
  every failure and always ends by itself. It is of those who fail: strangers lock neither the browsers and networks
  that an account signed in from, nor the neighbours of their own network.
- A session opens only when every factor that the user has to answer is proven. Proving (`service/signin/attempt`) is
  apart from opening the session (`service/signin/session`); a factor is one module in `factors`.
- A link from a mail works once, for a limited time, and is stored only as a hash.
- A suspended account, a changed password or a taken-over address ends every session that relied on it, also one that is
  being opened at the same moment.

Invariants
- One account per address, whatever its capitals. Passwords are stored as argon2id; bcrypt hashes from elsewhere
  are accepted and replaced at the next login.
- `epoch` grows whenever what a session relies on changes; a login that began before it does not count.

Neighbours: calls tokens for sessions and notifications for mails (from durable jobs). Publishes what happens to
accounts.
"""
