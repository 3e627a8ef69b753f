"""The network: proxies with one policy, one meter and one throttle for every protocol.

What a byte meets on its way, file by file:

    listener     accepts a client and hands it to a protocol
    protocols/   its hello: who is it, where does it want to go (`http`, `socks5`)
    gate         the only door out: login, open, lookup, close; nothing else dials or resolves
    policy/      small named rules in one ordered list
    guard        which addresses may be dialled at all
    upstreams/   how a target is reached (`direct`)
    flow         the one noun that all protocols share: who, from, to, bytes, why it ended
    lease        the customer's allowance on this node: every byte is taken from it before it moves
    meter        the meter book: a memory-mapped file of counters that survives `kill -9`
    settle       carries the counters to the access room until they are acknowledged
    relay        moves the bytes
    node         the component: starts all of it, follows changes, recovers the book

Promises
- A flow's bytes are those read from its client and those written to it, heads and replies included, equal to
  what a counting forwarder between client and edge sees.
- No byte moves that no lease covers. When the allowance is used up the flow ends at that byte.
- Usage is reported until acknowledged, over restarts too. Nothing is charged twice.
- A refusal without credentials or without allowance costs nothing.
- Suspending a customer or revoking a credential ends the flows in question within a second, no others.

Neighbours: the access room alone (`contracts/access.proto`). Everything runs on one event loop; no lock is
needed because no code between two awaits is interrupted.
"""
