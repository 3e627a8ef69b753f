"""Frames: where one ends, however its bytes are cut; and the Close frame as a client reads it."""

import pytest
from websockets.frames import Close, Frame, Opcode

from tollway.gateway.proxy.websocket_frames import FrameTracker, close_frame

SIZES = (0, 1, 125, 126, 65_535, 65_536, 70_000)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cut", [1, 2, 3, 7, 10_000])
def test_the_end_of_a_frame_is_found_however_it_is_cut(size: int, cut: int, masked: bool):
    frame = Frame(Opcode.BINARY, bytes(size)).serialize(mask=masked)
    tracker = FrameTracker()
    for at in range(0, len(frame), cut):
        assert tracker.between_frames is (at == 0)
        tracker.pass_on(frame[at : at + cut])
    assert tracker.between_frames
    assert not tracker.closed


@pytest.mark.parametrize("size", SIZES)
def test_only_the_rest_of_the_frame_under_way_passes(size: int):
    frame = Frame(Opcode.BINARY, bytes(size)).serialize(mask=False)
    tracker = FrameTracker()
    assert tracker.pass_frame(frame) == b""
    tracker.pass_on(frame + frame[:1])
    assert tracker.pass_frame(frame[1:] + frame) == frame[1:]
    assert tracker.between_frames


def test_a_close_frame_is_noticed_among_others():
    tracker = FrameTracker()
    tracker.pass_on(Frame(Opcode.BINARY, b"\x88\x00").serialize(mask=False))
    assert not tracker.closed
    tracker.pass_on(Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=False))
    assert tracker.closed


def test_a_client_reads_the_code_and_the_reason():
    assert close_frame(1008, "session_ended") == Frame(
        Opcode.CLOSE, Close(1008, "session_ended").serialize()
    ).serialize(mask=False)
