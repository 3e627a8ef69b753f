"""Makes the first operator, through the identity API, out of what `tollway up` wrote down."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.fabric.service import stub_of
from tollway.topology import OPERATOR

# A password is hashed meanwhile, which a busy machine does slowly.
TIMEOUT_S = 30.0


def make_first_operator(data: Path, apis: LocalServer) -> Callable[[], Awaitable[None]]:
    """Give the work that makes sure of the operator in `secrets/operator.json`; without the file it does nothing."""
    path = data / "secrets" / "operator.json"

    async def ensure() -> None:
        if not path.exists():
            return
        known = json.loads(path.read_text())
        identity = stub_of(identity_pb2_grpc, LocalChannel(apis, OPERATOR))
        request = identity_pb2.EnsureOperatorRequest(email=known["email"], password=known["password"])
        await identity.EnsureOperator(request, timeout=TIMEOUT_S)

    return ensure
