"""A process that makes one call after the other and can be stopped in the middle of one.

A method that never returns, or loops inside LAPACK, cannot be interrupted otherwise; the next call starts
a new process.
"""

from __future__ import annotations

import importlib
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any


def _serve(connection: Connection) -> None:
    while True:
        try:
            module, function, arguments = connection.recv()
        except EOFError:
            return
        connection.send(getattr(importlib.import_module(module), function)(*arguments))


class Worker:
    """`call(module, function, *arguments)` in another process, started when it is first needed."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def call(self, limit: float, module: str, function: str, *arguments: Any) -> Any:
        """The function's value; TimeoutError after `limit` seconds, EOFError where the process dies."""
        if self._process is None or self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        self._connection.send((module, function, arguments))
        try:
            if not self._connection.poll(limit):
                raise TimeoutError(f"{module}.{function}: no answer in {limit:g} s")
            return self._connection.recv()
        except (TimeoutError, EOFError):
            self.close()
            raise

    def close(self) -> None:
        if self._process is not None and self._connection is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = self._connection = None
