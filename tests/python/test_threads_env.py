"""How many threads None means (affinity, control groups, OMP_NUM_THREADS), and which numbers are valid."""

from __future__ import annotations

import os

import numpy as np
import pytest

from osculate import _threads


@pytest.fixture
def eight_cpus(monkeypatch):
    """A machine with eight CPUs and no other limit."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(_threads, "_cgroup_limit", lambda: None)


@pytest.fixture
def write(tmp_path):
    """Write files of a made-up root directory."""

    def write_file(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write_file


def test_available_is_at_least_one_here():
    assert 1 <= _threads.available() <= (os.cpu_count() or 1)


@pytest.mark.usefixtures("eight_cpus")
def test_available_is_the_affinity():
    assert _threads.available() == 8


@pytest.mark.usefixtures("eight_cpus")
def test_available_without_affinity_counts_cpus(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert _threads.available() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _threads.available() == 1


@pytest.mark.usefixtures("eight_cpus")
@pytest.mark.parametrize(
    ("text", "threads"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("4,2", 4),
        ("100", 8),
        ("", 8),
        ("0", 8),
        ("-2", 8),
        ("many", 8),
        ("2.5", 8),
        (",2", 8),
    ],
)
def test_available_reads_the_first_number_of_openmps_variable(monkeypatch, text, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert _threads.available() == threads


@pytest.mark.usefixtures("eight_cpus")
def test_available_is_limited_by_the_control_group(monkeypatch):
    monkeypatch.setattr(_threads, "_cgroup_limit", lambda: 2)
    assert _threads.available() == 2


def test_cgroup_without_files_is_no_limit(tmp_path):
    assert _threads.cgroup_limit(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("max 100000\n", None),
        ("nonsense", None),
    ],
)
def test_cgroup_version_2_quota_is_rounded_up(tmp_path, write, text, limit):
    write("proc/self/cgroup", "0::/\n")
    write("sys/fs/cgroup/cpu.max", text)
    assert _threads.cgroup_limit(tmp_path) == limit


def test_cgroup_version_2_takes_the_smallest_quota_of_the_parents(tmp_path, write):
    write("proc/self/cgroup", "0::/user.slice/job\n")
    write("sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n")
    write("sys/fs/cgroup/user.slice/cpu.max", "300000 100000\n")
    write("sys/fs/cgroup/cpu.max", "800000 100000\n")
    assert _threads.cgroup_limit(tmp_path) == 3


@pytest.mark.parametrize(("quota", "limit"), [("250000", 3), ("-1", None)])
@pytest.mark.parametrize(
    "folder", ["docker/1234", "."]
)  # in a container its own group is often mounted as the root
def test_cgroup_version_1_quota_is_rounded_up(tmp_path, write, quota, limit, folder):
    write("proc/self/cgroup", "7:blkio:/x\n4:cpu,cpuacct:/docker/1234\n")
    write(f"sys/fs/cgroup/cpu/{folder}/cpu.cfs_quota_us", f"{quota}\n")
    write(f"sys/fs/cgroup/cpu/{folder}/cpu.cfs_period_us", "100000\n")
    assert _threads.cgroup_limit(tmp_path) == limit


@pytest.mark.parametrize("threads", [1, 3, np.int64(3), _threads.MOST])
def test_resolve_returns_a_valid_number(threads):
    resolved = _threads.resolve(threads)
    assert type(resolved) is int
    assert resolved == threads


def test_resolve_none_is_what_is_available(monkeypatch):
    monkeypatch.setattr(_threads, "available", lambda: 5)
    assert _threads.resolve(None) == 5


@pytest.mark.parametrize("threads", [0, -1, _threads.MOST + 1, 10**30])
def test_resolve_refuses_a_number_out_of_range(threads):
    with pytest.raises(
        ValueError, match=rf"^threads: got {threads}, expected an integer from 1 to 4096, or None$"
    ):
        _threads.resolve(threads)


@pytest.mark.parametrize("threads", [True, 2.0, "2", [2], np.array([2, 3])])
def test_resolve_refuses_what_is_no_integer(threads):
    with pytest.raises(TypeError, match=r"^threads: got .* of type .*, expected a positive integer or None$"):
        _threads.resolve(threads)
