import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.models import ImageClassification
from minicnn.models.resampling import resampling_matrix, resize, resize_bytes

SIZES = [(300, 400), (400, 300), (224, 224), (100, 37), (37, 100), (256, 256), (1, 1), (60, 7)]


def image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), "uint8")


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("old", "new"), [(10, 4), (4, 10), (7, 7), (5, 1), (1, 5), (1000, 3)])
def test_matrices_are_means(interpolation, old, new):
    matrix = resampling_matrix(old, new, interpolation)
    assert matrix.shape == (new, old)
    assert np.allclose(matrix.sum(1), 1, atol=1e-12)
    assert np.allclose(matrix, matrix[::-1, ::-1], atol=1e-12)  # left and right alike
    if old == new:
        assert np.array_equal(matrix, np.eye(old))
    if interpolation == "bilinear":
        assert (matrix >= 0).all()


def test_a_ramp_stays_a_ramp():
    """Far from the borders, where the weights are symmetric about the centre."""
    ramp = np.arange(100.0)[None, None]
    small = resize(ramp, 1, 25)[0, 0]
    assert np.allclose(small[3:-3], np.arange(25)[3:-3] * 4 + 1.5)
    large = resize(ramp, 1, 200, "bicubic")[0, 0]
    assert np.allclose(large[8:-8], np.arange(200)[8:-8] / 2 - 0.25)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_bytes_are_resized_as_pillow_does_to_the_bit(interpolation):
    pillow = pytest.importorskip("PIL.Image")
    number = {"bilinear": 2, "bicubic": 3}[interpolation]
    rng = np.random.default_rng(0)
    for case in range(60):
        height, width, new_height, new_width = rng.integers(1, 150, 4)
        array = image(height, width, case)
        if case % 3 == 0:
            array = (array > 127).astype("uint8") * 255  # where cubic weights overshoot
        expected = np.asarray(pillow.fromarray(array).resize((new_width, new_height), number))
        images, expected = array.transpose(2, 0, 1), expected.transpose(2, 0, 1)
        found = resize_bytes(images, new_height, new_width, interpolation)
        # As Pillow 13 does it with some tall images.
        first = resize_bytes(images, new_height, width, interpolation)
        other = resize_bytes(first, new_height, new_width, interpolation)
        assert np.array_equal(found, expected) or np.array_equal(other, expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pil_images_and_arrays_give_the_same(size, interpolation):
    pillow = pytest.importorskip("PIL.Image")
    transform = ImageClassification(crop_size=50, resize_size=60, interpolation=interpolation)
    array = image(*size)
    found = transform(array)
    assert found.shape == (3, 50, 50) and found.dtype == mc.float32
    difference = np.abs(found.numpy() - transform(pillow.fromarray(array)).numpy())
    # Not for all versions of Pillow to the bit: see `resize_bytes`.
    assert difference.max() < 1e-6 or (size[0] > size[1] and difference.mean() < 0.01)


def test_tensors_batches_and_floats():
    transform = ImageClassification(crop_size=40, resize_size=48)
    array = image(70, 90)
    chw = array.transpose(2, 0, 1).copy()
    alone = transform(mc.tensor(chw))
    # Rounded once instead of twice.
    assert np.abs(alone.numpy() - transform(array).numpy()).max() < 1.01 / 255 / 0.224
    batch = transform(mc.tensor(np.stack([chw, chw[:, ::-1]])))
    assert batch.shape == (2, 3, 40, 40) and mc.equal(batch[0], alone)
    for dtype in ("float32", "float64"):
        scaled = transform(mc.tensor(chw.astype(dtype) / 255))
        assert scaled.dtype == mc.float32
        assert np.abs(scaled.numpy() - alone.numpy()).max() < 0.51 / 255 / 0.224


def test_the_centre_is_cut_out():
    transform = ImageClassification(crop_size=2, resize_size=4, mean=(0, 0, 0), std=(1, 1, 1))
    array = np.zeros((4, 8, 3), "uint8")
    array[1:3, 3:5] = 255
    assert (transform(array).numpy() == 1).all()
    # An odd rest: torchvision rounds a half to the even number.
    for width, first in ((7, 2), (5, 2)):
        array = np.zeros((4, width, 3), "uint8")
        array[1:3, first : first + 2] = 255
        assert (transform(array).numpy() == 1).all(), width


def test_small_images_get_black_borders():
    transform = ImageClassification(crop_size=7, resize_size=4, mean=(0, 0, 0), std=(1, 1, 1))
    found = transform(np.full((4, 4, 3), 255, "uint8")).numpy()
    assert found.shape == (3, 7, 7) and found[:, 1:5, 1:5].all() and found.sum() == 3 * 16


def test_grey_images_for_one_channel():
    pillow = pytest.importorskip("PIL.Image")
    transform = ImageClassification(crop_size=8, resize_size=9, mean=(0.5,), std=(0.5,))
    grey = image(20, 30)[:, :, 0].copy()
    assert mc.equal(transform(grey), transform(pillow.fromarray(grey)))


def test_bad_arguments():
    for options in ({"crop_size": 0}, {"crop_size": 5, "resize_size": -1}):
        with pytest.raises(ArgumentError, match=r"ImageClassification: .*_size"):
            ImageClassification(**options)
    with pytest.raises(ArgumentError, match="interpolation must be one of 'bilinear', 'bicubic'"):
        ImageClassification(crop_size=5, interpolation="nearest")
    with pytest.raises(ArgumentError, match="antialias must be True, got False"):
        ImageClassification(crop_size=5, antialias=False)


def test_bad_images():
    pillow = pytest.importorskip("PIL.Image")
    transform = ImageClassification(crop_size=8)
    for wrong in (np.zeros((5, 5), "uint8"), np.zeros((5, 5, 4), "uint8"), mc.zeros(4, 5, 5)):
        with pytest.raises(
            ShapeError, match=r"expected 3 channels, got shape \(.*convert\('RGB'\)"
        ):
            transform(wrong)
    for mode in ("L", "P", "RGBA", "1"):
        with pytest.raises(
            ShapeError, match=rf"expected 3 channels, got an image of mode '{mode}'"
        ):
            transform(pillow.new(mode, (5, 5)))
    with pytest.raises(
        DtypeError, match=r"expected an array of uint8, or a tensor .*; got float32"
    ):
        transform(np.zeros((5, 5, 3), "float32"))
    with pytest.raises(DtypeError, match=r"expected an array of uint8, or a tensor .*; got int64"):
        transform(mc.zeros(3, 5, 5, dtype="int64"))
    with pytest.raises(DtypeError, match=r"the image has mode 'F'"):
        ImageClassification(crop_size=8, mean=[0], std=[1])(pillow.new("F", (5, 5)))
    with pytest.raises(ShapeError, match=r"has no pixels"):
        transform(np.zeros((0, 5, 3), "uint8"))
    with pytest.raises(ShapeError, match=r"expected a tensor \(…, C, H, W\), got shape \(5, 5\)"):
        transform(mc.zeros(5, 5))
    with pytest.raises(DtypeError, match=r"a NumPy array or a tensor, got list"):
        transform([[1]])


def test_what_it_tells_of_itself():
    transform = ImageClassification(crop_size=224, resize_size=232)
    assert repr(transform).startswith(
        "ImageClassification(\n    crop_size=[224]\n    resize_size=[2"
    )
    assert "shorter side of the image becomes 232 (bilinear" in transform.describe()
