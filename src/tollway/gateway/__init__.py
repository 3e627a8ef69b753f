"""The REST edge: a reverse proxy with policy, between everybody outside and the rooms.

Promises
- Whoever gets through to a room as somebody is that somebody: cookies and tokens are checked here, identity
  headers from outside are dropped, and the rooms check the token once more.
- One strict reading of HTTP/1.1 (`wire.http1`): what two parsers could read differently never passes.
- Nobody takes more than their share: limits per client, caps on heads and bodies, deadlines on slow peers.
- Bodies stream both ways with back-pressure; nothing is buffered whole, whatever its size.
- Every answer made here is a problem document (RFC 9457) with a stable code and the correlation id.

How a request goes: `server` accepts, `connection` reads its events, `exchange` is the story of one request
(`routes` → `auth` → `limits` → `upstream` → answer), `websocket` takes over after an upgrade, `access_log` and
`metrics` write down how it went. No Task and no Future is made for a request whose token is known and
whose upstream has an idle connection: that is what makes it quick.

Neighbours: the tokens room (cookies, revocations, keys), and over HTTP whatever the routes name.
"""
