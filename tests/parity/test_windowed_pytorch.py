"""Every windowed function = PyTorch's: forward and every gradient, over random calls.

The calls are those of tests/ops/windowed_cases.py, where they are held against the textbook and
the expansions.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.parity,
    # PyTorch on its own slow path.
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
]

_place = Path(__file__).parents[1] / "ops" / "windowed_cases.py"
_spec = importlib.util.spec_from_file_location("windowed_cases", _place)
windowed = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(windowed)

TOLERANCES = {"float32": 1e-4, "float64": 1e-9}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny arrays: several threads would spend their time waiting for each other."""
    import numba

    threads = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    numba.set_num_threads(threads[0])
    torch.set_num_threads(threads[1])


def every_place_once(case):
    """Of several values for one place, PyTorch promises no order of writing."""
    indices = case.arrays[1].reshape(-1, case.arrays[1].shape[-2] * case.arrays[1].shape[-1])
    return all(len(set(places)) == len(places) for places in indices.tolist())


def factor_remembered(case):
    """For signals of once or twice the size, PyTorch's backward of "nearest" forgets the factor.

    Its forward does not: then there is no gradient to compare with.
    """
    options, size = case.options, case.arrays[0].shape[2:]
    factor = options.get("scale_factor")
    if len(size) != 1 or options["mode"] != "nearest" or factor is None:
        return True
    factor = factor[0] if isinstance(factor, tuple) else factor
    copied = int(size[0] * factor) in (size[0], 2 * size[0])
    return bool(options["recompute_scale_factor"]) or not copied


COMPARABLE = {"max_unpool2d": every_place_once, "interpolate": factor_remembered}


@pytest.mark.parametrize("name", sorted(windowed.TABLE))
@settings(max_examples=200)
@given(data=st.data())
def test_values_and_gradients_are_pytorchs(name, data):
    case = data.draw(windowed.cases(name))
    assume(COMPARABLE.get(name, lambda case: True)(case))
    layouts = [data.draw(st.sampled_from(windowed.LAYOUTS)) for _ in range(2)]
    seed, variant = data.draw(st.integers(0, 99)), data.draw(st.sampled_from(["cpu", "plain"]))

    def delta(shape):
        return np.random.default_rng(seed).standard_normal(shape).astype(case.arrays[0].dtype)

    theirs, places = windowed.run(torch, getattr(torch.nn.functional, name), case, delta)
    with mc.kernels(variant):
        mine, indices = windowed.run(mc, getattr(F, name), case, delta, layouts)
    text = f"{name}{case}, {layouts}, {variant}"
    windowed.assert_same(mine, theirs, TOLERANCES[str(mine[0].dtype)], text)
    assert (indices is None) == (places is None), text
    if indices is not None:
        assert indices.dtype == places.dtype, text
        np.testing.assert_array_equal(indices, places, err_msg=text)
