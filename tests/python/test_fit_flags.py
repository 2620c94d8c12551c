"""The flags of batch fits are those of the core."""

from osculate import Flag, _core


def test_flags_equal_the_cores():
    assert {flag.name: int(flag) for flag in Flag} == _core.flags
