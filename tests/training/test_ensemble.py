"""Averages of predictions, over networks and over crops."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import data, models, nn
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import transforms as T
from minicnn.training import CropAverage, Ensemble, evaluate


class Table(nn.Module):
    """Gives the scores of a table for the images 0, 1, 2, …"""

    def __init__(self, scores):
        super().__init__()
        self.scores = mc.tensor(scores)

    def forward(self, x):
        return self.scores[x.long()]


def probabilities(scores):
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_the_mean_of_probabilities():
    scores = np.random.default_rng(0).normal(size=(3, 5, 4)) * 3
    ensemble = Ensemble([Table(s) for s in scores])
    found = ensemble(mc.tensor([0.0, 3, 1])).numpy()
    expected = probabilities(scores).mean(0)[[0, 3, 1]]
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-12)
    alone = Ensemble([Table(scores[0])])(mc.tensor([2.0]))
    np.testing.assert_allclose(alone.exp().numpy(), probabilities(scores[0])[[2]], rtol=1e-12)


def test_it_is_not_the_mean_of_scores():
    # One is very sure, two lean the other way: their mean score is the sure one's.
    ensemble = Ensemble([Table([[30.0, 0]]), Table([[0.0, 3]]), Table([[0.0, 3]])])
    assert ensemble(mc.tensor([0.0])).argmax(1).item() == 1


def test_an_improbable_class_is_not_impossible():
    found = Ensemble([Table([[0.0, 500]]), Table([[0.0, 800]])])(mc.tensor([0.0]))
    np.testing.assert_allclose(found[0, 0].item(), -500 - np.log(2), rtol=1e-6)


def test_three_that_err_in_different_places_err_nowhere_together():
    right, wrong = [3.0, 0], [0.0, 2.9]
    tables = [[wrong, right, right], [right, wrong, right], [right, right, wrong]]
    loader = [(mc.tensor([0.0, 1, 2]), mc.tensor([0, 0, 0]))]
    members = [Table(table) for table in tables]
    assert [round(evaluate(m, loader).accuracy, 3) for m in members] == [0.667] * 3
    found = evaluate(Ensemble(members), loader)
    assert found.accuracy == 1.0
    mean = np.mean([probabilities(np.array(t))[0, 0] for t in tables])
    assert found.loss == pytest.approx(-np.log(mean), rel=1e-6)
    assert found.confidence[0] == pytest.approx(mean, rel=1e-6)


def test_members_are_its_modules():
    members = [models.lenet5(), models.lenet5()]
    ensemble = Ensemble(members)
    assert len(list(ensemble.parameters())) == 20
    ensemble.eval()
    assert not any(m.training for member in members for m in member.modules())


def test_errors_of_ensemble():
    for wrong in (models.lenet5(), [models.lenet5(), "lenet5"], None):
        with pytest.raises(DtypeError, match="models must be a list of modules"):
            Ensemble(wrong)
    with pytest.raises(ArgumentError, match="the list of models is empty"):
        Ensemble([])
    unequal = Ensemble([models.lenet5(), models.lenet5(num_classes=5)])
    with pytest.raises(ShapeError, match=r"different shapes: \(2, 10\), \(2, 5\)"):
        unequal(mc.zeros(2, 1, 28, 28))
    with pytest.raises(ShapeError, match=r"Identity must give scores .* got \(2, 3, 4\)"):
        Ensemble([nn.Identity()])(mc.zeros(2, 3, 4))


# ---------------------------------------------------------------- crops


def test_ten_crop_testing():
    """Against the crops cut by hand, one after the other."""
    digits = data.BundledMNIST(train=False)
    ten = T.Compose([T.ToTensor(), T.TenCrop((20, 22)), mc.stack])
    loader = data.DataLoader(data.Subset(data.BundledMNIST(False, ten), range(6)), 3)
    mc.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(440, 10))
    found = evaluate(CropAverage(model), loader)
    weight, bias = (p.detach().numpy().astype("f8") for p in model.parameters())
    classes, sure = [], []
    for i in range(6):
        image = digits[i][0] / 255
        scores = []
        for picture in (image, image[:, ::-1]):
            for top, left in ((0, 0), (0, 6), (8, 0), (8, 6), (4, 3)):
                crop = picture[top : top + 20, left : left + 22]
                scores.append(weight @ crop.ravel() + bias)
        mean = probabilities(np.array(scores)).mean(0)
        classes.append(mean.argmax())
        sure.append(mean.max())
    assert found.predicted.tolist() == classes
    np.testing.assert_allclose(found.confidence, sure, rtol=1e-5)


def test_five_crops_and_one():
    five = T.Compose([T.ToTensor(), T.FiveCrop(24), mc.stack])
    crops = mc.stack([data.BundledMNIST(False, five)[i][0] for i in range(4)])
    model = nn.Sequential(nn.Flatten(), nn.Linear(576, 10))
    found = CropAverage(model)(crops)
    one_by_one = Ensemble([model])(crops[:, 2]).exp()
    for k in (0, 1, 3, 4):
        one_by_one = one_by_one + Ensemble([model])(crops[:, k]).exp()
    np.testing.assert_allclose(
        found.exp().detach().numpy(), one_by_one.detach().numpy() / 5, rtol=1e-5
    )
    single = CropAverage(model)(crops[:, :1]).detach().numpy()
    np.testing.assert_allclose(
        single, Ensemble([model])(crops[:, 0]).detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_errors_of_crop_average():
    with pytest.raises(DtypeError, match="model must be a Module, got list"):
        CropAverage([models.lenet5()])
    average = CropAverage(models.lenet5())
    for shape in ((4, 1, 28, 28), (4, 0, 1, 28, 28)):
        with pytest.raises(ShapeError, match=r"\(N, K, C, H, W\).*TenCrop"):
            average(mc.zeros(*shape))
    with pytest.raises(ShapeError, match="Identity must give scores"):
        CropAverage(nn.Identity())(mc.zeros(2, 5, 1, 4, 4))
