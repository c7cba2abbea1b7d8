"""Batches made in one go are those that the samples give one by one."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import data
from minicnn.checks import ShapeError
from minicnn.data import transforms as T
from minicnn.data.labelled_images import LabelledImages
from minicnn.data.loading import Task
from minicnn.data.whole_batches import whole_batch


class Signs(LabelledImages):
    classes = ("minus", "plus", "times")


def signs(transform, *shape, **more):
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (23, *shape), dtype=np.uint8)
    return Signs(images, np.arange(23) % 3, transform, **more)


class Halved(T.RandomCrop):
    def __call__(self, img):
        return super().__call__(img) // 2


NORMALIZE = T.Normalize(0.3, 0.7)
CASES = {
    "the usual one": [
        T.RandomCrop(9, padding=2),
        T.RandomHorizontalFlip(),
        T.ToTensor(),
        NORMALIZE,
    ],
    "after others": [T.RandomRotation(20), T.RandomCrop((5, 7)), T.ToTensor()],
    "one within another": [T.Compose([T.RandomCrop(9, (1, 3), fill=7)]), T.ToTensor()],
    "tensors before": [T.ToTensor(), T.RandomErasing(0.7), NORMALIZE],
    "others in between": [T.RandomRotation(9), T.ToTensor(), T.RandomErasing(0.7), NORMALIZE],
    "only arrays": [T.RandomHorizontalFlip(0.3), T.Pad((1, 2, 3, 4), fill=9)],
    "nothing to draw": [T.RandomCrop(9), T.ToTensor()],
    "in place": [T.ToTensor(), T.Normalize(0.3, 0.7, inplace=True)],
}


def epoch(dataset, one_by_one, **options):
    collate = (lambda samples: data.default_collate(samples)) if one_by_one else None
    generator = mc.Generator(5)
    loader = data.DataLoader(
        dataset, 4, shuffle=True, generator=generator, collate_fn=collate, **options
    )
    return [*loader, *loader]


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert type(one) is type(other) is list
        for a, b in zip(one, other, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert np.array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers(case, shape):
    dataset = signs(T.Compose(CASES[case]), *shape)
    assert whole_batch(dataset, Task(1, 0, 0, [2, 0, 5])) is not None
    some = data.Subset(dataset, [*range(20, 2, -1)])
    for asked in (dataset, some, data.Subset(some, range(1, 12))):
        assert_same(epoch(asked, False), epoch(asked, True))
    assert_same(epoch(dataset, False, num_workers=2), epoch(dataset, True))


def test_indices_from_the_end():
    dataset = signs(T.ToTensor(), 9, 9)
    images, labels = whole_batch(dataset, Task(1, 0, 0, [-1, 4]))
    assert labels.tolist() == [22 % 3, 4 % 3]
    assert np.array_equal(images[0].numpy(), dataset[22][0].numpy())


def test_the_images_stay_as_they_are():
    dataset = signs(T.Compose(CASES["in place"]), 9, 9)
    before = dataset.data.numpy().copy()
    whole_batch(dataset, Task(1, 0, 0, [0, 1]))[0].fill_(0)
    dataset.transform = T.RandomHorizontalFlip()
    whole_batch(dataset, Task(1, 0, 0, [0, 1]))[0].fill_(0)
    assert np.array_equal(dataset.data.numpy(), before)


class Turned(Signs):
    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return -image, label


def several(dataset):
    dataset.__getitems__ = lambda indices: [(dataset.data[i] * 0, 1) for i in indices]
    return dataset


OTHERS = {
    "a subclass of a transform": lambda: signs(T.Compose([Halved(9, padding=1)]), 9, 9),
    "a function at the end": lambda: signs(T.Compose([T.ToTensor(), lambda t: t * 2]), 9, 9),
    "what inherits a batch": lambda: signs(T.RandomVerticalFlip(), 9, 9),
    "a target transform": lambda: signs(T.ToTensor(), 9, 9, target_transform=lambda y: y + 10),
    "a subclass of a data set": lambda: Turned(
        np.ones((8, 9, 9), "uint8"), np.zeros(8, int), T.ToTensor()
    ),
    "several at once": lambda: several(signs(T.ToTensor(), 9, 9)),
    "no transform": lambda: signs(None, 9, 9),
    "a mirrored border": lambda: signs(T.Pad(2, padding_mode="reflect"), 9, 9),
    "more than one image": lambda: signs(T.Compose([T.FiveCrop(5), T.ToTensor()]), 9, 9),
    "widened where needed": lambda: signs(T.RandomCrop(12, pad_if_needed=True), 9, 9),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_does_something_of_its_own_is_asked_for_each_sample(case):
    dataset = OTHERS[case]()
    assert whole_batch(dataset, Task(1, 0, 0, [1, 2])) is None
    if case != "more than one image":
        assert_same(epoch(dataset, False), epoch(dataset, True))


def test_differing_sizes_are_refused_as_ever():
    dataset = signs(T.Compose([lambda i: i[: 5 + int(i[0, 0]) % 2], T.ToTensor()]), 9, 9)
    with pytest.raises(ShapeError, match="sample"):
        list(data.DataLoader(dataset, 23))


@pytest.mark.parametrize(
    "transforms",
    [[T.RandomCrop(12), T.ToTensor()], [T.ToTensor(), T.Normalize([0, 0], [1, 1])]],
    ids=["too small", "too many channels"],
)
def test_an_error_names_its_sample(transforms):
    dataset = signs(T.Compose(transforms), 9, 9)
    with pytest.raises(ShapeError) as caught:
        next(iter(data.DataLoader(dataset, 4, sampler=[7, 3, 2, 1])))
    assert caught.value.__notes__ == ["DataLoader: while loading sample 7 of Signs"]


def test_an_error_before_the_batch_names_its_sample_too():
    dataset = signs(T.Compose([refuse_dark, T.ToTensor()]), 9, 9)
    dataset.data[3] = 0
    with pytest.raises(ValueError, match="dark") as caught:
        list(data.DataLoader(dataset, 4))
    assert caught.value.__notes__ == ["DataLoader: while loading sample 3 of Signs"]


def refuse_dark(image):
    if not image.any():
        raise ValueError("dark")
    return image
