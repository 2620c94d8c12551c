"""How the bad-input tests check a refusal; no bare assert, which `python -O` would remove."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest


def require(condition: bool, explanation: object) -> None:
    """An assert that `python -O` keeps."""
    if not condition:
        raise AssertionError(explanation)


def refused(call: Callable[[], Any], exception: type[Exception], *fragments: str) -> None:
    """`call` raises exactly `exception`, in one line that holds every fragment and speaks no C++.

    The first fragment is what the message must begin with: function and argument.
    """
    with pytest.raises(exception) as caught:
        call()
    text = str(caught.value)
    require(type(caught.value) is exception, repr(caught.value))
    require(text.startswith(fragments[0]), text)
    for fragment in fragments[1:]:
        require(fragment in text, f"{fragment!r} is not in {text!r}")
    require("\n" not in text and len(text) < 250, text)
    require(not re.search(r"std::|Eigen|pybind|_core|0x[0-9a-f]{6}", text), text)
