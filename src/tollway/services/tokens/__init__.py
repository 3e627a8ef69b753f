"""The one place that creates and signs tokens, and the only holder of the signing keys.

Promises
- An access token is a short-lived ES256 JWT (RFC 9068); everybody checks it with the published keys and
  `fabric.access_tokens`, so this service is not called on every request.
- A program's refresh token works once. A repeat by a client that lost the answer gets the same successor; any
  other repeat means that two hold it, and the session ends.
- A browser holds an opaque cookie and never a token.
- An ended session is published on a numbered stream that can be followed from any point, whichever replica
  ended it, and is refused everywhere within about a second.

Invariants
- One active signing key and one published as next; private keys are stored sealed with a
  key from the platform's secret.
- Neither cookies nor refresh tokens are stored: only a hash of the one, and only a counter of the other.
- Numbers of the revocation stream appear in the order in which they are committed.

Neighbours: calls nobody. Identity calls it to open and end sessions, the gateway to exchange cookies.
"""
