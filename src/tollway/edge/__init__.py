"""The network: proxies with one policy, one meter and one throttle for every protocol.

What a byte meets on its way, file by file:

    listener         accepts a client and hands it to a protocol
    protocols/       PROTOCOLS: each talks to its clients: who is it, where does it want to go (`http`, `socks5`)
    session          the only way out, by five verbs: authenticate, connect, storage, reject, close
    handshake        a session of a protocol that works by callbacks, which is the fast way
    awaitable        the same five verbs for protocols that are coroutines
    credential       how a client may prove who it is, one typed value for each kind
    source_address   the address of one that said nothing of itself
    proxied          what a balancer in front says of its clients
    tls              TLS on the client's side, before any protocol
    gate             what the sessions of one edge share
    policy/          small named rules in one ordered list, the operator's and the customer's own
    guard            which addresses may be dialled at all
    exits/           how a target is reached (`direct`), which exit serves a preference, connections that are kept
    flow             the one noun that all protocols share: who, from, to, why it ended (`terminate_cause`)
    spend            quota, throttle and meter of a flow: every byte is taken here before it moves, and counted after
    quota            what this node may still use of the customer's holding, and the leases that it comes from
    throttle         the rate of one resource
    meter_file       a memory-mapped file of counters that survives `kill -9`
    charging         the quotas of a node, and who reports on them
    usage_reporter   carries the counters to the access service until they are acknowledged
    quarantine       the file of usage that can never be acknowledged, for the operator
    access_client    asks the access service, and knows which of its refusals are final
    relay            moves the bytes
    tcp_send_queue   what a client that vanished was never sent, and does not pay for
    node             the component: starts all of it, follows changes, recovers the meter file

Promises
- A flow's bytes are those read from its client and those written to it, heads and replies included, equal to
  what a counting forwarder between client and edge sees. A client that vanishes does not pay for what the kernel
  had not sent yet (`tcp_send_queue`).
- No byte moves that no lease covers. When the quota is used up the flow ends at that byte.
- Usage is reported until acknowledged, over restarts and however long the node was away. Nothing is charged
  twice. What the service can never accept is not repeated for ever: it is logged, counted
  (`tollway_edge_quarantined_bytes`) and kept in `<node>.quarantine.jsonl` beside the meter file.
- A lease is not spent any further than half a second beyond the time for which the service said it is good.
- A refusal without credentials or without quota costs nothing.
- Suspending a customer or revoking a credential ends the flows in question within a second, no others, with
  Admin-Reset; a customer's own disconnecting ends them with User-Request, an empty holding with Quota.
- Nobody reaches a service of the platform through here, whatever ranges an operator allows.
- Limits of a grant (flows at once, rate) hold on each node for itself; the holding is what all nodes share.

Neighbours: the access service alone (`contracts/access.proto`). Everything runs on one event loop; no lock is
needed because no code between two awaits is interrupted.
"""
