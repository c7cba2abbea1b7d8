"""Looking inside: outputs of layers, feature vectors, neighbours, principal components."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import models, nn
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.training import (
    features,
    layer_outputs,
    nearest,
    principal_components,
    transfer,
)

RANDOM = np.random.default_rng(0)


def test_outputs_of_layers():
    model = models.lenet5(activation="relu").train()
    x = mc.randn(3, 1, 28, 28)
    found = layer_outputs(model, x, ["pool1", "conv1"])
    assert list(found) == ["pool1", "conv1"]
    assert mc.equal(found["conv1"], model.conv1(x))
    assert mc.equal(found["pool1"], model.pool1(F.relu(model.conv1(x))))
    assert not found["conv1"].requires_grad and model.training
    assert not any(m._forward_hooks for m in model.modules())
    assert list(layer_outputs(model, x, "fc3")) == ["fc3"]


def test_outputs_are_those_of_evaluation_and_not_changed_in_place_later():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Dropout(0.5))
    x = mc.randn(2, 1, 5, 5)
    found = layer_outputs(model, x, ["0", "2"])
    assert mc.equal(found["0"], model[0](x)) and (found["0"] < 0).any()
    assert mc.equal(found["2"], F.relu(model[0](x)))


def test_errors_of_layer_outputs():
    model = models.lenet5().train()
    x = mc.zeros(1, 1, 28, 28)
    with pytest.raises(ArgumentError, match="LeNet5 has no layer 'conv3', did you mean 'conv"):
        layer_outputs(model, x, ["conv1", "conv3"])
    with pytest.raises(DtypeError, match="must be a Module, got str"):
        layer_outputs("model", x, "conv1")
    with pytest.raises(ArgumentError, match=r"'aux1.fc2' did not run"):
        layer_outputs(
            models.googlenet(init_weights=False), mc.zeros(1, 3, 32, 32), ["fc", "aux1.fc2"]
        )
    with pytest.raises(ShapeError):
        layer_outputs(model, mc.zeros(1, 1, 9, 9), ["conv1"])
    assert model.training and not any(m._forward_hooks for m in model.modules())


# ---------------------------------------------------------------- feature vectors


def test_features_are_what_the_head_sees():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(9, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 3)
    ).train()
    images = [mc.randn(n, 1, 3, 3) for n in (5, 2)]
    found = features(model, [(images[0], mc.zeros(5)), images[1]])
    before = nn.Sequential(*list(model)[:3])
    expected = np.concatenate([before(x).detach().numpy() for x in images])
    np.testing.assert_array_equal(found, expected)
    assert model.training and not any(m._forward_pre_hooks for m in model.modules())


def test_features_of_a_layer_by_name():
    model = models.lenet5().double()
    x = mc.randn(2, 1, 28, 28).double()
    found = features(model, [x], "conv2")
    assert found.shape == (2, 6 * 14 * 14) and found.dtype == np.float64
    maps = layer_outputs(model, x, "pool1")["pool1"].numpy()
    np.testing.assert_array_equal(found, maps.reshape(2, -1))
    assert features(model, [x]).shape == (2, 84)


def test_features_are_not_changed_in_place_later():
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(inplace=True), nn.Linear(8, 2))
    x = mc.randn(4, 3)
    np.testing.assert_array_equal(features(model, [x], "1"), model[0](x).detach().numpy())


def test_features_know_the_frozen_from_the_rest():
    model = transfer.freeze(models.lenet5(), first=4)
    frozen, _ = transfer.split(model)
    x = mc.randn(4, 1, 28, 28)
    np.testing.assert_array_equal(features(model, [x]), frozen(x).detach().numpy())


def test_errors_of_features():
    model = models.lenet5()
    with pytest.raises(ArgumentError, match="no batches"):
        features(model, [])
    with pytest.raises(ArgumentError, match="no layer 'fc9'"):
        features(model, [mc.zeros(1, 1, 28, 28)], "fc9")

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused, self.fc = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(self.fc(x))

    with pytest.raises(ArgumentError, match="'fc' ran 2 times for a batch"):
        features(Twice(), [mc.zeros(1, 2)])
    with pytest.raises(ArgumentError, match="'unused' ran 0 times"):
        features(Twice(), [mc.zeros(1, 2)], "unused")


def test_nearest_by_brute_force():
    vectors, queries = RANDOM.normal(size=(50, 7)), RANDOM.normal(size=(4, 7))
    indices, distances = nearest(mc.tensor(vectors), queries, 6)
    assert indices.shape == distances.shape == (4, 6)
    for m, query in enumerate(queries):
        far = [sum((a - b) ** 2 for a, b in zip(v, query, strict=True)) ** 0.5 for v in vectors]
        order = sorted(range(50), key=far.__getitem__)[:6]
        assert indices[m].tolist() == order
        np.testing.assert_allclose(distances[m], [far[i] for i in order], rtol=1e-12)


def test_nearest_of_one_of_them_and_of_equals():
    vectors = np.array([[1e6, 0.0], [1e6, 0.001], [1e6, 0.0], [0, 0]], "f4")
    indices, distances = nearest(vectors, vectors[2], 3)
    assert indices.tolist() == [0, 2, 1]
    # Not lost, as they would be in |a|² − 2ab + |b|².
    np.testing.assert_allclose(distances, [0, 0, 0.001], rtol=1e-6)
    equal = np.arange(200)[:, None] % 2
    assert nearest(equal, [1], 30)[0].tolist() == list(range(1, 61, 2))


def test_errors_of_nearest():
    vectors = np.zeros((5, 3))
    for queries in (np.zeros((2, 4)), np.zeros(4), np.zeros((1, 1, 3)), 0.0):
        with pytest.raises(ShapeError, match=r"nearest: vectors must be \(N, D\)"):
            nearest(vectors, queries, 1)
    for k in (0, 6, -1):
        with pytest.raises(ArgumentError, match=f"k must be 1 to 5, got {k}"):
            nearest(vectors, vectors, k)
    with pytest.raises(DtypeError, match="k must be an integer"):
        nearest(vectors, vectors, 1.0)
    with pytest.raises(DtypeError, match="vectors must hold numbers"):
        nearest([["a"]], vectors, 1)


# ---------------------------------------------------------------- principal components


def test_principal_components_are_the_eigenvectors_of_the_covariance():
    vectors = RANDOM.normal(size=(40, 5)) @ RANDOM.normal(size=(5, 5)) + 10
    found = principal_components(mc.tensor(vectors), k=3)
    covariance = np.cov(vectors.T)
    values = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(found.components @ found.components.T, np.eye(3), atol=1e-12)
    for value, component in zip(values, found.components, strict=False):
        np.testing.assert_allclose(covariance @ component, value * component, rtol=1e-8)
        assert component[np.abs(component).argmax()] > 0
    np.testing.assert_allclose(found.explained, values[:3] / values.sum(), rtol=1e-10)
    np.testing.assert_allclose(found.points.var(0, ddof=1), values[:3], rtol=1e-10)
    np.testing.assert_allclose(found.points, (vectors - vectors.mean(0)) @ found.components.T)
    np.testing.assert_allclose(found.project(vectors[7:9]), found.points[7:9])
    np.testing.assert_allclose(found.mean, vectors.mean(0))


def test_a_line_in_space():
    t = np.linspace(-1, 1, 9)[:, None]
    found = principal_components(t * [2.0, -3, 6] + [1, 1, 1], k=2)
    np.testing.assert_allclose(found.components[0], np.array([2, -3, 6]) / 7, atol=1e-12)
    np.testing.assert_allclose(found.points[:, 0], 7 * t[:, 0], atol=1e-12)
    np.testing.assert_allclose(found.explained, [1, 0], atol=1e-12)


def test_errors_of_principal_components():
    for wrong in (np.zeros(4), np.zeros((1, 4)), np.zeros((2, 3, 4))):
        with pytest.raises(ShapeError, match=r"must be \(N, D\)"):
            principal_components(wrong)
    vectors = np.eye(4)[:3]
    for k in (0, 4):
        with pytest.raises(ArgumentError, match=f"k must be 1 to 3, got {k}"):
            principal_components(vectors, k)
    with pytest.raises(ArgumentError, match="nan or infinity"):
        principal_components([[0.0, np.nan], [1, 1]])
    with pytest.raises(ArgumentError, match="all vectors are equal"):
        principal_components(np.ones((3, 2)))
