"""Stores: what is damaged is one error that names the file, and nothing else."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from sgprobe.peers.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "role.sqlite"
    store = SqliteStore(found)
    store.commit({f"order/{n:04}": {"state": "open" * 20, "n": n} for n in range(300)})
    store.close()
    return found


def fault_of(path: Path) -> OSError | None:
    """Return what reading and writing a store comes to."""
    try:
        store = SqliteStore(path)
    except OSError as error:
        return error
    try:
        for key in list(store.keys()):
            store.get(key)
        store.commit({"order/0001": None, "order/9999": {"state": "new"}})
    except OSError as error:
        return error
    finally:
        store.close()
    return None


def test_any_damage_of_the_file_is_an_error_that_names_it(path: Path) -> None:
    """Octets that were changed are seen, or change what is read; nothing else comes of them."""
    whole, chance = path.read_bytes(), random.Random(1)
    assert fault_of(path) is None
    faults = []
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        faults.append(fault_of(path))
    told = [one for one in faults if one is not None]
    assert len(told) > 100
    assert {one.filename for one in told} == {str(path)}


def test_a_change_that_cannot_be_whole_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(path)
    good = store._do

    def full(statement: str, *values: str) -> list[tuple[object, ...]]:
        if values[:1] == ("order/b",):
            raise store._broken("the disk is full")
        return good(statement, *values)

    monkeypatch.setattr(store, "_do", full)
    with pytest.raises(OSError, match="full"):
        store.commit({"order/a": {}, "order/b": {}})
    assert store.get("order/a") is None
    store.commit({"order/c": {}})
    store.close()


def test_a_store_that_somebody_else_writes_is_an_error(path: Path) -> None:
    store = SqliteStore(path)
    store._db.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="locked"):
        store.commit({"order/a": {}})
    other.close()
    store.commit({"order/a": {}})
    store.close()
