"""Blobs: what is true of every backend."""

import asyncio
from pathlib import Path

import pytest

from tollway.fabric.blobs import BlobNotFound, Blobs
from tollway.fabric.blobs.folder import FolderBlobs
from tollway.kit.errors import Unavailable


@pytest.fixture(params=["folder"])
def blobs(tmp_path: Path) -> Blobs:
    return FolderBlobs(tmp_path / "blobs")


async def test_what_was_put_is_read_back(blobs: Blobs) -> None:
    await blobs.put("invoices/inv_1.pdf", b"%PDF\x00")
    assert await blobs.read("invoices/inv_1.pdf") == b"%PDF\x00"


async def test_the_last_one_put_under_a_key_counts(blobs: Blobs) -> None:
    await blobs.put("a", b"first")
    await blobs.put("a", b"")
    assert await blobs.read("a") == b""


async def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(BlobNotFound):
        await blobs.read("a/b")
    await blobs.put("a/c", b"1")
    with pytest.raises(BlobNotFound):
        await blobs.read("a/b")


async def test_deleting_is_final_and_harmless_to_repeat(blobs: Blobs) -> None:
    await blobs.put("a", b"1")
    await blobs.delete("a")
    await blobs.delete("a")
    with pytest.raises(BlobNotFound):
        await blobs.read("a")


async def test_keys_are_listed_in_order_by_prefix(blobs: Blobs) -> None:
    assert await blobs.keys("") == []
    for key in ("b/2", "b/1", "a/1", "b-1"):
        await blobs.put(key, b"")
    assert await blobs.keys("b/") == ["b/1", "b/2"]
    assert await blobs.keys("") == ["a/1", "b-1", "b/1", "b/2"]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "A", "a b", "a\\b", "a" * 256]
)
async def test_a_key_that_is_not_well_formed_is_a_mistake_of_the_code(key: str, blobs: Blobs) -> None:
    for work in (blobs.put(key, b""), blobs.read(key), blobs.delete(key)):
        with pytest.raises(AssertionError):
            await work


async def test_writers_of_one_key_leave_one_whole_blob(blobs: Blobs) -> None:
    bodies = [bytes([n]) * 100_000 for n in range(16)]
    await asyncio.gather(*(blobs.put("a", body) for body in bodies))
    assert await blobs.read("a") in bodies
    assert await blobs.keys("") == ["a"]


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file, not a folder")
    with pytest.raises(Unavailable):
        await FolderBlobs(tmp_path / "blobs").put("a", b"1")
