"""Freed memory stays with the process, unless the user has decided otherwise."""

import os
import subprocess
import sys

import pytest

from minicnn.kernels import memory

PROGRAM = """
import resource
import numpy as np
import minicnn.kernels.cpu

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23, np.uint8)  # 8 MiB: 2,048 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(), np.ones(2**26, np.uint8)
print(faults())
"""


def run(**variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    environment.pop("GLIBC_TUNABLES", None)
    command = [sys.executable, "-c", PROGRAM]
    found = subprocess.run(
        command, env={**environment, **variables}, capture_output=True, text=True, check=True
    )
    return int(found.stdout)


needs_glibc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.confstr("CS_GNU_LIBC_VERSION") is None,
    reason="of glibc",
)


@needs_glibc
def test_pages_are_handed_out_once():
    assert run() < 10
    assert run(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 1


def test_what_the_user_set_holds(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not memory.keep_freed_memory()


def test_another_system(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.keep_freed_memory()
