"""What a user enters about themselves: a profile and preferences; and what the platform keeps of them, as a file.

Promises
- Whoever signs in has a profile: it is made on first use, once, however many ask at the same moment. Nothing
  has to be arranged at registration.
- A change that changes nothing is not published.
- An export holds what each service keeps of its owner, and nothing of anybody else. It is made once for each request,
  whatever interrupts; it lies sealed, is given to its owner only, and is deleted when its days are over.

Invariants: at most one export of a user is being made; one profile per user id, which holds no address and no
credentials, as those are identity's.

Neighbours: asks every service what it keeps of a user (the UserData API); calls nobody else, and has no API of its own.
Publishes which fields changed, never their values; ExportRequested, ExportReady.
"""
