"""Where the first NaN is."""

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.training import DivergenceError, check_loss

NAN = float("nan")


def network():
    return nn.Sequential({"first": nn.Linear(3, 4), "act": nn.ReLU(), "last": nn.Linear(4, 2)})


def message(model, inputs, loss=NAN):
    with pytest.raises(DivergenceError) as error:
        check_loss(loss, model, inputs, step=17)
    return str(error.value)


def test_a_finite_loss_passes():
    assert check_loss(0.0, network(), mc.zeros(1, 3), 1) is None


@pytest.mark.parametrize("loss", [NAN, float("inf"), -float("inf")])
def test_step_and_loss_are_named(loss):
    assert f"the loss became {loss} at step 17." in message(network(), mc.zeros(1, 3), loss)


def test_the_weights_at_fault_are_named():
    model = network()
    model.last.bias.data[1] = NAN
    assert "in the bias of layer 'last' (Linear)" in message(model, mc.zeros(1, 3))
    model.first.weight.data[0, 0] = float("inf")
    assert "in the weight of layer 'first' (Linear)" in message(model, mc.zeros(1, 3))


def test_an_output_that_overflows_is_named():
    model = network()
    model.first.weight.data.fill_(1e30)
    text = message(model, mc.full((1, 3), 1e30))
    assert "in the output of layer 'first' (Linear)" in text


def test_the_input_or_the_loss_function_may_be_to_blame():
    assert "The input of the network already" in message(network(), mc.tensor([[NAN, 0.0, 0.0]]))
    assert "look at the loss function" in message(network(), mc.zeros(1, 3))


def test_the_model_is_left_without_hooks():
    model = network()
    message(model, mc.zeros(1, 3))
    assert not any(m._forward_hooks for m in model.modules())
