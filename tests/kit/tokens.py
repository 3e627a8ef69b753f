"""A tokens service as tests want it, and the checks that everybody else makes with its keys."""

from tests.kit.clock import FakeClock
from tollway.fabric.access_tokens import Verifier
from tollway.fabric.db import Database
from tollway.services.tokens.service import Tokens
from tollway.services.tokens.settings import TokensSettings

SECRET = b"a secret of the tests, long enough"
USER = "usr_01k9w2000000000000000000aa"
OTHER = "usr_01k9w2000000000000000000bb"


def tokens_service(db: Database, clock: FakeClock, **settings: object) -> Tokens:
    return Tokens(db, clock, TokensSettings.model_validate(settings), SECRET)


def verifier_of(service: Tokens, clock: FakeClock) -> Verifier:
    return Verifier(service.keys.jwks, service.names.issuer, service.names.audience, clock)
