"""Every function with a name of PyTorch's: 200 random cases equal to PyTorch, and no name left out.

The cases stand in the files ``cases_*.py``, one generator a function; `table` puts them together.
"""

import pytest

torch = pytest.importorskip("torch")
# What both warn of is compared elsewhere.
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

from compared import base, compared  # noqa: E402
from drawn import Draw  # noqa: E402
from table import ELSEWHERE, TABLE, required  # noqa: E402

CASES = 200
# Of the cases drawn this share may be refused by PyTorch, and then by minicnn.
MOST = 3 * CASES


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of tiny arrays: several threads would spend their time waiting for each other."""
    import numba

    threads = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    numba.set_num_threads(threads[0])
    torch.set_num_threads(threads[1])


def enough_cases(name, entry):
    """(forward, backward): cases compared until there are enough of both."""
    forward = backward = 0
    for seed in range(MOST):
        if forward >= CASES and (backward >= CASES or not entry.gradient):
            break
        call = entry.draw(Draw([seed, *name.encode()]))
        found = compared(name, entry, call, seed)
        where = f"{name}, case {seed}: {call}"
        assert not found.difference, f"{where}: {found.difference}"
        if found.theirs is not None:
            assert found.mine is not None, f"{where}: PyTorch refuses it: {found.theirs!r}"
        elif found.mine is not None:
            raise AssertionError(f"{where}: refused, which PyTorch does not do") from found.mine
        forward += found.forward
        backward += found.backward
    return forward, backward


@pytest.mark.parametrize("name", TABLE)
def test_200_cases_are_pytorchs(name):
    entry = TABLE[name]
    forward, backward = enough_cases(name, entry)
    assert forward >= CASES, f"{name}: only {forward} cases were compared"
    if entry.gradient:
        assert backward >= CASES, f"{name}: only {backward} gradients were compared"
    else:
        assert not backward, f"{name} has a gradient: the table should say so"


def test_no_function_is_left_out():
    missing = required() - set(TABLE) - set(ELSEWHERE)
    assert not missing, f"without cases in tests/parity/cases_*.py: {sorted(missing)}"


def test_the_lists_are_true():
    names = required()
    assert len(names) > 250
    unknown = {base(n) for n in TABLE if not n.startswith("operator")} - names
    assert not unknown, f"cases of what is not there: {sorted(unknown)}"
    assert not set(ELSEWHERE) - names
    assert not set(ELSEWHERE) & set(TABLE)
