"""Activations of the frozen part, computed once: training on them is the same training."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, models, nn, optim
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data.transforms import Compose, Normalize, RandomCrop, ToTensor
from minicnn.training import fit
from minicnn.training.transfer import activations, freeze, replace_head, split

TO_INPUT = Compose([ToTensor(), Normalize(0.1307, 0.3081)])


def digits(transform=TO_INPUT, count=70):
    return data.Subset(data.BundledMNIST(transform=transform), range(count))


def kept(frozen, dataset, folder, **options):
    return activations(frozen, dataset, folder, progress=False, **options)


def folders(place):
    return len(list(place.glob("minicnn-stored-*")))


def trained(build, first, folder=None):
    """The network's state after training, on images or on what `folder` keeps of them."""
    mc.manual_seed(0)
    model = build()
    replace_head(model, 10)
    freeze(model, first=first)
    learner, samples = model, digits()
    if folder is not None:
        frozen, learner = split(model)
        samples = kept(frozen, samples, folder)
    mc.manual_seed(1)
    loader = data.DataLoader(samples, 32, shuffle=True)
    sgd = optim.SGD([p for p in model.parameters() if p.requires_grad], 0.05, 0.9)
    fit(learner, loader, F.cross_entropy, sgd, 2, callbacks=[])
    return {name: t.numpy().copy() for name, t in model.state_dict().items()}


def small_resnet():
    return models.CifarResNet(8, in_channels=1)


@pytest.mark.parametrize(
    ("build", "first"), [(models.lenet5, 2), (small_resnet, 2), (small_resnet, 4)]
)
def test_training_on_kept_activations_is_the_same_training(build, first, tmp_path):
    images, activated = trained(build, first), trained(build, first, tmp_path)
    start = trained(build, first, tmp_path)  # the files are there now
    for name, value in images.items():
        np.testing.assert_array_equal(value, activated[name], err_msg=name)
        np.testing.assert_array_equal(value, start[name], err_msg=name)
    assert folders(tmp_path) == 1


def test_the_same_to_rounding_where_matrix_products_are_kept(tmp_path):
    # BLAS may add in another order for another number of rows.
    images, activated = trained(models.lenet5, 4), trained(models.lenet5, 4, tmp_path)
    for name, value in images.items():
        np.testing.assert_allclose(value, activated[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_with_dropout_between_frozen_and_trained(tmp_path):
    def build():
        return nn.Sequential(
            nn.Conv2d(1, 3, 5, stride=3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(192, 10)
        )

    images, activated = trained(build, 1), trained(build, 1, tmp_path)
    for name, value in images.items():
        np.testing.assert_array_equal(value, activated[name], err_msg=name)


class Counting(nn.Module):
    """Counts the samples it sees."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 5, stride=4)

    def forward(self, x):
        seen.append(len(x))
        return self.conv(x)

    def stages(self):
        return {"all": self}


seen = []


def frozen_part(scale=1.0):
    mc.manual_seed(2)
    part = freeze(nn.Sequential(Counting(), nn.BatchNorm2d(2)))
    with mc.no_grad():
        part[0].conv.weight.mul_(scale)
    seen.clear()
    return part


def test_activations_are_computed_once(tmp_path):
    part = frozen_part()
    first = kept(part, digits(), tmp_path)
    assert sum(seen) == 70 and max(seen) > 1  # several at once
    again = kept(part, digits(), tmp_path)
    part.train()
    kept(part.eval(), digits(), tmp_path)
    assert sum(seen) == 70 and folders(tmp_path) == 1
    one = mc.stack([digits()[7][0]])
    np.testing.assert_allclose(again[7][0].numpy(), part(one).numpy()[0], rtol=1e-6)
    assert first[7][1] == again[7][1] == digits()[7][1]


def test_another_weight_layer_transform_dataset_or_dtype_is_computed_anew(tmp_path):
    def changed_statistic():
        part = frozen_part()
        part[1].running_mean.fill_(0.25)
        return part

    def with_eps(eps):
        part = frozen_part()
        part[1].eps = eps
        return part

    cases = [
        (frozen_part(), digits(), {}),
        (frozen_part(scale=1.001), digits(), {}),
        (changed_statistic(), digits(), {}),
        (with_eps(1e-3), digits(), {}),
        (frozen_part(), digits(Compose([ToTensor(), Normalize(0.1307, 0.3082)])), {}),
        (frozen_part(), digits(count=69), {}),
        (frozen_part(), digits(), {"copies": 2}),
        (nn.Sequential(*frozen_part(), nn.ReLU()), digits(), {}),
        (
            frozen_part().double(),
            digits(Compose([TO_INPUT, lambda x: x.double()])),
            {},
        ),
    ]
    found = [kept(*case[:2], tmp_path, **case[2])[0][0] for case in cases]
    assert folders(tmp_path) == len(cases)
    assert found[-1].dtype == mc.float64 and found[0].dtype == mc.float32
    assert not mc.equal(found[0], found[1])
    seen.clear()
    for part, samples, options in cases:
        kept(part, samples, tmp_path, **options)
    assert not seen and folders(tmp_path) == len(cases)


def test_random_transforms_get_several_faces(tmp_path):
    varied = Compose([RandomCrop(28, padding=4), TO_INPUT])
    faces = kept(frozen_part(), digits(varied, 20), tmp_path, copies=3)
    assert len(faces) == 60
    assert len({str(faces[c * 20 + 4][0].tolist()) for c in range(3)}) == 3
    assert len({faces[c * 20 + 4][1] for c in range(3)}) == 1


def test_targets_and_classes_are_passed_on(tmp_path):
    whole = data.BundledMNIST(train=False, transform=TO_INPUT)
    few = data.LabelledImages.__new__(data.BundledMNIST)
    vars(few).update(vars(whole), data=whole.data[:30], targets=whole.targets[:30])
    found = kept(frozen_part(), few, tmp_path)
    assert found.classes == whole.classes and mc.equal(found.targets, few.targets)


def test_errors_of_split():
    model = models.lenet5()
    with pytest.raises(ArgumentError, match=r"LeNet5 no stage is frozen; .*conv1, conv2, fc1, fc2"):
        split(model)
    with pytest.raises(ArgumentError, match="the first stage is not frozen"):
        split(freeze(models.lenet5(), names="conv2"))
    with pytest.raises(ArgumentError, match="all stages are frozen"):
        split(freeze(model))
    with pytest.raises(ArgumentError, match=r"model.aux_logits = False"):
        split(models.googlenet(init_weights=False))

    class Own(nn.Module):
        pass

    with pytest.raises(ArgumentError, match="Own does not say"):
        split(Own())


def test_a_stage_of_which_a_part_is_trained_belongs_to_the_rest():
    model = freeze(small_resnet(), first=3)
    model.layer2[0].bn1.weight.requires_grad_(True)
    frozen, rest = split(model)
    assert len(frozen) == 2 and len(rest) == 3
    later = freeze(models.lenet5(), names=["conv1", "fc1"])
    assert [len(part) for part in split(later)] == [1, 4]


def test_errors_of_activations(tmp_path):
    part = frozen_part()
    with pytest.raises(ArgumentError, match=r"activations: conv1.weight is not frozen"):
        kept(models.lenet5(), digits(), tmp_path)
    with pytest.raises(DtypeError, match="frozen must be a Module, got function"):
        kept(lambda x: x, digits(), tmp_path)
    with pytest.raises(DtypeError, match=r"sample 0 must be a tuple .*ToTensor\(\).* a tuple"):
        kept(part, digits(None), tmp_path)
    with pytest.raises(DtypeError, match=r"sample 0 must be a tuple .* a Tensor"):
        kept(part, [mc.zeros(1, 28, 28)], tmp_path)
    unequal = [(mc.zeros(1, n, 28), 0) for n in (28, 29)]
    with pytest.raises(ShapeError, match=r"differ in shape: \(1, 28, 28\), \(1, 29, 28\)"):
        kept(part, unequal, tmp_path)
    with pytest.raises(ArgumentError, match="the data set is empty"):
        kept(part, [], tmp_path)
    assert not list(tmp_path.glob("*/complete.json"))
