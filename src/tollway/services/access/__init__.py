"""Access: what a customer may use, with which credentials, and the online charging of its use.

A resource is a customer's right to use the network; it draws on one access asset in the ledger. A node (an
edge process) asks for slices of that asset (leases), spends them byte by byte, and reports each flow's
cumulative counters. It is the model of RFC 8506 with the records of RFC 2866.

Promises
- A secret is shown once, at birth; only its digest is kept, and it is compared in constant time. A name that
  does not exist costs as much as a wrong secret.
- Reports may be lost, repeated, reordered or overlap: a flow's record is the largest that was ever reported,
  and the ledger is charged for it exactly once. When a report is answered, it is durable here and there; when
  either side dies in the middle, the next report, or a timed job, finishes what was begun.
- No number of nodes can spend more than the customer holds: only the ledger grants leases. Limits of flows and
  rate are each node's own affair.
- A stopped resource, a revoked credential or a suspended customer reaches every node that follows the changes
  within a second.
- Whatever a vanished node held goes back to the customer after the lease and a grace have passed. When it
  returns, however late, what it has used is settled: out of what the customer has left, else as shortfall.
- A credential that is rotated works until its grace is over; then it is revoked, with its live flows.
- A replaced password ends every credential that the old one could have issued, also one that is being issued at the
  same moment.
- A lease lives at least as long as the answer to its node said, counted from the last answer about its resource.

Invariants
- A flow's counters never go down, and once it has stopped it stays stopped.
- The use of all flows of a (node, resource) is what its leases gave out, as long as the node kept to them.
- The daily totals are the sum of the flows' counters.
- Changes are numbered without gaps, in the order in which they were committed.

Neighbours: asks `ledger` (Reserve, RecordUse, Release, GetAccount, and what a customer holds) and `catalog`
(GetProduct); subscribes to PasswordChanged and UserStateChanged from `identity`; publishes ResourceProvisioned,
ResourceChanged, ConnectionEnded, ResourceStateChanged, CredentialIssued, CredentialRevoked, SessionAccounted; is asked
by the edge.
"""
