"""Which backend a setting chooses."""

import pytest

from tollway.fabric.limits.memory import MemoryLimits
from tollway.fabric.limits.redis import RedisLimits
from tollway.settings import InvalidSettings, load
from tollway.topology.backends import open_limits


def test_limits_are_of_one_process_unless_there_is_a_server_to_share_them() -> None:
    assert isinstance(open_limits(load().settings), MemoryLimits)
    shared = load({"network.redis": "redis://127.0.0.1:6379"}).settings
    assert isinstance(open_limits(shared), RedisLimits)


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "redis://host:port", "http://host"])
def test_a_wrong_address_is_named(url: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^network\.redis\b"):
        open_limits(load({"network.redis": url}).settings)
