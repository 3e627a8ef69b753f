"""Who may ask whom."""

import pytest

from tollway.fabric.rpc.policy import check, door_of
from tollway.kit.errors import Forbidden


def test_a_path_names_its_door() -> None:
    assert door_of("/tollway.ledger.v1.Ledger/Post") == ("ledger", "Post")
    assert door_of("/plain/Get") == ("plain", "Get")


def test_no_policy_admits_everybody() -> None:
    check(None, "ledger", "")


@pytest.mark.parametrize(("door", "caller"), [("ledger", "chat"), ("ledger", ""), ("orders", "gateway")])
def test_a_policy_admits_only_whom_it_names(door: str, caller: str) -> None:
    policy = {"ledger": {"orders"}}
    check(policy, "ledger", "orders")
    with pytest.raises(Forbidden, match=f"may not ask {door}"):
        check(policy, door, caller)
