"""What all tests share."""

import os
import signal

import numpy as np
import pytest
from hypothesis import settings

import minicnn as mc

# A shell ignores Ctrl-C on behalf of what it runs in the background; the tests of Ctrl-C send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Compiling a kernel takes seconds the first time: no test is decided by the clock.
settings.register_profile("minicnn", deadline=None, print_blob=True, max_examples=60)
settings.load_profile("minicnn")


@pytest.fixture(autouse=True)
def seed():
    mc.manual_seed(20240607)


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


def pytest_report_header(config):
    """Says what a pass of tests/gpu means."""
    if config.option.markexpr.strip() == "gpu":
        return "gpu: tests on a real GPU"
    return (
        "gpu: tests/gpu run on a stand-in for CuPy, in the host's memory: a pass is no GPU pass; "
        "pytest -m gpu tests/gpu runs those that need a GPU"
    )


def _no_skip(report):
    """With MINICNN_NO_SKIPS set, a test that is skipped (for a missing part, say) has failed."""
    if os.environ.get("MINICNN_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be: {report.longrepr}"
    return report


# Where reports are made: those that only pass them on may have counted them before.
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _no_skip((yield))
