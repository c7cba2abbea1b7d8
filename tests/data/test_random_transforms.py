"""Random transforms: what they draw, from which generator, and what they refuse."""

import math

import numpy as np
import pytest
from PIL import Image

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import transforms as T
from minicnn.data.sample_random import sample_generator
from minicnn.data.transforms import functional as F
from minicnn.data.transforms.colour_noise import add_colour

COLOUR = np.random.default_rng(0).integers(0, 256, (24, 30, 3), "uint8")
SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9]]
PLANES = np.ascontiguousarray(COLOUR.transpose(2, 0, 1))

RANDOM = [
    T.RandomHorizontalFlip(),
    T.RandomVerticalFlip(),
    T.RandomCrop(20, padding=3),
    T.RandomResizedCrop((17, 13)),
    T.RandomRotation(30, fill=9),
    T.RandomAffine(10, (0.2, 0.1), (0.7, 1.3), 20, interpolation="bilinear"),
    T.RandomPerspective(0.6, p=0.9, fill=7),
    T.RandomPosterize(2),
    T.ElasticTransform(40.0, 2.0),
    T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    T.RandomGrayscale(0.5),
    T.GaussianBlur(5),
    T.PCALighting(std=1.0),
    T.RGBShift(0.2),
    T.RandomErasing(0.8, value=[1, 2, 3]),
    T.RandomApply([T.Pad(1), T.RandomCrop(20)]),
    T.RandomChoice([T.Pad(1), T.Pad(2), T.CenterCrop(8)], p=[1, 2, 3]),
    T.RandomOrder([T.CenterCrop(20), T.Pad(3), T.RGBShift()]),
]


@pytest.fixture(params=RANDOM, ids=[type(t).__name__ for t in RANDOM])
def transform(request):
    return request.param


def as_array(image):
    return image.array if isinstance(image, mc.Tensor) else np.asarray(image)


def sample(transform, index, image=COLOUR):
    with sample_generator(7, 1, index):
        return as_array(transform(image))


def test_a_samples_numbers_decide(transform):
    forward = [sample(transform, i) for i in range(12)]
    mc.manual_seed(99)
    backward = [sample(transform, i) for i in reversed(range(12))][::-1]
    for a, b in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len({a.tobytes() for a in forward}) > 1


def test_outside_of_a_sample_the_default_generator_decides(transform):
    found = []
    for seed in (1, 1, 2, 3, 4, 5):
        mc.manual_seed(seed)
        found.append(b"".join(as_array(transform(COLOUR)).tobytes() for _ in range(3)))
    assert found[0] == found[1] and len(set(found)) > 2


def test_arrays_tensors_and_batches_agree(transform):
    for i in range(6):
        array = sample(transform, i)
        np.testing.assert_array_equal(
            sample(transform, i, mc.tensor(PLANES)).transpose(1, 2, 0), array
        )
        batch = sample(transform, i, mc.tensor(np.stack([PLANES, PLANES[:, ::-1]])))
        np.testing.assert_array_equal(batch[0].transpose(1, 2, 0), array)


def test_pil_images_stay_pil_images(transform):
    image = Image.fromarray(COLOUR)
    if isinstance(transform, T.RandomErasing):
        with pytest.raises(DtypeError, match=r"got a PIL image; put ToTensor\(\) before it"):
            transform(image)
        return
    for i in range(4):
        with sample_generator(7, 1, i):
            found = transform(image)
        assert isinstance(found, Image.Image) and found.mode == "RGB"
        assert np.asarray(found).shape == sample(transform, i).shape
    assert image.tobytes() == COLOUR.tobytes()


def test_the_image_stays_as_it_is(transform):
    before, tensor = COLOUR.copy(), mc.tensor(PLANES.copy())
    for i in range(6):
        sample(transform, i)
        sample(transform, i, tensor)
    np.testing.assert_array_equal(COLOUR, before)
    np.testing.assert_array_equal(tensor.array, PLANES)


def test_probabilities():
    for kind in (T.RandomHorizontalFlip, T.RandomVerticalFlip, T.RandomGrayscale):
        mc.manual_seed(0)
        changed = [not np.array_equal(kind(p=0.3)(COLOUR), COLOUR) for _ in range(400)]
        assert 85 <= sum(changed) <= 155  # 120 ± 9.2 standard deviation
        assert np.array_equal(kind(p=0)(COLOUR), COLOUR)
        assert not np.array_equal(kind(p=1)(COLOUR), COLOUR)
    marks = [T.Lambda(lambda image, i=i: i) for i in range(3)]
    mc.manual_seed(0)
    chosen = [T.RandomChoice(marks, p=[3, 0, 1])(None) for _ in range(400)]
    assert chosen.count(1) == 0 and 255 <= chosen.count(0) <= 345
    assert {T.RandomChoice(marks)(None) for _ in range(60)} == {0, 1, 2}
    orders = {
        tuple(T.RandomOrder([T.Lambda(lambda x, i=i: [*x, i]) for i in range(3)])([]))
        for _ in range(120)
    }
    assert len(orders) == 6
    both = [len(T.RandomApply([T.Lambda(lambda x: [*x, 1])] * 2, p=0.5)([])) for _ in range(60)]
    assert set(both) == {0, 2}


def moments(values):
    values = np.asarray(values, float)
    low, high = np.quantile(values, [0.02, 0.98], axis=0)
    return np.stack([values.mean(0), values.std(0), low, high])


@pytest.mark.parity
def test_parameters_are_distributed_as_torchvisions():
    torch = pytest.importorskip("torch")
    import sys
    import types

    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("empty"))
    tv = pytest.importorskip("torchvision.transforms")
    torch.manual_seed(0)
    image, theirs = mc.zeros(3, 60, 90), torch.zeros(3, 60, 90)
    jitter = [(0.6, 1.4), (0.2, 1.8), (0.5, 0.9), (-0.1, 0.3)]
    affine = ([-10.0, 30.0], [0.3, 0.2], [0.5, 2.0], [-5.0, 5.0, 0.0, 9.0], [90, 60])
    cases = {
        "RandomCrop": ((image, (20, 30)), (theirs, (20, 30))),
        "RandomResizedCrop": (
            (image, (0.05, 0.3), (0.2, 3)),
            (theirs, (0.05, 0.3), (0.2, 3)),
        ),
        "RandomErasing": ((image, (0.02, 0.33), (0.3, 3.3), [0]),) * 1
        + ((theirs, (0.02, 0.33), (0.3, 3.3), [0.0]),),
        "ColorJitter": (jitter, jitter),
        "RandomRotation": (([-20.0, 50.0],), ([-20.0, 50.0],)),
        "RandomAffine": (affine, affine),
        "RandomPerspective": ((90, 61, 0.7), (90, 61, 0.7)),
        "GaussianBlur": ((0.1, 2.0), (0.1, 2.0)),
    }
    for name, (mine, other) in cases.items():
        found, expected = (
            [numbers_of(getattr(module, name).get_params(*arguments)) for _ in range(1500)]
            for module, arguments in ((T, mine), (tv, other))
        )
        spread = np.ptp(np.asarray(expected, float), axis=0) + 1e-9
        difference = np.abs(moments(found) - moments(expected)) / spread
        # The means' standard error is 0.011 for uniform numbers.
        assert difference[:2].max() < 0.035 and difference[2:].max() < 0.075, (name, difference)


def numbers_of(params):
    """The numbers in a nested tuple, but for those of arrays of values to be put somewhere."""
    if isinstance(params, (tuple, list)):
        return [number for p in params for number in numbers_of(p)]
    if getattr(params, "ndim", 0) == 1:
        return [int(n) for n in params]
    return [] if getattr(params, "ndim", 0) else [float(params)]


def test_elastic_displacements():
    mc.manual_seed(0)
    shift = T.ElasticTransform.get_params([30.0, 60.0], [3.0, 3.0], (40, 120)).array[0]
    assert shift.shape == (40, 120, 2) and shift.dtype == np.float32
    # In pixels: alpha/2 · noise, blurred: the standard deviation of the mean that a Gaussian of σ
    # makes of independent numbers is that of one of them / (2 σ √π).
    pixels = shift * [120 / 2, 40 / 2]
    expected = np.array([15, 30]) * math.sqrt(1 / 3) / (2 * 3 * math.sqrt(math.pi))
    np.testing.assert_allclose(pixels.std((0, 1)), expected, rtol=0.25)
    # Neighbours agree, far ones do not.
    assert np.corrcoef(pixels[:, 1:, 0].ravel(), pixels[:, :-1, 0].ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(pixels[:, 20:, 0].ravel(), pixels[:, :-20, 0].ravel())[0, 1]) < 0.3
    rough = T.ElasticTransform.get_params([2.0, 2.0], [0, 0], (40, 50)).array
    assert np.abs(rough).max() < 2 / 40 and rough.std() > 0.01


def test_random_resized_crop_of_odd_shapes():
    # No part of such a shape fits: the largest one at the centre.
    for shape, ratio in (((4, 400), (0.5, 2)), ((400, 4), (0.5, 2))):
        top, left, h, w = T.RandomResizedCrop.get_params(mc.zeros(1, *shape), (1, 1), ratio)
        assert (h, w) in ((4, 8), (8, 4))
        assert (top, left) == ((shape[0] - h) // 2, (shape[1] - w) // 2)
    assert T.RandomResizedCrop.get_params(mc.zeros(1, 9, 10), (4, 4), (0.5, 2)) == (0, 0, 9, 10)


def test_pca_lighting_follows_the_components():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    values = rng.standard_normal((4, 500, 3)) * [0.12, 0.05, 0.01] @ axes.T + 0.5
    values = values.reshape(4, 20, 25, 3).clip(0, 1)
    eigenvalues, eigenvectors = T.colour_components(values)
    covariance = np.cov(values.reshape(-1, 3).T, bias=True)
    np.testing.assert_allclose(
        eigenvectors @ np.diag(eigenvalues) @ eigenvectors.T, covariance, atol=1e-12
    )
    assert (np.diff(eigenvalues) < 0).all()
    tensors = [(mc.tensor(v.transpose(2, 0, 1)), 3) for v in values]  # as samples (image, label)
    np.testing.assert_allclose(T.colour_components(tensors)[0], eigenvalues)
    noise = T.PCALighting(0.1, eigenvalues, eigenvectors)
    shifts = np.array([noise.get_params() for _ in range(4000)]) @ eigenvectors
    np.testing.assert_allclose(shifts.std(0), 0.1 * eigenvalues, rtol=0.06)
    assert np.abs(shifts.mean(0)).max() < 0.01 * eigenvalues[0]


def test_added_colours():
    shift = (0.1, -0.2, 0.02)
    found = add_colour(COLOUR, shift)
    expected = (COLOUR + np.array(shift) * 255).round().clip(0, 255)
    assert found.dtype == np.uint8 and np.abs(found - expected).max() == 0
    pil = add_colour(Image.fromarray(COLOUR), shift)
    np.testing.assert_array_equal(np.asarray(pil), found)
    floats = (PLANES / 255).astype("float32")
    found = add_colour(mc.tensor(floats), shift).array
    expected = (floats + np.array(shift)[:, None, None]).clip(0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    mc.manual_seed(0)
    drawn = np.array([T.RGBShift(0.3).get_params() for _ in range(1000)])
    assert drawn.min() < -0.29 and drawn.max() > 0.29 and np.abs(drawn).max() <= 0.3


def test_erasing():
    image = mc.ones(3, 20, 30)
    found = T.RandomErasing(p=1, value=[2, 3, 4])(image).array
    hidden = found[0] != 1
    rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
    assert hidden.sum() == len(rows) * len(columns)  # a rectangle
    for channel, value in enumerate((2, 3, 4)):
        assert set(np.unique(found[channel])) == {1, value}
        np.testing.assert_array_equal(found[channel] != 1, hidden)
    noise = T.RandomErasing(p=1, scale=(0.3, 0.3), value="random")(image).array
    changed = noise[noise != 1]
    assert len(np.unique(changed)) > 100 and 0.7 < changed.std() < 1.3
    assert T.RandomErasing(p=1, inplace=True)(image) is image and (image.array == 0).any()
    small = mc.ones(3, 1, 1)
    assert mc.equal(T.RandomErasing(p=1)(small), small)
    array = np.ones((2, 3))
    assert F.erase(array, 0, 1, 2, 1, 5, inplace=True) is array and array[1].tolist() == [1, 5, 1]


REFUSED = [
    (lambda: T.RandomHorizontalFlip(1.5), ArgumentError, r"p must be a probability from 0 to 1"),
    (lambda: T.RandomHorizontalFlip("a"), DtypeError, r"p must be a number, got 'a'"),
    (lambda: T.Resize((1, 2, 3)), ArgumentError, r"Resize: size must be one integer or 2"),
    (lambda: T.Resize(0), ArgumentError, r"Resize: size must be at least 1, got 0"),
    (lambda: T.Resize((3, 4), max_size=9), ArgumentError, r"max_size is for one size"),
    (lambda: T.Resize(9, max_size=9), ArgumentError, r"max_size must be greater than size"),
    (lambda: T.Resize(9, "bilinaer"), ArgumentError, r"did you mean 'bilinear'"),
    (lambda: T.Resize(9, 1)(COLOUR), ArgumentError, r"one of 'nearest', .*got 'lanczos'"),
    (lambda: T.Resize(9, "nearest-exact")(Image.new("L", (4, 4))), ArgumentError, r"Pillow has no"),
    (lambda: T.Resize(9)(COLOUR.astype("int64")), DtypeError, r"of uint8 or of .*got int64"),
    (lambda: T.Resize((9, 8))(COLOUR[:0]), ShapeError, r"shape \(0, 30, 3\) has no pixels"),
    (lambda: T.RandomResizedCrop(9, (0.5, 0.1)), ArgumentError, r"scale must be two numbers \(min"),
    (lambda: T.RandomResizedCrop(9, ratio=(0, 1)), ArgumentError, r"ratio must be above 0"),
    (lambda: T.FiveCrop(25)(COLOUR), ShapeError, r"FiveCrop: a crop of 25 × 25 is larger .*Resize"),
    (lambda: T.RandomRotation(-1), ArgumentError, r"degrees must be at least 0 if it is one"),
    (lambda: T.RandomRotation((1, 2, 3)), ArgumentError, r"degrees must be 2 numbers"),
    (lambda: T.RandomAffine(0, (2, 0)), ArgumentError, r"translate must be two numbers from 0 to"),
    (lambda: T.RandomAffine(0, scale=(0, 1)), ArgumentError, r"scale must be above 0"),
    (lambda: T.RandomAffine(0, shear=(1, 2, 3)), ArgumentError, r"shear must be 2 or 4 numbers"),
    (lambda: T.RandomPerspective(1.5), ArgumentError, r"distortion_scale must be from 0 to 1"),
    (lambda: T.RandomPerspective(p=2), ArgumentError, r"p must be a probability"),
    (lambda: F.perspective(COLOUR, SQUARE, SQUARE[:3]), ShapeError, r"endpoints must be four"),
    (lambda: F.perspective(COLOUR, "abcd", SQUARE), DtypeError, r"startpoints must be four corn"),
    (
        lambda: F.perspective(COLOUR, SQUARE, [[0, 0], [1, 1], [2, 2], [0, 9]]),
        ArgumentError,
        r"perspective: three of the four corners lie on a line",
    ),
    (lambda: F.perspective(COLOUR, SQUARE, SQUARE, BICUBIC), ArgumentError, r"got 'bicubic'"),
    (lambda: T.RandomPosterize(9), ArgumentError, r"RandomPosterize: bits must be from 0 to 8"),
    (lambda: F.posterize(COLOUR, -1), ArgumentError, r"posterize: bits must be from 0 to 8"),
    (lambda: F.posterize(COLOUR / 255, 3), DtypeError, r"uint8, got float64; put it before ToT"),
    (lambda: F.posterize(Image.new("F", (4, 4)), 3), DtypeError, r"of mode L or RGB, got F"),
    (
        lambda: F.rotate(COLOUR, 3, BICUBIC),
        ArgumentError,
        r"one of 'nearest', 'bilinear'; got 'bic",
    ),
    (lambda: F.rotate(COLOUR, 3, fill=[1, 2]), ShapeError, r"fill has 2 numbers, .* 3 channels"),
    (
        lambda: F.rotate(COLOUR, 3, fill=300),
        ArgumentError,
        r"fill 300 cannot be held by an .*uint8",
    ),
    (lambda: F.affine(COLOUR, 3, (0, 0), 0, 0), ArgumentError, r"scale must be above 0, got 0"),
    (lambda: F.affine(COLOUR, 3, (0,), 1, 0), ArgumentError, r"translate must be 2 numbers"),
    (
        lambda: T.ElasticTransform(sigma=6.0)(COLOUR),
        ShapeError,
        r"sigma 6.0 is too large .* 24 × 30",
    ),
    (lambda: T.ElasticTransform(sigma=-1.0), ArgumentError, r"sigma must be at least 0"),
    (lambda: F.elastic_transform(COLOUR, mc.zeros(1, 2, 3, 2)), ShapeError, r"= \(1, 24, 30, 2\)"),
    (lambda: F.gaussian_blur(COLOUR, 4), ArgumentError, r"kernel_size must be odd, got \(4, 4\)"),
    (lambda: F.gaussian_blur(COLOUR, 3, 0), ArgumentError, r"sigma must be above 0"),
    (lambda: F.gaussian_blur(COLOUR, 61), ShapeError, r"61 × 61 .* of height 24 and width 30"),
    (lambda: T.GaussianBlur(3, (0, 1)), ArgumentError, r"sigma must be above 0"),
    (lambda: T.ColorJitter(-1), ArgumentError, r"ColorJitter: brightness must be two numbers"),
    (lambda: T.ColorJitter(hue=0.6), ArgumentError, r"hue must be two numbers .*≤ max ≤ 0.5"),
    (lambda: T.ColorJitter(contrast=(1, 2, 3)), ArgumentError, r"contrast must be 2 numbers"),
    (lambda: F.adjust_hue(COLOUR, 0.6), ArgumentError, r"hue_factor must be from -0.5 to 0.5"),
    (lambda: F.adjust_contrast(COLOUR, -1), ArgumentError, r"contrast_factor must be at least 0"),
    (lambda: F.adjust_contrast(mc.zeros(4, 5, 5), 1), ShapeError, r"1 or 3 channels, got 4"),
    (lambda: T.Grayscale(2), ArgumentError, r"num_output_channels must be one of 1, 3"),
    (lambda: T.PCALighting(-1), ArgumentError, r"std must be at least 0"),
    (lambda: T.PCALighting(0.1, [1, 2]), ArgumentError, r"got shapes \(2,\) and \(3, 3\)"),
    (lambda: T.PCALighting()(COLOUR[:, :, 0]), ShapeError, r"image of 3 channels, got 1"),
    (lambda: T.PCALighting()(Image.new("L", (4, 4))), DtypeError, r"'L'; image.convert\('RGB'\)"),
    (lambda: T.colour_components([]), ArgumentError, r"there are no images"),
    (lambda: T.colour_components([COLOUR[..., :2]]), ShapeError, r"image 0 has 2 channels, expect"),
    (lambda: T.RandomErasing(value="x"), ArgumentError, r"a number, numbers or 'random'; got 'x'"),
    (lambda: T.RandomErasing(value=[1, 2])(COLOUR), ShapeError, r"2 numbers, .* has 3 channels"),
    (lambda: T.RandomErasing(value="random")(COLOUR), DtypeError, r"floating-point .*got uint8"),
    (lambda: F.erase(COLOUR, 0, 0, 2, 2, [1, 2]), ShapeError, r"shape \(2,\) do not fit"),
    (lambda: T.RandomChoice([]), ArgumentError, r"at least one transform, got none"),
    (lambda: T.RandomChoice([len], p=[0]), ArgumentError, r"not all 0"),
    (lambda: T.RandomApply(len), DtypeError, r"RandomApply: expected a list of transforms"),
    (lambda: T.RandomOrder([T.Pad]), DtypeError, r"is the class Pad, .*did you mean Pad\(\)"),
    (lambda: F.convert_image_dtype(COLOUR), DtypeError, r"expected a tensor, got ndarray"),
    (
        lambda: F.to_pil_image(mc.zeros(5, 2, 2)),
        ShapeError,
        r"1 to 4 channels, got shape \(5, 2, 2",
    ),
    (lambda: F.to_pil_image(COLOUR, "L"), ArgumentError, r"one of 'RGB', 'YCbCr', 'HSV'"),
    (lambda: F.pil_to_tensor(COLOUR), DtypeError, r"expected a PIL image, got ndarray"),
    (lambda: F.hflip("a"), DtypeError, r"hflip: expected a PIL image, a NumPy array or a tensor"),
]
BICUBIC = T.InterpolationMode.BICUBIC


@pytest.mark.parametrize("call, kind, message", REFUSED)
def test_refuses(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_what_they_are_called():
    for one in [*RANDOM, T.Resize(3), T.CenterCrop(3), T.FiveCrop(3), T.TenCrop(3), T.Grayscale()]:
        assert repr(one).startswith(f"{type(one).__name__}(")
    assert repr(T.Resize(256)) == (
        "Resize(size=256, interpolation=bilinear, max_size=None, antialias=True)"
    )
