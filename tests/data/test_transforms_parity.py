"""The transforms without chance, beside torchvision's.

Bounds: flips, crops, borders, nearest neighbours: equal. uint8: one level. float32: 1e-5 (both
sides compute with places and weights in float32). float64: 1e-12. PIL images: equal, byte by byte.
"""

import sys
import types

import numpy as np
import pytest
from PIL import Image

import minicnn as mc
from minicnn.data.transforms import functional as F
from minicnn.data.transforms.interpolation import InterpolationMode

pytestmark = pytest.mark.parity

H, W = 23, 31


@pytest.fixture(scope="module")
def tv():
    pytest.importorskip("torch")
    # torchvision without its compiled part has everything that is needed here.
    name = "torchvision._meta_registrations"
    sys.modules.setdefault(name, types.ModuleType(name))
    return pytest.importorskip("torchvision.transforms")


def drawn(dtype, shape=(3, H, W), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, "uint8") if dtype == "uint8" else rng.random(shape, dtype)


DISPLACEMENT = np.random.default_rng(3).normal(0, 0.1, (1, H, W, 2)).astype("float32")
BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC
NEAREST, EXACT = InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT
CORNERS = [[0, 0], [W - 1, 0], [W - 1, H - 1], [0, H - 1]]
SEEN = [[4, 1], [25, 5], [28, 20], [2, 17]]
WEIGHTED = {
    "smaller": ("resize", ([11, 17],), {}),
    "larger": ("resize", ([51, 47],), {}),
    "one side": ("resize", ([9],), {}),
    "at most": ("resize", ([20],), {"max_size": 22}),
    "without antialiasing": ("resize", ([11, 47],), {"antialias": False}),
    "bicubic": ("resize", ([11, 47],), {"interpolation": BICUBIC}),
    "bicubic plain": ("resize", ([11, 47], BICUBIC), {"antialias": False}),
    "to a pixel": ("resize", ([1, 1],), {}),
    "part": ("resized_crop", (3, 4, 15, 20, [7, 30]), {}),
    "part beyond": ("resized_crop", (-3, 4, 15, 40, [7, 30]), {}),
    "affine": ("affine", (13.0, [3, -2], 1.2, [5.0, 7.0], BILINEAR), {"fill": [0.2, 0.5, 0.9]}),
    "affine about": ("affine", (-70.0, [0, 2], 0.7, [5.0], BILINEAR), {"center": [3, 4]}),
    "rotate": ("rotate", (33.0, BILINEAR), {"expand": True, "fill": [1.0]}),
    "rotate about": ("rotate", (-150.0, BILINEAR), {"center": [30, 2]}),
    "perspective": ("perspective", (CORNERS, SEEN), {"fill": [1.0]}),
    "perspective out": ("perspective", (SEEN, CORNERS, BILINEAR), {}),
    "blur": ("gaussian_blur", ([5, 9], [1.0, 2.0]), {}),
    "blur by default": ("gaussian_blur", ([7, 3],), {}),
    "darker": ("adjust_brightness", (0.3,), {}),
    "brighter": ("adjust_brightness", (1.7,), {}),
    "contrast": ("adjust_contrast", (1.6,), {}),
    "less contrast": ("adjust_contrast", (0.2,), {}),
    "saturation": ("adjust_saturation", (1.9,), {}),
    "less saturation": ("adjust_saturation", (0,), {}),
    "hue": ("adjust_hue", (-0.23,), {}),
    "hue turned half": ("adjust_hue", (0.5,), {}),
    "grey": ("rgb_to_grayscale", (), {}),
    "three greys": ("rgb_to_grayscale", (3,), {}),
}
EQUAL = {
    "nearest": ("resize", ([11, 47], NEAREST), {}),
    "nearest exact": ("resize", ([50, 10], EXACT), {}),
    "affine nearest": ("affine", (13.0, [3, -2], 1.2, [5.0, 7.0], NEAREST), {"fill": [1.0]}),
    "perspective nearest": ("perspective", (CORNERS, SEEN, NEAREST), {}),
    "quarter turn": ("rotate", (90.0,), {"expand": True}),
    "turn": ("rotate", (21.0,), {"expand": True}),
    "hflip": ("hflip", (), {}),
    "vflip": ("vflip", (), {}),
    "crop": ("crop", (3, 4, 10, 12), {}),
    "crop beyond": ("crop", (-3, -2, 40, 50), {}),
    "crop beyond right": ("crop", (20, 25, 10, 12), {}),
    "centre": ("center_crop", ([10, 12],), {}),
    "centre wide": ("center_crop", ([30, 20],), {}),
    "centre larger": ("center_crop", (40,), {}),
    "pad": ("pad", ([1, 2, 3, 4],), {"fill": 1}),
    "reflect": ("pad", ([1, 2, 3, 4],), {"padding_mode": "reflect"}),
    "symmetric": ("pad", (2,), {"padding_mode": "symmetric"}),
    "edge": ("pad", ([5, 1],), {"padding_mode": "edge"}),
}


def theirs(tv, case, image):
    """What torchvision makes of an image; the modes of interpolation are its own."""
    name, positional, named = case

    def own(value):
        return tv.InterpolationMode(value.value) if isinstance(value, InterpolationMode) else value

    positional = [own(value) for value in positional]
    named = {key: own(value) for key, value in named.items()}
    return getattr(tv.functional, name)(image, *positional, **named)


def compare(tv, case, array, exact):
    import torch

    name, positional, named = case
    expected = theirs(tv, case, torch.tensor(array)).numpy()
    before = array.copy()
    found = getattr(F, name)(mc.tensor(array), *positional, **named).array
    np.testing.assert_array_equal(array, before)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if exact:
        np.testing.assert_array_equal(found, expected)
    else:
        difference = np.abs(found.astype(float) - expected).max()
        bounds = {"uint8": 1, "float32": 1e-5, "float64": 1e-12}
        assert difference <= bounds["float32" if "hue" in name else array.dtype.name] or (
            array.dtype == np.uint8 and difference <= 1
        )
    if array.ndim == 3:  # an array (H, W, C) gives the same
        turned = getattr(F, name)(
            np.ascontiguousarray(array.transpose(1, 2, 0)), *positional, **named
        )
        assert type(turned) is np.ndarray
        np.testing.assert_array_equal(turned.transpose(2, 0, 1), found)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("case", WEIGHTED.values(), ids=WEIGHTED)
def test_weighted(tv, case, dtype):
    compare(tv, case, drawn(dtype), exact=False)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("case", EQUAL.values(), ids=EQUAL)
def test_equal(tv, case, dtype):
    compare(tv, case, drawn(dtype), exact=True)


@pytest.mark.parametrize(
    "name", ["smaller", "affine", "rotate", "blur", "contrast", "saturation", "hue", "three greys"]
)
def test_batches(tv, name):
    compare(tv, WEIGHTED[name], drawn("float32", (2, 3, H, W)), exact=False)


@pytest.mark.parametrize("name", ["brighter", "contrast", "saturation", "hue", "smaller", "blur"])
def test_grey(tv, name):
    compare(tv, WEIGHTED[name], drawn("uint8", (1, H, W)), exact=False)


@pytest.mark.parametrize("size", [(2, 3), (1, 9), (H, W)])
@pytest.mark.parametrize("new", [(5, 4), (1, 7), (40, 2)])
@pytest.mark.parametrize("mode", [BILINEAR, BICUBIC, NEAREST, EXACT])
@pytest.mark.parametrize("antialias", [True, False])
def test_resize_at_the_edges(tv, size, new, mode, antialias):
    case = ("resize", (list(new), mode), {"antialias": antialias})
    compare(tv, case, drawn("float64", (2, *size)), exact=mode in (NEAREST, EXACT))


@pytest.mark.parametrize("mode", [BILINEAR, NEAREST])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_elastic(tv, mode, dtype):
    import torch

    array = drawn(dtype)
    expected = tv.functional.elastic_transform(
        torch.tensor(array), torch.tensor(DISPLACEMENT), tv.InterpolationMode(mode.value), [1.0]
    )
    found = F.elastic_transform(mc.tensor(array), mc.tensor(DISPLACEMENT), mode, 1)
    bound = {"uint8": 1, "float32": 1e-5}[dtype] if mode is BILINEAR else 0
    assert np.abs(found.array.astype(float) - expected.numpy()).max() <= bound


@pytest.mark.parametrize("bits", range(9))
def test_posterize(tv, bits):
    import torch

    array = drawn("uint8")
    expected = tv.functional.posterize(torch.tensor(array), bits).numpy()
    np.testing.assert_array_equal(F.posterize(mc.tensor(array), bits).array, expected)
    np.testing.assert_array_equal(F.posterize(array, bits), expected)
    for mode in ("RGB", "L"):
        image = Image.fromarray(drawn("uint8", (H, W, 3))).convert(mode)
        if bits:  # Pillow refuses 0
            expected = tv.functional.posterize(image, bits).tobytes()
            assert F.posterize(image, bits).tobytes() == expected
        else:
            assert set(F.posterize(image, 0).tobytes()) == {0}


def test_five_and_ten(tv):
    import torch

    array = drawn("uint8")
    for name, arguments in (("five_crop", (9,)), ("ten_crop", ((9, 10),)), ("ten_crop", (9, True))):
        expected = getattr(tv.functional, name)(torch.tensor(array), *arguments)
        found = getattr(F, name)(mc.tensor(array), *arguments)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a.array, b.numpy())


def test_sizes_of_turned_images(tv):
    import torch

    rng = np.random.default_rng(0)
    for angle in [0, 90, 180, 270, -90, 45, *rng.uniform(-360, 360, 60)]:
        shape = (1, *rng.integers(1, 60, 2))
        expected = tv.functional.rotate(torch.zeros(shape), float(angle), expand=True)
        assert F.rotate(mc.zeros(*shape), float(angle), expand=True).shape == expected.shape


PIL_CASES = {**WEIGHTED, **EQUAL} | {
    "lanczos": ("resize", (11, InterpolationMode.LANCZOS), {}),
    "affine": ("affine", (13.0, [3, -2], 1.2, [5.0, 7.0], BILINEAR), {"fill": 7}),
    "rotate": ("rotate", (33.0, BICUBIC), {"expand": True, "fill": (9,)}),
}
for _name in ("without antialiasing", "bicubic plain", "nearest exact"):
    del PIL_CASES[_name]


@pytest.mark.parametrize("case", PIL_CASES.values(), ids=PIL_CASES)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pil_images(tv, case, mode):
    name, positional, named = case
    fill = named.get("fill")
    if (name == "adjust_hue" and mode == "RGBA") or (isinstance(fill, list) and len(fill) > 1):
        image = Image.fromarray(drawn("uint8", (H, W, 3)))  # Pillow has no hue of RGBA
    else:
        image = Image.fromarray(drawn("uint8", (H, W, 3))).convert(mode)
    expected = theirs(tv, case, image)
    found = getattr(F, name)(image, *positional, **named)
    assert (found.mode, found.size) == (expected.mode, expected.size)
    assert found.tobytes() == expected.tobytes()


# How far Pillow's bytes and ours are apart at most, for an image of smooth colours.
APART = dict.fromkeys([key for key in EQUAL if "nearest" not in key and "turn" not in key], 0) | {
    **dict.fromkeys(["smaller", "larger", "one side", "at most", "bicubic", "part"], 1),
    **dict.fromkeys(["darker", "brighter", "less saturation", "saturation", "grey"], 2),
    **dict.fromkeys(["contrast", "less contrast", "blur"], 2),
    # Pillow's hue is a byte: a step makes 6 levels, and it rounds by up to a step and a half.
    **dict.fromkeys(["hue", "hue turned half"], 9),
}


@pytest.mark.parametrize("name", APART)
def test_pil_images_and_arrays_agree(name):
    y, x = np.mgrid[:H, :W]
    array = np.stack([40 + 5 * x, 230 - 6 * x - y, 60 + 7 * y], -1).astype(np.uint8)
    function, positional, named = (WEIGHTED | EQUAL)[name]
    found = getattr(F, function)(Image.fromarray(array), *positional, **named)
    of_array = getattr(F, function)(array, *positional, **named)
    found = np.asarray(found).reshape(of_array.shape).astype(float)
    assert np.abs(found - of_array).max() <= APART[name]


def test_palettes_and_other_modes(tv):
    colour = Image.fromarray(drawn("uint8", (H, W, 3)))
    for mode in ("P", "1", "LA", "F", "I", "CMYK"):
        image = colour.convert(mode)
        for name in ("hflip", "vflip", "crop", "centre wide", "smaller"):
            case = PIL_CASES[name]
            expected, found = theirs(tv, case, image), getattr(F, case[0])(image, *case[1])
            assert (found.mode, found.tobytes()) == (expected.mode, expected.tobytes())
            assert found.getpalette() == expected.getpalette()
        padded = F.pad(image, 2)
        assert padded.mode == mode and padded.size == (W + 4, H + 4)
        assert padded.crop((2, 2, W + 2, H + 2)).tobytes() == image.tobytes()
        assert padded.getpalette() == image.getpalette()


def test_dtypes(tv):
    import torch

    names = ("uint8", "int32", "int64", "float16", "float32", "float64")
    rng = np.random.default_rng(0)
    for old in names:
        kind = np.dtype(old)
        image = rng.random((3, 4, 5))
        image = (image * np.iinfo(kind).max if kind.kind in "ui" else image).astype(kind)
        for new in names:
            try:
                expected = tv.functional.convert_image_dtype(
                    torch.tensor(image), getattr(torch, new)
                ).numpy()
            except RuntimeError:
                expected = None
            if expected is None:
                with pytest.raises(
                    TypeError, match=f"{old} cannot tell all numbers of {new} apart"
                ):
                    F.convert_image_dtype(mc.tensor(image), new)
            elif new == "float16" and kind.itemsize > 1 and kind.kind == "i":
                # torchvision's are NaN: the largest integer is infinite in float16.
                found = F.convert_image_dtype(mc.tensor(image), new).array
                np.testing.assert_allclose(found, image / np.iinfo(kind).max, atol=1e-3)
            elif not (old == "float16" and new.startswith("int")):
                found = F.convert_image_dtype(mc.tensor(image), new).array
                assert found.dtype == expected.dtype
                np.testing.assert_allclose(found, expected, rtol=1e-6)
    for image in (drawn("uint8"), drawn("float32"), drawn("uint8", (1, 4, 5)), drawn("float64")):
        expected = tv.functional.to_pil_image(torch.tensor(image))
        found = F.to_pil_image(mc.tensor(image))
        assert (found.mode, found.tobytes()) == (expected.mode, expected.tobytes())
        expected = tv.functional.pil_to_tensor(found).numpy()
        np.testing.assert_array_equal(F.pil_to_tensor(found).array, expected)
