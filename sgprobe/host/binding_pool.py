"""Binds on all cores: worker processes that hold the key, and give packages in order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from sgprobe.peers.delivery.entry import Prebound
from sgprobe.peers.smdpf.binder import Press, Task

# tasks that go to a worker at once: some 30 ms of work
_SHARE = 10

# of a worker process
_press: list[Press] = []


def _begin(press: Press) -> None:
    _press[:] = [press]


def _bind(task: Task) -> Prebound:
    return _press[0].bind(task)


class BindingPool:
    """A runner of an SM-DPf. Workers are forked, so that no private key is ever written out."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or os.cpu_count() or 1
        self._press: Press | None = None
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, press: Press, tasks: Iterable[Task]) -> Iterator[Prebound]:
        """Bind tasks; packages come in their order."""
        if self._pool is None or self._press is not press:
            self.close()
            self._press = press
            self._pool = ProcessPoolExecutor(
                self._workers, multiprocessing.get_context("fork"), _begin, (press,)
            )
        return self._pool.map(_bind, tasks, chunksize=_SHARE)

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
