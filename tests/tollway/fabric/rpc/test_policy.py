"""Who may call which method."""

import pytest

from tollway.fabric.rpc.policy import check, service_of
from tollway.kit.errors import Forbidden


def test_a_path_names_its_api_and_method() -> None:
    assert service_of("/tollway.ledger.v1.Ledger/Post") == ("ledger", "Post")
    assert service_of("/plain/Get") == ("plain", "Get")


def test_no_policy_admits_everybody() -> None:
    check(None, "ledger", "Post", "")


@pytest.mark.parametrize(
    ("api", "method", "caller"),
    [
        ("ledger", "Post", "chat"),
        ("ledger", "Post", ""),
        ("ledger", "Reverse", "orders"),
        ("orders", "Post", "orders"),
    ],
)
def test_a_policy_admits_only_whom_it_names(api: str, method: str, caller: str) -> None:
    policy = {"ledger": {"Post": {"orders"}}}
    check(policy, "ledger", "Post", "orders")
    with pytest.raises(Forbidden, match=f"may not call {api}.{method}"):
        check(policy, api, method, caller)
