"""WireGuard peers. The handshake proves the private key, so a peer is whoever its public key says."""

import base64
from collections.abc import Sequence

from tollway.contracts.access_pb2 import WireGuardPeerCredential
from tollway.kit.errors import Invalid
from tollway.services.access.credentials.kind import Made, Presented, Public
from tollway.services.access.model import Credential

_KEY_BYTES = 32  # Curve25519


class WireGuardPeer:
    """Found by its public key; nothing else is to be compared."""

    name = "wireguard_peer"

    def make(self, given: str, live: Sequence[Credential]) -> Made:  # noqa: ARG002
        """Keep a public key as `wg pubkey` prints it. Raises Invalid."""
        try:
            key = base64.b64decode(given.strip(), validate=True)
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES or not any(key):
            raise Invalid.of(
                "public_key", "must be a WireGuard public key: 44 characters, as `wg pubkey` prints"
            )
        return Made(_text(key), public_key=_text(key))

    def parse(self, message: WireGuardPeerCredential) -> Presented:
        """Read the public key."""
        return Presented(_text(message.public_key))

    def verify(self, presented: Presented, found: Sequence[Credential]) -> Credential | None:  # noqa: ARG002
        """Return the peer of this public key."""
        return found[0] if found else None

    def public(self, credential: Credential) -> Public:
        """Show the public key."""
        return Public(public_key=credential.public_key)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


WIREGUARD_PEER = WireGuardPeer()
