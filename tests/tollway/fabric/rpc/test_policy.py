"""Who may ask whom."""

import pytest

from tollway.fabric.rpc.policy import check, service_of
from tollway.kit.errors import Forbidden


def test_a_path_names_its_api() -> None:
    assert service_of("/tollway.ledger.v1.Ledger/Post") == ("ledger", "Post")
    assert service_of("/plain/Get") == ("plain", "Get")


def test_no_policy_admits_everybody() -> None:
    check(None, "ledger", "")


@pytest.mark.parametrize(("api", "caller"), [("ledger", "chat"), ("ledger", ""), ("orders", "gateway")])
def test_a_policy_admits_only_whom_it_names(api: str, caller: str) -> None:
    policy = {"ledger": {"orders"}}
    check(policy, "ledger", "orders")
    with pytest.raises(Forbidden, match=f"may not ask {api}"):
        check(policy, api, caller)
