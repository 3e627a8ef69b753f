"""The operations of the tokens service: sessions in `sessions`, signing keys in `keys`."""

from tollway.services.tokens.service.keys import KeyRing, SecretMismatch
from tollway.services.tokens.service.sessions import IssuedTokens, Tokens

__all__ = ["IssuedTokens", "KeyRing", "SecretMismatch", "Tokens"]
