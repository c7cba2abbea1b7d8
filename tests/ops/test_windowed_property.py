"""Every windowed function: textbook = expansion = fast, forward and every gradient.

The table of what is drawn, and of the textbook's answer, is `windowed_cases.TABLE`; the same calls
are compared with PyTorch in tests/parity.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import autograd
from minicnn.nn.functional.expansions import EXPANSIONS
from minicnn.ops import convolution, normalization, pooling, resampling, windows
from minicnn.ops.shape import Pad

_place = Path(__file__).with_name("windowed_cases.py")
_spec = importlib.util.spec_from_file_location("windowed_cases", _place)
windowed = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(windowed)

DTYPES = ("float64", "float64", "float32", "float32", "float16")
# Results are rounded to the dtype; some are added up in it, too.
TOLERANCES = {"float16": 2e-2, "float32": 3e-5, "float64": 1e-10}
# Powers and roots magnify what was rounded.
POWERS = {"float16": 6e-2, "float32": 1e-4, "float64": 1e-7}

everything = pytest.mark.parametrize("name", sorted(windowed.TABLE))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny arrays: several threads would spend their time waiting for each other."""
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def delta_for(rng, dtype):
    def delta(shape):
        values = rng.standard_normal(shape)
        # float16: quarters, whose sums lose no digits.
        return np.asarray(np.round(4 * values) / 4 if dtype == "float16" else values, dtype)

    return delta


@everything
@settings(max_examples=70)
@given(data=st.data())
def test_textbook_expansion_and_fast_are_the_same(name, data):
    case = data.draw(windowed.cases(name, DTYPES))
    layouts = [data.draw(st.sampled_from(windowed.LAYOUTS)) for _ in range(2)]
    y, indices, gradients = case.expected()
    delta = delta_for(np.random.default_rng(data.draw(st.integers(0, 99))), y.dtype)(y.shape)
    expected = [y, *gradients(delta)]
    tolerance = (POWERS if name == "lp_pool2d" else TOLERANCES)[str(y.dtype)]
    ways = {"cpu": getattr(F, name), "plain": getattr(F, name), "expansion": EXPANSIONS[name]}
    for way, function in ways.items():
        text = f"{name}{case}, {layouts}, {way}"
        with mc.kernels("plain" if way == "plain" else "cpu"):
            found, places = windowed.run(mc, function, case, lambda shape: delta, layouts)
        windowed.assert_same(found, expected, tolerance, text)
        assert (places is None) == (indices is None), text
        if indices is not None:
            assert places.dtype == np.int64, text
            np.testing.assert_array_equal(places, indices, err_msg=text)


def test_no_windowed_function_is_forgotten():
    """Every function of `F` is in the table, or known to look at no neighbours."""
    assert set(windowed.TABLE) == windowed.windowed_functions()
    assert set(windowed.TABLE) <= set(EXPANSIONS)


def test_a_new_function_would_be_noticed(monkeypatch):
    def convolve_backwards():
        pass

    convolve_backwards.__module__ = "minicnn.nn.functional.something_new"
    monkeypatch.setattr(F, "convolve_backwards", convolve_backwards, raising=False)
    assert windowed.windowed_functions() - set(windowed.TABLE) == {"convolve_backwards"}


class Watch:
    """Notes the operations that run."""

    def __init__(self):
        self.operations = set()

    def forward(self, node, operation, inputs, outputs):
        self.operations.add(type(operation))


def operations_of(function, case):
    watch = Watch()
    with autograd.record(watch):
        function(*windowed.leaves(mc, case.given()), **case.options)
    return watch.operations


# Operations that put several steps together. `lp_pool2d` runs others'; the shuffles have none.
FUSED = {
    operation
    for module in (convolution, normalization, pooling, resampling, windows)
    for operation in vars(module).values()
    if isinstance(operation, type)
}


@everything
@settings(max_examples=10)
@given(data=st.data())
def test_an_expansion_does_not_run_what_it_stands_for(name, data):
    case = data.draw(windowed.cases(name, ("float64",)))
    # A border is a step of many expansions, and what that of `pad` itself stands for.
    fused = FUSED | {Pad} if name == "pad" else FUSED
    run = operations_of(getattr(F, name), case)
    if name not in ("pad", "pixel_shuffle", "channel_shuffle"):
        assert run & fused
    assert not run & fused & operations_of(EXPANSIONS[name], case)
