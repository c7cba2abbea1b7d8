import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import transforms
from minicnn.data.transforms import Compose, Lambda, Normalize, Pad, RandomCrop, ToTensor
from minicnn.random import default_generator
from minicnn.tensor import Tensor

numbers = np.random.default_rng(0)
GREY = numbers.integers(0, 256, (5, 7), "uint8")
COLOUR = numbers.integers(0, 256, (5, 7, 3), "uint8")


def test_compose():
    transform = Compose([Lambda(lambda image: image + 1), ToTensor(), lambda t: t * 255])
    np.testing.assert_allclose(transform(np.array([[0, 8]], "uint8")).array, [[[1, 9]]], rtol=1e-6)
    assert repr(Compose([ToTensor(), Pad(2)])) == (
        "Compose([ToTensor(), Pad(padding=2, fill=0, padding_mode='constant')])"
    )
    assert Compose([])(GREY) is GREY
    with pytest.raises(DtypeError, match=r"Compose: expected a list of transforms, got ToTensor"):
        Compose(ToTensor())
    with pytest.raises(DtypeError, match=r"transform 1 is the class ToTensor, .*mean ToTensor\(\)"):
        Compose([Pad(1), ToTensor])
    with pytest.raises(DtypeError, match=r"Compose: transform 0 must be callable, got int"):
        Compose([3])
    with pytest.raises(DtypeError, match=r"Lambda: lambd must be callable, got NoneType"):
        Lambda(None)


@pytest.mark.parity
@pytest.mark.parametrize("image", [GREY, COLOUR, GREY[::-1, ::2], COLOUR.transpose(1, 0, 2)])
def test_to_tensor_has_pytorchs_numbers(image):
    torch = pytest.importorskip("torch")
    expected = torch.tensor(np.atleast_3d(image).transpose(2, 0, 1).copy()).float().div(255)
    found = ToTensor()(image)
    assert found.dtype == mc.float32 and found.is_contiguous()
    np.testing.assert_array_equal(found.array, expected.numpy())


def test_to_tensor_keeps_other_dtypes():
    for dtype in ("float32", "float64", "int32", ">f4", "bool"):
        found = ToTensor()(COLOUR.astype(dtype))
        assert found.dtype == np.dtype(dtype).newbyteorder("=") and found.array.dtype.isnative
        np.testing.assert_array_equal(found.array, COLOUR.astype(dtype).transpose(2, 0, 1))


def test_to_tensor_of_pil_images():
    grey = Image.fromarray(GREY)
    np.testing.assert_array_equal(ToTensor()(grey).array, ToTensor()(GREY).array)
    colour = Image.fromarray(COLOUR)
    np.testing.assert_array_equal(ToTensor()(colour).array, ToTensor()(COLOUR).array)
    assert ToTensor()(colour.convert("RGBA")).shape == (4, 5, 7)
    black_and_white = ToTensor()(grey.point(lambda p: 255 * (p > 99)).convert("1"))
    assert black_and_white.dtype == mc.float32
    np.testing.assert_array_equal(black_and_white.array[0], GREY > 99)
    assert ToTensor()(grey.convert("F")).array.max() == GREY.max()  # not divided
    assert ToTensor()(grey.convert("I")).dtype == mc.int32
    with pytest.raises(DtypeError, match=r"the image is of uint16, expected one of minicnn's"):
        ToTensor()(grey.convert("I;16"))


def test_to_tensor_refuses():
    with pytest.raises(
        DtypeError, match=r"ToTensor: expected .* got Tensor; it is a tensor already"
    ):
        ToTensor()(mc.zeros(2, 2))
    with pytest.raises(
        DtypeError, match=r"ToTensor: expected a NumPy array or a PIL image, got li"
    ):
        ToTensor()([[1]])
    with pytest.raises(ShapeError, match=r"\(H, W\) or \(H, W, C\), got \(2,\)"):
        ToTensor()(np.zeros(2, "uint8"))
    with pytest.raises(ShapeError, match=r"got \(1, 2, 3, 4\)"):
        ToTensor()(np.zeros((1, 2, 3, 4), "uint8"))


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mean, std", [([0.1, 0.2, 0.3], (0.5, 0.6, 0.7)), (0.4, [0.3])])
def test_normalize_has_pytorchs_numbers(shape, dtype, mean, std):
    torch = pytest.importorskip("torch")
    array = np.random.default_rng(1).random(shape).astype(dtype)
    theirs = [torch.tensor(x, dtype=getattr(torch, dtype)).reshape(-1, 1, 1) for x in (mean, std)]
    expected = torch.tensor(array).sub(theirs[0]).div(theirs[1]).numpy()
    image = mc.tensor(array)
    found = Normalize(mean, std)(image)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found.array, expected)
    np.testing.assert_array_equal(image.array, array)
    assert Normalize(mean, std, inplace=True)(image) is image
    np.testing.assert_array_equal(image.array, expected)


def test_normalize_passes_gradients():
    image = mc.rand(2, 3, 3, requires_grad=True)
    Normalize([0.5, 0.1], [2.0, 4.0])(image).backward(mc.ones(2, 3, 3))
    np.testing.assert_array_equal(image.grad.array[:, 0, 0], [0.5, 0.25])


def test_normalize_refuses():
    with pytest.raises(DtypeError, match=r"Normalize: expected a tensor, got ndarray; .*ToTensor"):
        Normalize(0, 1)(GREY)
    with pytest.raises(DtypeError, match=r"floating-point tensor, got uint8; .* .float()"):
        Normalize(0, 1)(Tensor(GREY[None]))
    with pytest.raises(ShapeError, match=r"\(…, C, H, W\), got \(5, 7\)"):
        Normalize(0, 1)(mc.zeros(5, 7))
    with pytest.raises(ShapeError, match=r"mean has 3 numbers, .* \(1, 5, 7\) has 1 channels"):
        Normalize([0, 0, 0], 1)(mc.zeros(1, 5, 7))
    with pytest.raises(ShapeError, match=r"std has 2 numbers, .* has 4 channels"):
        Normalize(0, [1, 1])(mc.zeros(2, 4, 5, 7))
    with pytest.raises(ArgumentError, match=r"std must not be 0 \(in float64\), got \[1, 0\]"):
        Normalize(0, [1, 0])
    with pytest.raises(ArgumentError, match=r"std must not be 0 \(in float32\), got 1e-60"):
        Normalize(0, 1e-60)(mc.zeros(1, 2, 2))
    for wrong in ("a", [[1]], [], None, [1, "a"]):
        with pytest.raises(ArgumentError, match=r"mean must be a number, or one number for each"):
            Normalize(wrong, 1)
    with pytest.raises(ArgumentError, match=r"inplace must be True or False, got 1"):
        Normalize(0, 1, 1)


@given(
    padding=st.integers(0, 3)
    | st.lists(st.integers(0, 3), min_size=1, max_size=1)
    | st.tuples(*[st.integers(0, 3)] * 2)
    | st.tuples(*[st.integers(0, 3)] * 4),
    mode=st.sampled_from(["constant", "edge", "reflect", "symmetric"]),
    image=st.sampled_from([GREY, COLOUR, COLOUR / 255]),
)
def test_pad(padding, mode, image):
    sides = [padding] if isinstance(padding, int) else list(padding)
    left, top, right, bottom = (sides * 4)[:4]
    options = {"constant_values": 9} if mode == "constant" else {}
    expected = np.pad(image, [(top, bottom), (left, right), (0, 0)][: image.ndim], mode, **options)
    found = Pad(padding, 9, mode)(image)
    assert type(found) is np.ndarray and found.dtype == image.dtype
    np.testing.assert_array_equal(found, expected)
    # Of tensors, the last two dimensions are padded.
    tensor = Pad(padding, 9, mode)(Tensor(np.moveaxis(image, (0, 1), (-2, -1))))
    assert isinstance(tensor, Tensor)
    np.testing.assert_array_equal(tensor.array, np.moveaxis(expected, (0, 1), (-2, -1)))


@pytest.mark.parity
@pytest.mark.parametrize(
    "mode, theirs", [("constant",) * 2, ("edge", "replicate"), ("reflect",) * 2]
)
def test_pad_agrees_with_pytorch(mode, theirs):
    torch = pytest.importorskip("torch")
    array = np.random.default_rng(2).random((2, 3, 5, 7)).astype("f4")
    # PyTorch's order is left, right, top, bottom; torchvision's left, top, right, bottom.
    expected = torch.nn.functional.pad(torch.tensor(array), (1, 3, 2, 4), mode=theirs)
    found = Pad((1, 2, 3, 4), padding_mode=mode)(mc.tensor(array))
    np.testing.assert_array_equal(found.array, expected.numpy())


def test_pad_fills_channels():
    found = Pad(1, fill=(1, 2, 3))(COLOUR)
    assert found[0, 0].tolist() == [1, 2, 3] and found[-1, -1].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found[1:-1, 1:-1], COLOUR)
    assert Pad(1, fill=[7])(GREY)[0, 0] == 7 and Pad(1, None)(GREY)[0, 0] == 0


def test_pad_refuses():
    with pytest.raises(ArgumentError, match=r"Pad: padding must be 1, 2 or 4 integers, got "):
        Pad((1, 2, 3))
    with pytest.raises(ArgumentError, match=r"padding must be at least 0, got -1"):
        Pad(-1)
    with pytest.raises(DtypeError, match=r"padding must be an integer"):
        Pad(1.5)
    with pytest.raises(ArgumentError, match=r"padding_mode must be one of .* did you mean 'refl"):
        Pad(1, padding_mode="reflekt")
    for fill in (300, -1, 0.5):
        with pytest.raises(ArgumentError, match=f"fill {fill} cannot be held by an image of uint8"):
            Pad(1, fill)(GREY)
    with pytest.raises(ArgumentError, match=r"fill 2 cannot be held by an image of bool"):
        Pad(1, 2)(GREY > 9)
    with pytest.raises(ShapeError, match=r"fill \(1, 2\) must be one .*each of 3 channels, for"):
        Pad(1, (1, 2))(COLOUR)
    for image in (GREY, Tensor(COLOUR)):
        with pytest.raises(ShapeError, match=r"fill \(1, 2, 3\) must be one number, for an image"):
            Pad(1, (1, 2, 3))(image)
    with pytest.raises(
        ArgumentError, match=r"border of 5 is too wide .*'reflect' .* 5 × 7; at most 4"
    ):
        Pad((1, 5), padding_mode="reflect")(GREY)
    with pytest.raises(ArgumentError, match=r"border of 8 .*'symmetric' .* at most 7"):
        Pad((0, 0, 8, 0), padding_mode="symmetric")(GREY)
    assert Pad((0, 4), padding_mode="reflect")(GREY).shape == (13, 7)
    assert Pad((7, 5), padding_mode="symmetric")(GREY).shape == (15, 21)
    with pytest.raises(ArgumentError, match=r"border of 1 .*'edge' .* 0 × 7; at most 0"):
        Pad(1, padding_mode="edge")(GREY[:0])
    with pytest.raises(DtypeError, match=r"requires grad, .*use .detach()"):
        Pad(1)(mc.zeros(2, 2, requires_grad=True))
    with pytest.raises(ShapeError, match=r"expected a tensor of shape \(…, H, W\), got \(2,\)"):
        Pad(1)(mc.zeros(2))
    with pytest.raises(ShapeError, match=r"expected an array .*, got \(1, 2, 3, 4\); of tensors"):
        Pad(1)(np.zeros((1, 2, 3, 4)))
    with pytest.raises(DtypeError, match=r"Pad: expected a PIL image, .* or a tensor, got list"):
        Pad(1)([[1]])


@pytest.mark.parametrize("image", [GREY, COLOUR, Tensor(COLOUR.transpose(2, 0, 1))])
def test_random_crop_takes_every_place_equally_often(image):
    is_tensor = isinstance(image, Tensor)
    array = image.array if is_tensor else image
    places = {}
    for top in range(3):
        for left in range(3):
            rows, columns = slice(top, top + 3), slice(left, left + 5)
            part = array[..., rows, columns] if is_tensor else array[rows, columns]
            places[np.ascontiguousarray(part).tobytes()] = 0
    crop = RandomCrop((3, 5))
    for _ in range(900):
        found = crop(image)
        assert type(found) is type(image)
        found = found.array if is_tensor else found
        places[np.ascontiguousarray(found).tobytes()] += 1
    assert len(places) == 9 and all(60 < n < 145 for n in places.values())


def test_random_crop_pads_first():
    crop = RandomCrop(5, padding=(0, 2), fill=9)
    tops = {int((crop(GREY)[:, 0] == 9)[:2].sum()) for _ in range(60)}
    assert tops == {0, 1, 2}
    assert (RandomCrop((5, 9), (1, 0))(GREY)[:, [0, -1]] == 0).all()
    mirrored = RandomCrop((5, 9), (1, 0), padding_mode="edge")(GREY)
    np.testing.assert_array_equal(mirrored, np.pad(GREY, [(0, 0), (1, 1)], "edge"))


def test_random_crop_widens_where_needed():
    for size in ((6, 3), (2, 10), (8, 9), 11):
        h, w = RandomCrop(size).size
        assert RandomCrop(size, pad_if_needed=True)(GREY).shape == (h, w)
        assert RandomCrop(size, pad_if_needed=True)(Tensor(GREY)).shape == (h, w)
    found = RandomCrop((5, 9), pad_if_needed=True, fill=3)(COLOUR)
    assert (found == 3).all((0, 2)).sum() == 2


def test_random_crop_draws_from_the_default_generator():
    def drawn():
        return [RandomCrop(2)(GREY).tolist() for _ in range(8)]

    mc.manual_seed(4)
    first = drawn()
    assert drawn() != first
    mc.manual_seed(4)
    assert drawn() == first


def test_random_crop_of_the_images_size_draws_nothing():
    state = default_generator.get_state()
    np.testing.assert_array_equal(RandomCrop((5, 7))(GREY), GREY)
    assert default_generator.get_state() == state


def test_random_crop_refuses():
    with pytest.raises(
        ShapeError,
        match=r"a crop of 6 × 6 is larger than the image of 5 × 7, its .*; pad_",
    ):
        RandomCrop(6)(GREY)
    with pytest.raises(ShapeError, match=r"the image of 7 × 9, its padding included; pad_if"):
        RandomCrop(10, padding=1)(GREY)
    with pytest.raises(ArgumentError, match=r"RandomCrop: size must be at least 1, got 0"):
        RandomCrop(0)
    with pytest.raises(ArgumentError, match=r"RandomCrop: size must be one integer or 2, got 3"):
        RandomCrop((1, 2, 3))
    with pytest.raises(ArgumentError, match=r"pad_if_needed must be True or False, got 2"):
        RandomCrop(2, pad_if_needed=2)
    with pytest.raises(ArgumentError, match=r"padding must be at least 0"):
        RandomCrop(2, padding=-1)
    with pytest.raises(
        DtypeError, match=r"get_dimensions: expected a PIL image, a NumPy array or a tensor, got s"
    ):
        RandomCrop(2)("image")


def test_names():
    for name in ("Compose", "ToTensor", "Normalize", "RandomCrop", "Pad", "Lambda"):
        assert name in repr(getattr(transforms, name))
    assert repr(RandomCrop(28, 2)) == "RandomCrop(size=(28, 28), padding=2)"
    assert repr(Normalize([0.5], [1])) == "Normalize(mean=[0.5], std=[1])"
    assert repr(Lambda(len)) == "Lambda()"
