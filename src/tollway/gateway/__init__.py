"""The REST edge: a reverse proxy with policy, between everybody outside and the services.

Promises
- Whoever gets through to a service as somebody is that somebody: cookies and tokens are checked here, identity
  headers from outside are dropped, and the services check the token once more.
- One strict reading of HTTP/1.1 (`wire.http1`): what two parsers could read differently never passes.
- Nobody takes more than their share: limits per client, caps on heads and bodies, deadlines on slow peers.
- Bodies stream both ways with back-pressure; nothing is buffered whole, whatever its size.
- Every refusal made here is a problem document (RFC 9457) with a stable code and the correlation id.
- The routing table is replaced as a whole or not at all, and nobody's request notices.

The map; a folder imports those below it
- `listen`    sockets and time: `server` listens, `connection` reads a client's requests
- `proxy`     `exchange` is one request and its response; an `attempt` is one try of it; `websocket` after an upgrade
- `policy`    `admission` decides whether a request may go on, with `credentials`, `limits` and `cors`
- `context`   what all connections share
- `message`   requests and responses as values and bytes
- `route`     which request goes where: `files` are read, a `table` is compiled, `reload` replaces it
- `upstream`  clusters of endpoints, with their connections and their health
- `observe`   the access log and the metrics
- `admin`     the admin API

No Task and no Future is made for a request whose token is cached and whose endpoint has an idle connection: that
is what makes it quick.

Neighbours: the tokens service (cookies, revocations, keys), and over HTTP whatever the routes name.
"""
