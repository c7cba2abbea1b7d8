"""Every function with a name of PyTorch's: 200 random cases equal to PyTorch, and no name left out.

The cases stand in the files ``cases_*.py``, one generator a function; `table` puts them together.
"""

import pytest

torch = pytest.importorskip("torch")
# What both warn of is compared elsewhere.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("one_thread"),
]

from compared import base, compared  # noqa: E402
from drawn import Draw  # noqa: E402
from table import ELSEWHERE, TABLE, required  # noqa: E402

CASES = 200
# Of the cases drawn this share may be refused by PyTorch, and then by minicnn.
MOST = 3 * CASES


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


# The functions that the interface promises by name.
PROMISED = {
    "": "tensor as_tensor from_numpy zeros ones full empty zeros_like ones_like arange linspace "
    "eye rand randn randint randperm add sub mul div pow neg abs exp log sqrt square sin cos tanh "
    "sigmoid relu clamp maximum minimum where sign matmul einsum sum mean var std amax amin max "
    "min argmax argmin prod cumsum logsumexp softmax log_softmax topk sort allclose reshape "
    "flatten unflatten transpose permute squeeze unsqueeze cat stack split chunk flip roll gather "
    "index_select masked_fill",
    "Tensor.": "view expand repeat size dim numel requires_grad_ T item tolist numpy detach clone "
    "contiguous to cpu float double long backward register_hook retain_grad zero_ copy_",
    "autograd.": "grad",
    "nn.functional.": "conv1d conv2d conv_transpose1d conv_transpose2d linear max_pool1d "
    "max_pool2d max_unpool2d avg_pool1d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d "
    "lp_pool2d "
    "interpolate pixel_shuffle unfold fold pad batch_norm layer_norm group_norm instance_norm "
    "local_response_norm dropout dropout2d stochastic_depth relu relu6 leaky_relu elu gelu silu "
    "sigmoid tanh hardsigmoid hardswish softplus softmax log_softmax channel_shuffle "
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss binary_cross_entropy_with_logits "
    "kl_div one_hot normalize",
    "nn.init.": "xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ normal_ uniform_ "
    "constant_ trunc_normal_",
    "nn.utils.": "clip_grad_norm_ parameters_to_vector",
    "optim.": "SGD Adam AdamW RMSprop Adagrad",
    "optim.lr_scheduler.": "StepLR MultiStepLR ExponentialLR CosineAnnealingLR LinearLR OneCycleLR "
    "ReduceLROnPlateau LambdaLR SequentialLR",
}


def test_what_is_promised_is_there():
    names = {prefix + n for prefix, text in PROMISED.items() for n in text.split()}
    assert not names - set(TABLE), sorted(names - set(TABLE))
