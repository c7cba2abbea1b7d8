import io
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, MissingPartError, ShapeError
from minicnn.plot import make_grid, save_image


@pytest.fixture(scope="module")
def vision():
    """torchvision.utils and torch; its compiled operators are not needed, and may not load."""
    torch = pytest.importorskip("torch")
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("empty"))
    return pytest.importorskip("torchvision.utils"), torch


shapes = (
    st.tuples(st.integers(1, 11), st.sampled_from([1, 2, 3]), st.integers(1, 4), st.integers(1, 4))
    | st.tuples(st.sampled_from([1, 2, 3]), st.integers(1, 4), st.integers(1, 4))
    | st.tuples(st.integers(1, 4), st.integers(1, 4))
)


@given(
    shapes,
    st.integers(1, 12),
    st.integers(0, 3),
    st.booleans(),
    st.none() | st.just((-1, 1)) | st.just((0.3, 0.7)) | st.just((2.0, 2.0)),
    st.booleans(),
    st.sampled_from([0.0, 0.5, -2.25, 1]),
    st.sampled_from(["float32", "float64", "float16", "uint8", "int64", "bool"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_make_grid_equals_torchvisions(
    vision, shape, nrow, padding, normalize, value_range, scale_each, pad_value, dtype, listed, seed
):
    utils, torch = vision
    values = np.random.default_rng(seed).normal(size=shape)
    if dtype in ("uint8", "int64", "bool"):
        normalize, pad_value = False, abs(int(pad_value))
        values = np.abs(100 * values)
    array = values.astype(dtype)
    options = {
        "nrow": nrow,
        "padding": padding,
        "normalize": normalize,
        "value_range": value_range,
        "scale_each": scale_each,
        "pad_value": pad_value,
    }
    # PyTorch normalises in place: it is given memory of its own.
    theirs, ours = torch.from_numpy(array.copy()), mc.tensor(array)
    if listed and len(shape) == 4:
        theirs, ours = list(theirs), [mc.tensor(a) for a in array]
    expected = utils.make_grid(theirs, **options).numpy()
    result = make_grid(ours, **options)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    if dtype == "float16":  # one rounding of 11 bits may fall differently
        np.testing.assert_allclose(result.numpy(), expected, rtol=2e-3, atol=1e-3)
    else:
        np.testing.assert_array_equal(result.numpy(), expected)
    if not listed:
        np.testing.assert_array_equal(ours.numpy(), array)  # the input stays as it is


def test_the_grid_has_no_history():
    assert not make_grid(mc.rand(3, 1, 2, 2, requires_grad=True), normalize=True).requires_grad
    assert not make_grid([mc.rand(1, 2, 2, requires_grad=True)] * 2).requires_grad


def test_values_between_the_limits_are_spread_and_others_clamped():
    grid = make_grid(mc.tensor([[-1.0, 0.0, 1.0, 2.0]]), normalize=True, value_range=(0, 2))
    assert grid[0].tolist() == [[0, 0, 0.5, 1]]
    two = mc.tensor([[[[0.0, 1.0]]], [[[0.0, 4.0]]]])
    each = make_grid(two, padding=0, normalize=True, scale_each=True)
    assert each[0].tolist() == [[0, 1, 0, 1]]
    together = make_grid(two, padding=0, normalize=True)
    assert together[0].tolist() == [[0, 0.25, 0, 1]]


@pytest.mark.parametrize(
    ("tensor", "options", "error", "message"),
    [
        (np.zeros((2, 2)), {}, DtypeError, "expected a tensor or a list of tensors, got ndarray"),
        ((mc.zeros(1),), {}, DtypeError, "expected a tensor or a list of tensors, got tuple"),
        ([mc.zeros(2, 2), 3], {}, DtypeError, "list whose entry 1 is of type int"),
        (
            [mc.zeros(2, 2), mc.zeros(2, 3)],
            {},
            ShapeError,
            r"image 1 has shape \(2, 3\), the",
        ),
        ([], {}, ShapeError, "at least one image, got an empty list"),
        (mc.zeros(0, 3, 2, 2), {}, ShapeError, r"none of them empty, got shape \(0, 3, 2, 2\)"),
        (mc.zeros(3), {}, ShapeError, r"expected images \(N, C, H, W\), .* got shape \(3,\)"),
        (mc.zeros(1, 1, 1, 1, 1), {}, ShapeError, "expected images"),
        (
            mc.zeros(2, 2),
            {"nrow": 0},
            ArgumentError,
            "nrow must be .* at least 1, got 0",
        ),
        (
            mc.zeros(2, 2),
            {"nrow": 2.0},
            ArgumentError,
            "nrow must be an integer .* got 2.0",
        ),
        (
            mc.zeros(2, 2),
            {"padding": -1},
            ArgumentError,
            "padding must be .* at least 0, got -1",
        ),
        (
            mc.zeros(2, 2),
            {"value_range": [0, 1]},
            DtypeError,
            r"value_range must be a tuple",
        ),
        (mc.zeros(2, 2), {"value_range": (0, 1, 2)}, DtypeError, "value_range must be a tuple"),
        (
            mc.zeros(2, 2, dtype="uint8"),
            {"normalize": True},
            DtypeError,
            "normalize needs floating",
        ),
        (mc.zeros(2, 2, dtype="uint8"), {"pad_value": 300}, ArgumentError, "300 is not a uint8"),
    ],
)
def test_what_make_grid_refuses(tensor, options, error, message):
    with pytest.raises(error, match=r"^make_grid: .*" + message):
        make_grid(tensor, **options)


def decoded(file):
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image), image.format


def test_save_image_writes_the_rounded_pixels(tmp_path):
    images = mc.tensor(np.linspace(-0.2, 1.2, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5), dtype="float32")
    save_image(images, tmp_path / "x.png", nrow=1, padding=1, pad_value=1.0)
    pixels, format = decoded(tmp_path / "x.png")
    assert format == "PNG"
    assert pixels.shape == (2 * 5 + 1, 7, 3)
    expected = np.clip(np.round(images.numpy() * 255), 0, 255)  # no value lies at .5 here
    np.testing.assert_array_equal(pixels[1:5, 1:6], expected[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(pixels[6:10, 1:6], expected[1].transpose(1, 2, 0))
    assert (pixels[5] == 255).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_save_image_writes_what_torchvision_writes(tmp_path, vision, dtype):
    utils, torch = vision
    array = np.random.default_rng(0).normal(0.5, 0.4, (5, 1, 6, 7)).astype(dtype)
    save_image(mc.tensor(array), tmp_path / "ours.png", nrow=3)
    utils.save_image(torch.from_numpy(array), tmp_path / "theirs.png", nrow=3)
    ours, theirs = decoded(tmp_path / "ours.png")[0], decoded(tmp_path / "theirs.png")[0]
    np.testing.assert_array_equal(ours, theirs)


def test_formats(tmp_path):
    image = mc.rand(3, 8, 8)
    for name, format in (("x.jpg", "JPEG"), ("x.BMP", "BMP")):
        save_image(image, tmp_path / name)
        assert decoded(tmp_path / name)[1] == format
    save_image(image, str(tmp_path / "odd.dat"), format="png")
    assert decoded(tmp_path / "odd.dat")[1] == "PNG"
    stream = io.BytesIO()
    save_image(image, stream, format="jpg")
    assert decoded(stream)[1] == "JPEG"
    with pytest.raises(ArgumentError, match=r"^save_image: the format is unknown: give a name"):
        save_image(image, tmp_path / "x")
    with pytest.raises(ArgumentError, match="the format is unknown"):
        save_image(image, io.BytesIO())
    with pytest.raises(ArgumentError, match=r"^save_image: unknown format 'pgn', did you mean"):
        save_image(image, tmp_path / "x.png", format="pgn")


def test_what_save_image_refuses(tmp_path):
    path = tmp_path / "x.png"
    with pytest.raises(DtypeError, match=r"^save_image: .* got uint8; .* images.float\(\) / 255"):
        save_image(mc.zeros(3, 4, 4, dtype="uint8"), path)
    with pytest.raises(ShapeError, match=r"^save_image: images have 1 or 3 channels, got 2$"):
        save_image(mc.zeros(2, 4, 4), path)
    assert not path.exists()


def test_nan_pixels_are_black(tmp_path):
    save_image(mc.tensor([[float("nan"), float("inf")]]), tmp_path / "x.png")
    assert decoded(tmp_path / "x.png")[0][0, :, 0].tolist() == [0, 255]


def test_without_pillow(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert make_grid(mc.zeros(2, 1, 2, 2)).shape == (3, 6, 10)
    with pytest.raises(MissingPartError) as caught:
        save_image(mc.zeros(2, 2), tmp_path / "x.png")
    assert 'pip install "minicnn[examples]"' in str(caught.value)


def test_importing_needs_neither_matplotlib_nor_pillow():
    code = "import sys, minicnn.plot; print({'matplotlib', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
