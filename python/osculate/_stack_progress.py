"""The progress bar of `osculate fit`: tqdm's where it is installed, else percents; on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Bar:
    """A callable(done, total) for `osculate.fit`, shown on a terminal, or `always`."""

    def __init__(self, total: int, *, always: bool) -> None:
        self.total = total
        self.shown = always or sys.stderr.isatty()
        self._bar: Any = None
        self._percent = -1

    def __enter__(self) -> Bar:
        if self.shown:
            try:
                from tqdm import tqdm
            except ImportError:
                pass
            else:
                self._bar = tqdm(total=self.total, unit=" fits", unit_scale=True, file=sys.stderr)
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif (percent := 100 * done // max(total, 1)) > self._percent:
            self._percent = percent
            print(f"\r{percent:3d}% of {total} fits", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            if error is None:
                self._bar.update(self.total - self._bar.n)
            self._bar.close()
        elif self._percent >= 0:
            print(file=sys.stderr)
