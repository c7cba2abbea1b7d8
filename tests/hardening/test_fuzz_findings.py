"""What fuzzing has found, call by call; each was mended."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError

X = mc.ones(2, 3, 4, 4)
ARRAY = np.zeros(3)
STRUCTURED = np.zeros(2, [("a", "f4")])

REFUSED = {
    # Hung: a loop over 10¹³ groups of no filters is none.
    "no number for a dtype": (lambda: mc.zeros(2, dtype=mc.zeros(3)), DtypeError, "zeros: "),
    "no structure for a dtype": (lambda: mc.zeros(2, dtype=(None, None)), DtypeError, "zeros: "),
    "an array of objects": (
        lambda: mc.mul(mc.ones(2), np.array([1, 2], object)),
        DtypeError,
        "mul: dtype",
    ),
    "… in a division": (lambda: mc.div(mc.ones(2), np.array(None)), DtypeError, "div: dtype"),
    "an array among choices": (
        lambda: F.l1_loss(X, X, reduction=np.ones(2)),
        ArgumentError,
        "l1_loss: reduction must be one of",
    ),
    "a larger array in place": (lambda: mc.ones(()).add_(ARRAY), ShapeError, "add_: the result"),
    "sizes beside an empty one": (lambda: mc.ones((0, 1 << 62, 3)), ArgumentError, "ones: "),
    "a view of 2⁶² elements": (lambda: mc.ones(()).expand(1 << 62), ShapeError, "expand: "),
    "no number as gradients": (
        lambda: mc.autograd.backward(mc.ones((), requires_grad=True), 0.5),
        DtypeError,
        "backward: grad_tensors",
    ),
    "an array as a subscript": (
        lambda: mc.einsum(X, [ARRAY, 1, 2, 3]),
        ArgumentError,
        "einsum: subscripts",
    ),
    "no order for logsumexp": (lambda: mc.logsumexp(X, np.float64("nan")), DtypeError, "logsumexp"),
    "an array as dimension": (lambda: F.normalize(X, 2.0, np.array(None)), DtypeError, "normalize"),
    "an array as a stride": (
        lambda: F.max_pool2d(X, 2, np.zeros((0, 3))),
        DtypeError,
        "max_pool2d",
    ),
    "a start that float32 has not": (lambda: mc.linspace(1e300, 3, 4), ArgumentError, "linspace: "),
    "a flag of several": (lambda: F.relu(X, inplace=mc.ones(2)), DtypeError, "relu: inplace"),
    "a flag of no truth": (
        lambda: F.adaptive_max_pool2d(X, 2, return_indices=ARRAY),
        DtypeError,
        "adaptive_max_pool2d: return_indices",
    ),
    "a correction by an array": (lambda: mc.var(X, unbiased=ARRAY), DtypeError, "var: unbiased"),
    "no tensor for BatchNorm1d": (lambda: nn.BatchNorm1d(1)(None), DtypeError, "BatchNorm1d: "),
    "no tensor for InstanceNorm2d": (
        lambda: nn.InstanceNorm2d(1)(False),
        DtypeError,
        "InstanceNorm2d: ",
    ),
    "a number for a weight": (
        lambda: nn.NLLLoss(3),
        DtypeError,
        "NLLLoss: weight must be a tensor",
    ),
    "a list for pos_weight": (
        lambda: nn.BCEWithLogitsLoss(pos_weight=[1.0]),
        DtypeError,
        "BCEWithLogitsLoss: pos_weight must be a tensor",
    ),
    "a complex factor": (
        lambda: nn.Upsample(scale_factor=1j),
        DtypeError,
        "Upsample: scale_factor",
    ),
    "one width in a list": (lambda: nn.ZeroPad2d([3]), ArgumentError, "ZeroPad2d: padding"),
    "a list of features": (lambda: nn.Linear([5], 3), DtypeError, "Linear: in_features"),
    "a list of channels": (lambda: nn.Conv2d([3], 3, 1), DtypeError, "Conv2d: in_channels"),
    "a list of channels to norm": (lambda: nn.GroupNorm(1, [3]), DtypeError, "GroupNorm: num_chan"),
    "True as a size": (lambda: nn.Unflatten(1, (3, True)), DtypeError, "Unflatten: unflattened"),
    "no tensor to unflatten": (lambda: nn.Unflatten(0, (1, 2))((1,)), DtypeError, "Unflatten: "),
    "modules without names": (lambda: nn.ModuleDict([None]), DtypeError, "ModuleDict: "),
    "a power that is a list": (
        lambda: nn.LPPool2d([2], 2)(X),
        DtypeError,
        "LPPool2d: norm_type",
    ),
    "no generator": (
        lambda: nn.init.trunc_normal_(mc.empty(3), generator=mc.bool),
        DtypeError,
        "trunc_normal_: generator",
    ),
    "a seed that is an array": (lambda: mc.Generator(ARRAY), ArgumentError, "Generator: the seed"),
    "parameters in a 0-d array": (lambda: mc.optim.SGD(np.zeros(())), DtypeError, "SGD: params"),
    "a parameter that is ()": (lambda: mc.optim.SGD([()]), ArgumentError, "SGD: a parameter"),
    "an array as an option": (
        lambda: mc.optim.RMSprop([mc.ones(1, requires_grad=True)], centered=STRUCTURED),
        DtypeError,
        "RMSprop: centered",
    ),
    "no function to check": (lambda: mc.gradcheck(3, X), DtypeError, "gradcheck: func"),
    "no inputs to check": (lambda: mc.gradcheck(mc.sin, 3), DtypeError, "gradcheck: inputs"),
    "an open file as a file name": (lambda: mc.data.read_idx(3), DtypeError, "read_idx: expected"),
    "a number as a folder": (lambda: mc.data.CIFAR10(3), DtypeError, "CIFAR10: expected"),
    "a class without a name": (
        lambda: mc.plot.mistakes(mc.rand(1, 8, 8), [10**13], [1]),
        IndexRangeError,
        "mistakes: 10000000000000 is no number of a class",
    ),
    "a long signal behind two windows": (
        lambda: mc.textbook.avg_pool1d_gradient([[[2, 20]]], 10**13, 2),
        ValueError,
        "avg_pool1d_gradient: delta must have shape",
    ),
    "large maps behind two windows": (
        lambda: mc.textbook.avg_pool2d_gradient([[[[2, 20]]]], (10**7, 10**7), (2, 2)),
        ValueError,
        "avg_pool2d_gradient: delta must have shape",
    ),
    "text among numbers": (
        lambda: mc.textbook.relu([[1, 2], [3]]),
        ValueError,
        "relu: x must hold real numbers",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_by_name(what):
    call, kind, text = REFUSED[what]
    with pytest.raises(kind) as raised:
        call()
    assert str(raised.value).startswith(text), str(raised.value)


def test_groups_of_nothing_take_no_time():
    assert nn.init.dirac_(mc.empty(0, 2, 2, 1), 10**13).shape == (0, 2, 2, 1)


def test_a_number_is_copied_with_all_its_digits():
    """It became a float32 on the way."""
    assert mc.zeros(2, dtype=mc.float64).copy_(-1.9861506913256475)[0].item() == -1.9861506913256475


def test_a_slope_whose_square_is_infinite():
    assert nn.init.calculate_gain("leaky_relu", 1e300) == 0


def test_an_open_file_stays_open(tmp_path):
    """``open(3)`` is the file that the process opened third, and closes it afterwards."""
    with (tmp_path / "x").open("w") as file:
        with pytest.raises(DtypeError):
            mc.data.read_idx(file.fileno())
        file.write("still open")
    assert (tmp_path / "x").read_text() == "still open"


def test_random_numbers_go_into_memory_at_any_address():
    space = np.zeros(4 * 8 + 1, np.uint8)
    tensor = mc.from_numpy(space[1:].view("float64"))
    mc.nn.init.uniform_(tensor, 1.0, 2.0)
    assert ((tensor.array >= 1) & (tensor.array <= 2)).all()


def test_memory_that_is_shared_by_elements_is_not_written_to():
    """One change would have been seen in several places, and the later ones would have won."""
    numbers = np.arange(5.0)
    windows = np.lib.stride_tricks.as_strided(numbers, (3, 3), (8, 8))
    x = mc.from_numpy(windows)
    assert x.tolist() == windows.tolist()
    with pytest.raises(ArgumentError, match="add_: this tensor's memory is read-only"):
        x.add_(1)
    np.testing.assert_array_equal(numbers, np.arange(5.0))
    # Rows that only lie apart, in any order, stay as they were.
    for part in (np.zeros((4, 6))[:, ::2], np.zeros((4, 6)).T, np.zeros((1, 3))):
        mc.from_numpy(part).add_(1)
        assert (part == 1).all()


def test_the_slopes_of_a_product_without_digits():
    """z/x_i where z has lost its digits, or is infinite, was another number, or none."""
    x = mc.tensor([1.75, 5e-324, 0.9, 1.0], dtype=mc.float64, requires_grad=True)
    x.prod().backward()
    assert x.grad[1].item() == 1.75 * 0.9
    for values, slopes in (
        ([1e300, 1e300, 0.5], [5e299, 5e299, np.inf]),
        ([np.inf], [1.0]),
        ([1e-200, 1e-200, 3.0], [3e-200, 3e-200, 0.0]),
    ):
        x = mc.tensor(values, dtype=mc.float64, requires_grad=True)
        with np.errstate(over="ignore"):
            x.prod().backward()
        np.testing.assert_allclose(x.grad.array, slopes, rtol=1e-15)


def test_a_loss_has_the_dtype_of_scores_and_probabilities_together():
    torch = pytest.importorskip("torch")
    for library in (mc, torch):
        x = library.tensor([[0.5, -1.0]], dtype=library.float32, requires_grad=True)
        q = library.tensor([[0.25, 0.75]], dtype=library.float64)
        loss = library.nn.functional.cross_entropy(x, q)
        loss.backward()
        assert str(loss.dtype).endswith("float64") and str(x.grad.dtype).endswith("float32")
