"""gradcheck catches every wrong backward of the catalogue, and passes the right ones."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.checking import GradcheckError, faults
from minicnn.checking.faults.convolution import StepByStep
from minicnn.ops.base import Operation


@pytest.mark.parametrize("key", faults.keys())
def test_wrong_backwards_are_caught(key):
    fault = faults.get(key)
    found = faults.first_failure(fault.broken, fault.operation)
    assert found is not None, f"{key} passes on every probe"


@pytest.mark.parametrize("key", faults.keys())
def test_wrong_backwards_are_caught_in_fast_mode(key):
    fault = faults.get(key)
    assert faults.first_failure(fault.broken, fault.operation, fast_mode=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"fast_mode": True}, {"whole_jacobian": True}],
    ids=["elements", "fast", "jacobian"],
)
@pytest.mark.parametrize("name", faults.SUBJECTS)
def test_right_backwards_pass(name, options):
    subject = faults.SUBJECTS[name]
    assert faults.first_failure(subject.right, name, **options) is None


# Of the windowed operations one each: an element of the output costs a backward.
WINDOWED = ("conv-dx-not-rotated", "max-pool-last", "mean-pool-assigned")
CHEAP = [k for k in faults.FAULTS if k in WINDOWED or not ("pool" in k or k.startswith("conv"))]


@pytest.mark.parametrize("key", CHEAP)
def test_wrong_backwards_are_caught_in_the_whole_jacobian(key):
    fault = faults.get(key)
    assert faults.first_failure(fault.broken, fault.operation, whole_jacobian=True)


def test_the_gradients_step_by_step_are_right():
    assert faults.first_failure(StepByStep, "conv2d", fast_mode=True) is None


def test_the_forward_of_a_fault_is_right(rng):
    for fault in faults.FAULTS.values():
        subject = faults.SUBJECTS[fault.operation]
        for probe in subject.probes:
            tensors = [mc.tensor(np.asarray(a)) for a in probe.inputs(rng)]
            right, wrong = (probe.function(c)(*tensors) for c in (subject.right, fault.broken))
            pairs = zip(right, wrong, strict=True) if isinstance(right, tuple) else [(right, wrong)]
            assert all(mc.equal(a, b) for a, b in pairs), fault.key


def test_the_catalogue_is_data():
    assert len(faults.FAULTS) >= 25
    parts = (faults.convolution, faults.pooling, faults.layers, faults.losses)
    assert len(faults.FAULTS) == sum(len(p.FAULTS) for p in parts)  # no key twice
    for key, fault in faults.FAULTS.items():
        assert key == fault.key and fault in faults.of(fault.operation)
        assert issubclass(fault.broken, Operation)
        assert issubclass(fault.broken, faults.SUBJECTS[fault.operation].right)
        assert fault.description and "\n" not in fault.description
        assert len(fault.description) < 90
    lines = [(f.operation, f.description) for f in faults.FAULTS.values()]
    assert len(set(lines)) == len(lines)
    for subject in faults.SUBJECTS.values():
        assert faults.of(subject.name), f"{subject.name} has no fault"


def test_unknown_keys_are_refused():
    with pytest.raises(ValueError, match="did you mean 'relu-leaks'"):
        faults.get("relu-leak")
    with pytest.raises(ValueError, match="operation must be one of 'conv2d'"):
        faults.of("conv3d")
    with pytest.raises(ValueError, match="subject must be one of"):
        faults.first_failure(Operation, "conv3d")


def test_probes_have_what_makes_faults_visible():
    rng = np.random.default_rng(0)
    for name in ("conv2d", "max_pool2d", "avg_pool2d"):
        for probe in faults.SUBJECTS[name].probes:
            n, _, height, width = np.shape(probe.inputs(rng)[0])
            assert n >= 2 and height != width, probe.title
    shapes = [np.shape(p.inputs(rng)[1]) for p in faults.SUBJECTS["conv2d"].probes]
    assert any(f == c for f, c, *_ in shapes) and any(f != c for f, c, *_ in shapes)


def test_a_report_names_the_window():
    fault = faults.get("conv-dx-stride-ignored")
    title, error = faults.first_failure(fault.broken, "conv2d")
    assert title == "stride 2 that does not divide, padding 1"
    assert isinstance(error, GradcheckError)
    assert "lies in the windows of output rows 0" in str(error)
    assert error.input == 0 and error.window in str(error)
