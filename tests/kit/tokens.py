"""A tokens room as tests want it, and the checks that everybody else makes with its keys."""

from tests.kit.clock import FakeClock
from tollway.fabric.bearer import Verifier
from tollway.fabric.db import Database
from tollway.services.tokens.service import Tokens
from tollway.services.tokens.settings import TokensSettings

SECRET = b"a secret of the tests, long enough"
USER = "usr_01k9w2000000000000000000aa"
OTHER = "usr_01k9w2000000000000000000bb"


def tokens_room(db: Database, clock: FakeClock, **settings: object) -> Tokens:
    return Tokens(db, clock, TokensSettings.model_validate(settings), SECRET)


def verifier_of(room: Tokens, clock: FakeClock) -> Verifier:
    return Verifier(room.keys.jwks, room.names.issuer, room.names.audience, clock)
