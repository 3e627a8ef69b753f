"""The operations of the tokens service: sessions in `sessions`, signing keys in `keys`."""

from tollway.services.tokens.service.keys import KeyRing, SecretMismatch
from tollway.services.tokens.service.sessions import Granted, Tokens

__all__ = ["Granted", "KeyRing", "SecretMismatch", "Tokens"]
