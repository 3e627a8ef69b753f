"""Audit: a record of everything that was published, which proves that it was not altered.

Promises
- Every event that any service publishes becomes one entry, once, in the order in which it arrives here.
- Each entry carries the SHA-256 of the entry before it and of itself, and a signature of that (see `model.seal`), so
  whoever has no key can't change, add, move or take out an entry unseen.
- The tables refuse to be changed: triggers stop UPDATE and DELETE on both engines.
- Nothing is ever pruned: the record is kept for good, whatever the retention of what it records.
- Each entry names who did it and the audit tag of the route, as the event's envelope says: the person, or the service
  that acted of its own accord.
- E-mail addresses are redacted before an entry is sealed: a person is named by id only, so that somebody who leaves
  can be forgotten elsewhere without breaking the record. Network addresses of logins are kept, as evidence.

Invariants
- Sequence numbers have no gaps; the head row names the last entry and its hash.
- What this cannot show by itself: that the end of the record was cut off, or that all of it is an older copy. So each
  seal of the ledger names the record's head, and the head is noted in a second place (`security.heads_folder`).

Neighbours: subscribes to every service; calls nobody; the ledger asks for its head; is read by
  `tollway verify` and by operators.
"""
