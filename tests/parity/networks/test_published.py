"""Published weights and their preprocessing, against torchvision's."""

import math

import numpy as np
import pytest

import minicnn as mc
from minicnn import models
from minicnn.models import published

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torchvision.models")
pytestmark = pytest.mark.parity

NETWORKS = [name for name, f in published._table().items() if isinstance(f, dict)]


def same(a, b):
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("network", NETWORKS)
def test_facts(network):
    ours, expected = models.get_model_weights(network), theirs.get_model_weights(network)
    assert ours.__name__ == expected.__name__
    assert list(ours.__members__) == list(expected.__members__)
    assert ours.DEFAULT.name == expected.DEFAULT.name
    for mine, other in zip(ours, expected, strict=True):
        assert mine.url == other.url
        for key in ("num_params", "min_size", "recipe", "_ops", "_file_size", "categories"):
            assert mine.meta[key] == other.meta[key], key
        for a, b in zip(
            mine.meta["_metrics"]["ImageNet-1K"].items(),
            other.meta["_metrics"]["ImageNet-1K"].items(),
            strict=True,
        ):
            assert a[0] == b[0] and same(a[1], b[1])
        transform, reference = mine.transforms(), other.transforms()
        for key in ("crop_size", "resize_size", "mean", "std", "antialias"):
            assert getattr(transform, key) == getattr(reference, key), key
        assert transform.interpolation == reference.interpolation.value
        assert models.weights.named_weights(network, other) is mine


def test_networks_of_torchvision_that_minicnn_has():
    """Whatever has torchvision's name has its weights."""
    for name in set(models.list_models()) & set(theirs.list_models(module=theirs)):
        assert published.enumeration(name) is not None, name


def random_image(rng, height, width):
    """Smooth, with noise and an edge."""
    rows, columns = np.mgrid[:height, :width]
    smooth = np.sin(rows / 9)[..., None] * np.cos(columns[..., None] / np.array([7, 11, 5])) * 100
    smooth += rng.standard_normal((height, width, 3)) * 20 + 128
    smooth[: height // 3, : width // 2] = rng.integers(0, 2) * 255
    return smooth.clip(0, 255).astype("uint8")


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_transforms_of_pil_images_and_tensors(interpolation):
    pillow = pytest.importorskip("PIL.Image")
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms._presets import ImageClassification

    rng = np.random.default_rng(0)
    for _ in range(30):
        height, width = rng.integers(20, 200, 2)
        options = {"crop_size": int(rng.integers(8, 90)), "resize_size": int(rng.integers(8, 90))}
        ours = models.ImageClassification(**options, interpolation=interpolation)
        reference = ImageClassification(**options, interpolation=InterpolationMode(interpolation))
        array = random_image(rng, height, width)
        image = pillow.fromarray(array)
        expected = reference(image).numpy()
        assert np.abs(ours(image).numpy() - expected).max() < 1e-6
        difference = np.abs(ours(array).numpy() - expected)
        # Pillow 13 resizes some tall images in another order; elsewhere we agree to the bit.
        assert difference.max() < 1e-6 or (height > width and difference.mean() < 0.01)
        chw = array.transpose(2, 0, 1).copy()
        expected = reference(torch.tensor(chw)).numpy()
        difference = np.abs(ours(mc.tensor(chw)).numpy() - expected)
        # Where the exact value lies halfway between two bytes, float32 rounds either way.
        assert (difference > 1e-5).mean() < 0.01 and difference.max() < 1.01 / 255 / 0.224
        batch = np.stack([chw, chw[:, ::-1]]).astype("float32") / 255
        expected = reference(torch.tensor(batch)).numpy()
        assert np.abs(ours(mc.tensor(batch)).numpy() - expected).max() < 1e-4


def test_files_as_torchvision_publishes_them(tmp_path):
    """Both formats, for three networks of few parameters, one of them in float16."""
    for name, new, half in (
        ("shufflenet_v2_x0_5", True, False),
        ("shufflenet_v2_x0_5", False, False),
        ("mobilenet_v3_small", True, True),
    ):
        torch.manual_seed(0)
        reference = getattr(theirs, name)().eval()
        if half:
            for module in (reference.half(), reference.float()):
                assert module is reference
        state = reference.state_dict()
        if half:
            state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
        torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=new)
        ours = getattr(models, name)(weights=tmp_path / "x.pth").eval()
        x = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype("float32")
        with torch.no_grad(), mc.no_grad():
            expected = reference(torch.tensor(x)).numpy()
            found = ours(mc.tensor(x)).numpy()
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max() + 1e-6
