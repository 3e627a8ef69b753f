"""What waits to be sent on a stream."""

from tollway.fabric.rpc.unsent import FRAME_LIMIT_BYTES, Unsent


def test_a_message_holds_as_much_as_is_good_for_those_behind_it() -> None:
    unsent = Unsent[str]()
    half_bytes = FRAME_LIMIT_BYTES // 2
    for number in range(1, 6):
        unsent.add(number, "", half_bytes)
    unsent.add(6, "", 3 * half_bytes)
    assert unsent.remove(2)
    assert not unsent.remove(2)
    taken = unsent.take()
    assert list(taken) == [1, 3]
    unsent.put_back(taken)
    assert [list(unsent.take()) for _ in range(4)] == [[1, 3], [4, 5], [6], []]
    assert unsent.size_bytes == 0
