"""What there is for the CPU there is for a GPU: kernels, layers, ways of data; on the stand-in.

Functions are walked in `test_same_on_gpu.py`, optimisers in `test_beside_the_cpu.py`.
"""

import numpy as np
import pytest

import minicnn as mc
from minicnn import data, nn
from minicnn.kernels import names, variants

# --------------------------------------------------------------------------------- kernels

# Kernels of the CPU without a GPU's, and why that is no loss.
ON_THE_CPU_ALONE = {
    **dict.fromkeys(
        [
            *("blend", "histogram", "largest_entries", "luma", "mirror", "normalize_channels"),
            *("resample", "shift_hue", "warp"),
        ],
        "of images that are being loaded, on the host; on a GPU the plain one runs, through CuPy",
    ),
    "bias_gradient": "a sum, which CuPy has ready",
    "concatenate": "copies, which CuPy has ready",
}
# Kernels of a GPU without a CPU's: there the plain one is NumPy's own, or as quick as can be.
ON_A_GPU_ALONE = {
    *("matmul", "rmsprop_update", "adagrad_update", "add_at", "softmax", "softmax_gradient"),
    *("log_softmax", "log_softmax_gradient", "pick_classes", "cross_entropy_gradient"),
    "random_uniform",  # the CPU has a stream of NumPy's
}


def test_no_kernel_is_missing_on_either_side():
    of_cpu = {name for name in names() if "cpu" in variants(name)}
    of_gpu = {name for name in names() if "cuda" in variants(name)}
    assert of_cpu - of_gpu == set(ON_THE_CPU_ALONE)
    assert of_gpu - of_cpu == ON_A_GPU_ALONE
    assert all("plain" in variants(name) for name in names())


# ---------------------------------------------------------------------------------- layers

IMAGES, MAPS, ROWS, SIGNAL = (2, 4, 6, 6), (2, 4, 5, 7), (3, 8), (2, 4, 9)

LAYERS = {
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((2, 3)), MAPS),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(2), MAPS),
    "AvgPool1d": (lambda: nn.AvgPool1d(2, padding=1), SIGNAL),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1), MAPS),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), SIGNAL),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), MAPS),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), MAPS),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, 2, padding_mode="circular", padding=1), SIGNAL),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, groups=2, padding="same"), MAPS),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3, 2, output_padding=1), SIGNAL),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3, 2, 1), MAPS),
    "ELU": (nn.ELU, ROWS),
    "Flatten": (nn.Flatten, MAPS),
    "Fold": (lambda: nn.Fold((3, 4), 2), (2, 8, 6)),
    "GELU": (nn.GELU, ROWS),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), MAPS),
    "Hardsigmoid": (nn.Hardsigmoid, ROWS),
    "Hardswish": (nn.Hardswish, ROWS),
    "Identity": (nn.Identity, ROWS),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), MAPS),
    "LPPool2d": (lambda: nn.LPPool2d(2, 2), MAPS),
    "LayerNorm": (lambda: nn.LayerNorm(8), ROWS),
    "LeakyReLU": (nn.LeakyReLU, ROWS),
    "Linear": (lambda: nn.Linear(8, 3), ROWS),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), MAPS),
    "LogSoftmax": (lambda: nn.LogSoftmax(1), ROWS),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, 2), SIGNAL),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), MAPS),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), MAPS),
    "ReLU": (nn.ReLU, ROWS),
    "ReLU6": (nn.ReLU6, ROWS),
    "Sequential": (lambda: nn.Sequential(nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2), nn.ReLU()), MAPS),
    "SiLU": (nn.SiLU, ROWS),
    "Sigmoid": (nn.Sigmoid, ROWS),
    "Softmax": (lambda: nn.Softmax(1), ROWS),
    "Softplus": (nn.Softplus, ROWS),
    "Tanh": (nn.Tanh, ROWS),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 4)), ROWS),
    "Unfold": (lambda: nn.Unfold(2, stride=2), MAPS),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), MAPS),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 0, 2, 1)), MAPS),
}
LOSSES = {
    "BCEWithLogitsLoss": lambda x, r: mc.tensor(r.random(ROWS), dtype=mc.float32),
    "CrossEntropyLoss": lambda x, r: mc.tensor(r.integers(0, 8, 3)),
    "KLDivLoss": lambda x, r: nn.functional.softmax(mc.tensor(r.random(ROWS)).float(), 1),
    "L1Loss": lambda x, r: mc.tensor(r.random(ROWS), dtype=mc.float32),
    "MSELoss": lambda x, r: mc.tensor(r.random(ROWS), dtype=mc.float32),
    "NLLLoss": lambda x, r: mc.tensor(r.integers(0, 8, 3)),
    "SmoothL1Loss": lambda x, r: mc.tensor(r.random(ROWS), dtype=mc.float32),
}
ELSEWHERE = {
    "Module": "the base class",
    "ModuleDict": "a container that computes nothing",
    "ModuleList": "a container that computes nothing",
    "Dropout": "draws: test_beside_the_cpu.py",
    "Dropout2d": "draws: test_same_on_gpu.py, its function",
    "StochasticDepth": "draws: test_same_on_gpu.py, its function",
    "MaxUnpool2d": "takes places: test_same_on_gpu.py, its function",
}


def test_no_layer_is_left_out():
    found = {
        name
        for name, value in vars(nn).items()
        if isinstance(value, type) and issubclass(value, nn.Module)
    }
    assert found == {*LAYERS, *LOSSES, *ELSEWHERE}


def both(make, shape, arguments=lambda x, r: (), seed=0, gpu="cuda:1"):
    """(results and gradients on the CPU, those on a GPU)."""
    found = []
    for device in ("cpu", gpu):
        rng = np.random.default_rng(seed)
        mc.manual_seed(seed)
        layer = make().to(device)
        x = mc.tensor(rng.standard_normal(shape).astype("float32"), device=device)
        x.requires_grad_()
        more = [t.to(device) for t in arguments(x, rng)]
        y = layer(x, *more)
        y.backward(mc.tensor(rng.standard_normal(y.shape).astype("float32"), device=device))
        results = [y, x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]
        assert {t.device for t in results} == {device}
        found.append([t.detach().cpu().numpy() for t in results])
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, machine):
    for a, b in zip(*both(*LAYERS[name]), strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", LAYERS)
def test_layers_on_a_real_gpu(name):
    assert mc.cuda.is_available(), "these tests were asked for, and there is no GPU"
    for a, b in zip(*both(*LAYERS[name], gpu="cuda:0"), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, machine):
    target = LOSSES[name]
    options = {"reduction": "batchmean"} if name == "KLDivLoss" else {}
    found = both(lambda: getattr(nn, name)(**options), ROWS, lambda x, r: (target(x, r),))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)


# ------------------------------------------------------------------------------- ways of data

N = 7
IMAGE_OF = np.arange(N * 4, dtype=np.float32).reshape(N, 1, 2, 2)


def tensors():
    return data.TensorDataset(mc.tensor(IMAGE_OF), mc.arange(N))


def drawn_by(sampler):
    return data.DataLoader(tensors(), batch_size=3, sampler=sampler)


def seeded():
    return mc.Generator(5)


LOADERS = {
    "TensorDataset": lambda: data.DataLoader(tensors(), batch_size=3),
    "Subset": lambda: data.DataLoader(data.Subset(tensors(), [4, 0, 2]), batch_size=2),
    "ConcatDataset": lambda: data.DataLoader(
        data.ConcatDataset([tensors(), tensors()]), batch_size=4, drop_last=True
    ),
    "BatchSampler": lambda: data.DataLoader(
        tensors(), batch_sampler=data.BatchSampler(data.SequentialSampler(tensors()), 2, False)
    ),
    "RandomSampler": lambda: drawn_by(data.RandomSampler(tensors(), generator=seeded())),
    "SequentialSampler": lambda: drawn_by(data.SequentialSampler(tensors())),
    "SubsetRandomSampler": lambda: drawn_by(data.SubsetRandomSampler([5, 1, 3], seeded())),
    "WeightedRandomSampler": lambda: drawn_by(
        data.WeightedRandomSampler([1.0] * N, 5, generator=seeded())
    ),
    "threads": lambda: data.DataLoader(tensors(), batch_size=2, num_workers=2),
    "pinned": lambda: data.DataLoader(tensors(), batch_size=2, pin_memory=True),
    "shuffled": lambda: data.DataLoader(tensors(), batch_size=2, shuffle=True, generator=seeded()),
}
# Made from files, on the host: what a loader makes of their samples is the same.
OF_FILES = {
    *("BundledMNIST", "CIFAR10", "CIFAR100", "DatasetFolder", "FashionMNIST", "ImageFolder"),
    *("LabelledImages", "MNIST", "StoredDataset"),
}
BASES = {"Dataset", "Sampler"}


def test_no_way_of_data_is_left_out():
    found = {
        name
        for name, value in vars(data).items()
        if isinstance(value, type) and issubclass(value, (data.Dataset, data.Sampler))
    }
    assert found - BASES - OF_FILES == set(LOADERS) - {"threads", "pinned", "shuffled"}


@pytest.mark.parametrize("name", LOADERS)
def test_batches_are_the_hosts(name, machine):
    on_host = list(LOADERS[name]())
    there = list(data.DeviceLoader(LOADERS[name](), "cuda:1"))
    assert len(there) == len(on_host) > 0
    for batch, gpu_batch in zip(on_host, there, strict=True):
        for t, gpu_t in zip(batch, gpu_batch, strict=True):
            assert gpu_t.device == "cuda:1" and mc.equal(t, gpu_t.cpu())


def test_samples_of_files(machine):
    """One of `OF_FILES`, which come with the package."""
    from minicnn.data import transforms

    dataset = data.Subset(data.BundledMNIST(transform=transforms.ToTensor()), range(5))
    for (x, t), (gpu_x, gpu_t) in zip(
        data.DataLoader(dataset, batch_size=2),
        data.DeviceLoader(data.DataLoader(dataset, batch_size=2), "cuda"),
        strict=True,
    ):
        assert gpu_x.is_cuda and mc.equal(x, gpu_x.cpu()) and mc.equal(t, gpu_t.cpu())
