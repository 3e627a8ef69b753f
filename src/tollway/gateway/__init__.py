"""The REST edge: a reverse proxy with policy, between everybody outside and the services.

Promises
- Whoever gets through to a service as somebody is that somebody: cookies and tokens are checked here, identity
  headers from outside are dropped, and the services check the token once more.
- One strict reading of HTTP/1.1 (`wire.http1`): what two parsers could read differently never passes.
- Nobody takes more than their share: limits per client, caps on heads and bodies, deadlines on slow peers.
- Bodies stream both ways with back-pressure; nothing is buffered whole, whatever its size.
- Every answer made here is a problem document (RFC 9457) with a stable code and the correlation id.

The map, from the top; every file looks down only
- owns sockets and time: `server` listens, `connection` reads a client's requests, `upstream` keeps connections to them.
- decides: `exchange` how one request ends, with `admission` (may it, as whom, where to), `forwarding` (there and
  back) and `websocket` (after an upgrade). Whoever is owned tells its owner through a Protocol of its own.
- computes, from `request`, the record of one request: `answers`, `cors`, `outbound`, `access_log`.
- is known beforehand: `routes`, `plan`, `auth`, `limits`, `breaker`, `headers`, `problems`, `settings`; `state` holds
  it all, for every connection.

No Task and no Future is made for a request whose token is known and whose upstream has an idle connection: that
is what makes it quick.

Neighbours: the tokens service (cookies, revocations, keys), and over HTTP whatever the routes name.
"""
