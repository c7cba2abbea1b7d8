"""Images in folders: classes, corrupt and missing files, mixed sizes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data import CorruptImageError, DataLoader, DatasetFolder, ImageFolder
from minicnn.data import transforms as T


def save(path, size=(5, 4), colour=(10, 20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def root(tmp_path):
    save(tmp_path / "dog" / "2.png", colour=(1, 2, 3))
    save(tmp_path / "dog" / "10.PNG")
    save(tmp_path / "dog" / "deep" / "er" / "1.png")
    save(tmp_path / "cat" / "a.bmp", colour=(200, 0, 0))
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / "readme.png").write_text("not in a class")
    return tmp_path


def names(folder):
    return [path[len(folder.root) + 1 :] for path, _ in folder.samples]


def test_classes_and_samples(root):
    folder = ImageFolder(root)
    assert folder.classes == ["cat", "dog"] and folder.class_to_idx == {"cat": 0, "dog": 1}
    assert names(folder) == ["cat/a.bmp", "dog/10.PNG", "dog/2.png", "dog/deep/er/1.png"]
    assert folder.targets == [0, 1, 1, 1] and folder.imgs is folder.samples and len(folder) == 4
    image, label = folder[0]
    assert (image.mode, image.size, image.getpixel((0, 0)), label) == (
        "RGB",
        (5, 4),
        (200, 0, 0),
        0,
    )
    assert folder[np.int64(-1)][1] == 1 and repr(folder) == "ImageFolder(4 files of 2 classes)"
    both = ImageFolder(root, T.ToTensor(), lambda label: label + 10)
    assert both[2][0].shape == (3, 4, 5) and both[2][1] == 11
    assert next(iter(DataLoader(both, 4)))[0].shape == (4, 3, 4, 5)


@pytest.mark.parity
def test_torchvision_finds_the_same(root):
    import types

    pytest.importorskip("torch")
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("empty"))
    datasets = pytest.importorskip("torchvision.datasets")
    some = {"is_valid_file": lambda path: "1" in Path(path).name, "allow_empty": True}
    for options in ({}, some):
        mine, other = ImageFolder(root, **options), datasets.ImageFolder(root, **options)
        assert mine.samples == other.samples and mine.classes == other.classes
        assert mine.targets == other.targets and mine.class_to_idx == other.class_to_idx
        for (a, i), (b, j) in zip(mine, other, strict=True):
            assert (a.tobytes(), i) == (b.tobytes(), j)


def test_a_loader_of_ones_own(root):
    folder = DatasetFolder(root, lambda path: path[-4:], extensions=".txt", allow_empty=True)
    assert list(folder) == [(".txt", 0)]
    assert ImageFolder(root, loader=len)[0][0] == len(folder.samples[0][0]) - 4


def test_what_is_missing(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ImageFolder: there is no folder .*nowhere"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"found no folders in .*one for each class"):
        ImageFolder(root / "cat")
    (root / "eel").mkdir()
    (root / "ant").mkdir()
    with pytest.raises(
        FileNotFoundError,
        match=r"no files that end in .jpg, .* 2 of 4 classes: ant, eel. allow_empty=True",
    ):
        ImageFolder(root)
    folder = ImageFolder(root, allow_empty=True)
    assert folder.classes == ["ant", "cat", "dog", "eel"] and set(folder.targets) == {1, 2}


def test_corrupt_files_are_named(root):
    whole = (root / "dog" / "2.png").read_bytes()
    (root / "cat" / "half.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "empty.jpg").write_bytes(b"")
    (root / "dog" / "words.png").write_bytes(b"these are words")
    folder = ImageFolder(root)
    for i, path in enumerate(names(folder)):
        if path.endswith(("half.png", "empty.jpg", "words.png")):
            with pytest.raises(CorruptImageError, match=rf"cannot read .*{path}.*corrupt='skip'"):
                folder[i]
        else:
            folder[i]
    with pytest.warns(
        UserWarning, match=r"left out 3 of 7 files, .*half.png, .*empty.jpg, .*words"
    ):
        sound = ImageFolder(root, corrupt="skip")
    assert names(sound) == ["cat/a.bmp", "dog/10.PNG", "dog/2.png", "dog/deep/er/1.png"]
    assert sound.targets == [0, 1, 1, 1] and len(sound.skipped) == 3 and len(list(sound)) == 4
    (root / "cat" / "a.bmp").unlink()
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(FileNotFoundError, match=r"1 of 2 classes: cat"),
    ):
        ImageFolder(root, corrupt="skip")


def test_a_failing_transform_is_not_a_corrupt_file(root):
    folder = ImageFolder(root, T.FiveCrop(99), corrupt="skip")
    assert not folder.skipped
    with pytest.raises(ShapeError, match=r"FiveCrop: a crop of 99"):
        folder[0]


def test_mixed_sizes_say_what_to_do(root):
    save(root / "dog" / "3.png", size=(9, 9))
    with pytest.raises(ShapeError, match=r"\(3, 4, 5\).*\(3, 9, 9\).*Resize\(\(h, w\)\)"):
        list(DataLoader(ImageFolder(root, T.ToTensor()), 5))
    resized = T.Compose([T.Resize((6, 7)), T.ToTensor()])
    assert next(iter(DataLoader(ImageFolder(root, resized), 5)))[0].shape == (5, 3, 6, 7)


def test_refuses(root):
    with pytest.raises(ArgumentError, match=r"give either extensions or is_valid_file"):
        DatasetFolder(root, len)
    with pytest.raises(ArgumentError, match=r"give either extensions or is_valid_file"):
        DatasetFolder(root, len, (".png",), is_valid_file=bool)
    with pytest.raises(ArgumentError, match=r"corrupt must be one of 'raise', 'skip'; got 'drop'"):
        ImageFolder(root, corrupt="drop")
    with pytest.raises(DtypeError, match=r"transform is the class ToTensor, .*ToTensor\(\)"):
        ImageFolder(root, T.ToTensor)
    with pytest.raises(DtypeError, match=r"loader must be callable, got str"):
        ImageFolder(root, loader="pil")
    with pytest.raises(IndexRangeError, match=r"index 4 is out of range for 4 files"):
        ImageFolder(root)[4]
    with pytest.raises(DtypeError, match=r"an index must be an integer, got str"):
        ImageFolder(root)["a"]


def test_without_pillow(root):
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "from minicnn.data import ImageFolder, transforms as T\n"
        f"folder = ImageFolder({str(root)!r})\n"
        "for use in (lambda: folder[0], lambda: ImageFolder(folder.root, corrupt='skip'),\n"
        "            lambda: T.ToPILImage()(__import__('numpy').zeros((2, 2)))):\n"
        "    try:\n"
        "        use()\n"
        "    except ImportError as error:\n"
        "        print(type(error).__name__, error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    line = (
        'MissingPartError ImageFolder: reading images needs Pillow; pip install "minicnn[examples]"'
    )
    assert found.splitlines()[:2] == [line, line]
    assert 'to_pil_image: Pillow is not installed; pip install "minicnn[examples]"' in found
