"""The networks by name, and the checks that all of them share."""

import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, ShapeError


def test_every_listed_network_is_built_by_a_function_of_that_name():
    for name in mc.models.list_models():
        assert mc.models.get_model_builder(name).__name__ == name
        assert getattr(mc.models, name) is mc.models.get_model_builder(name)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(ArgumentError, match="called 'lenet-5', did you mean 'lenet5'"):
        mc.models.get_model("lenet-5")


def test_options_reach_the_network():
    assert mc.models.get_model("lenet5", num_classes=7).fc3.out_features == 7


def test_images_that_do_not_fit_are_refused_by_the_network_itself():
    model = mc.models.lenet5()
    with pytest.raises(ShapeError, match=r"expected images of 28 × 28, got 20 × 28"):
        model(mc.zeros(1, 1, 20, 28))
    with pytest.raises(ShapeError, match=r"\(N, 1, H, W\), got shape \(1, 3, 28, 28\)"):
        model(mc.zeros(1, 3, 28, 28))
    with pytest.raises(ShapeError, match="makes one image a batch of one"):
        model(mc.zeros(1, 28, 28))


def test_weights_from_a_file(tmp_path):
    model = mc.models.lenet5()
    mc.save(model.state_dict(), tmp_path / "lenet.safetensors")
    again = mc.models.lenet5(weights=tmp_path / "lenet.safetensors")
    assert mc.equal(again.fc3.weight, model.fc3.weight)


def test_weights_that_are_not_there_are_refused_before_anything_is_drawn():
    state = mc.random.default_generator.get_state()
    with pytest.raises(ArgumentError, match="there is no file of weights at"):
        mc.models.lenet5(weights="nowhere.safetensors")
    assert mc.random.default_generator.get_state() == state
