"""The Inception family against torchvision (GoogLeNet, v3) and timm (v4, Inception-ResNet v2)."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.models.inception_parts import GlobalPool, classifier

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
timm = pytest.importorskip("timm")

pytestmark = pytest.mark.parity


@pytest.mark.parametrize(
    "options",
    [{}, {"aux_logits": False, "transform_input": True, "num_classes": 7}],
    ids=["heads", "no_heads"],
)
def test_googlenet(compare, options):
    theirs = torchvision.models.googlenet(init_weights=False, **options)
    compare(mc.models.googlenet(init_weights=False, **options), theirs, size=(49, 37))


def test_inception_v3_with_its_head(compare):
    theirs = torchvision.models.inception_v3(init_weights=False)
    # The head needs 299 × 299 in training.
    compare(mc.models.inception_v3(init_weights=False), theirs, size=299)


def test_inception_v3_without(compare):
    options = {"aux_logits": False, "transform_input": True, "num_classes": 7}
    theirs = torchvision.models.inception_v3(init_weights=False, **options)
    compare(mc.models.inception_v3(init_weights=False, **options), theirs, size=(75, 91))


def test_inception_v4(compare):
    compare(mc.models.inception_v4(), timm.create_model("inception_v4"), size=(75, 91))


def test_inception_resnet_v2(compare):
    ours = mc.models.inception_resnet_v2()
    compare(ours, timm.create_model("inception_resnet_v2"), size=(75, 91))


@pytest.mark.parametrize("kind", ["avg", "max", "avgmax", "catavgmax"])
def test_global_pools(kind):
    theirs = timm.layers.SelectAdaptivePool2d(pool_type=kind, flatten=True)
    ours, x = GlobalPool("InceptionV4", kind), torch.randn(2, 3, 4, 5)
    expected = theirs(x).numpy()
    assert ours(mc.tensor(x.numpy())).numpy() == pytest.approx(expected, abs=1e-6)
    features = classifier(3, 7, ours).in_features
    assert features == expected.shape[1] == 3 * theirs.feat_mult()


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_initial_weights_are_distributed_as_theirs(name):
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(init_weights=True)
    ours = dict(getattr(mc.models, name)().named_parameters())
    for key, parameter in theirs.named_parameters():
        value, mine = parameter.detach().numpy(), ours[key].detach().numpy()
        if value.size > 1000:
            assert mine.std() == pytest.approx(value.std(), rel=0.1), key
            tails = [float(np.quantile(abs(w), 0.95)) for w in (mine, value)]
            assert tails[0] == pytest.approx(tails[1], rel=0.1), key
        elif "bn" in key:
            assert (mine == value).all(), key
