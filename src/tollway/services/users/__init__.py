"""What a user tells about themselves: a profile and preferences.

Promises
- Whoever signs in has a profile: it is made on first use, once, however many ask at the same moment. Nothing
  has to be arranged at registration.
- A change that changes nothing is not published.

Invariants: one profile per user id. It holds no address and no credentials, which are identity's.

Neighbours: calls nobody, and has no API for them. Publishes which fields changed, never their values.
"""
