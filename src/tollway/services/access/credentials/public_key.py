"""SSH public keys (RFC 4252, section 7). That the client holds the private key is proved to the node, not here."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from tollway.contracts.access_pb2 import PublicKeyCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.errors import Invalid
from tollway.services.access.credentials.kind import Made, Presented, Public, new_username
from tollway.services.access.model import Credential

# RSA keys sign with SHA-2 under names of their own (RFC 8332) and are `ssh-rsa` as keys.
_KEY_TYPES = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa"}
# Of how many strings a key blob of each type is made, its name among them (RFC 8709, 5656, 4253).
_ACCEPTED = {
    "ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-rsa": 3,
}
_EXPECTED = "must be one line of an OpenSSH public key file, such as 'ssh-ed25519 AAAAC3Nz…'"


class PublicKey:
    """All keys of an access share one username; the key blob presented is compared with each of them."""

    name = "public_key"

    def make(self, given: str, live: Sequence[Credential]) -> Made:
        """Keep a key in OpenSSH's format. Raises Invalid when it is not one, or of a type that is not accepted."""
        words = given.split()
        if len(words) < 2 or words[0] not in _ACCEPTED:
            raise Invalid.of("public_key", f"{_EXPECTED}; accepted types: {', '.join(_ACCEPTED)}")
        key_type, encoded = words[:2]
        try:
            blob = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise Invalid.of("public_key", _EXPECTED) from error
        if _key_type(blob) != key_type:
            raise Invalid.of("public_key", "the key is of another type than the line says")
        if len(_strings(blob)) != _ACCEPTED[key_type]:
            raise Invalid.of("public_key", f"the key is damaged; {_EXPECTED}")
        username = next((one.identifier for one in live if one.kind == self.name), None) or new_username()
        return Made(username, public_key=f"{key_type} {base64.b64encode(blob).decode()}")

    def parse(self, message: PublicKeyCredential) -> Presented:
        """Read username and key blob. Raises BadCredentials when the algorithm is not the key's."""
        if _KEY_TYPES.get(message.algorithm, message.algorithm) != _key_type(message.key):
            raise BadCredentials
        return Presented(message.username, message.key)

    def verify(self, presented: Presented, found: Sequence[Credential]) -> Credential | None:
        """Return the credential whose key is the one presented."""
        for one in found:
            if hmac.compare_digest(_blob(one), presented.proof):  # type: ignore[type-var]
                return one
        return None

    def public(self, credential: Credential) -> Public:
        """Show the username, the key, and its fingerprint as `ssh-keygen -l` prints it."""
        hashed = base64.b64encode(hashlib.sha256(_blob(credential)).digest()).decode().rstrip("=")
        return Public(credential.identifier, credential.public_key, f"SHA256:{hashed}")


def _blob(credential: Credential) -> bytes:
    return base64.b64decode(credential.public_key.split()[1])


def _key_type(blob: bytes) -> str:
    """Return the type that a key blob names in its first string (RFC 4253, section 6.6); empty when damaged."""
    strings = _strings(blob)
    return strings[0].decode("ascii", "replace") if strings else ""


def _strings(blob: bytes) -> list[bytes]:
    """Return the strings that a key blob is made of (RFC 4251, section 5); none when it is damaged."""
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        start = at + 4
        at = start + int.from_bytes(blob[at:start], "big")
        if not start < at <= len(blob):
            return []
        found.append(blob[start:at])
    return found


PUBLIC_KEY = PublicKey()
