"""Errors that docstrings promise are raised, with the class that they name."""

import inspect
import re
import warnings

import pytest

pytest.importorskip("sphinx")
from building import public

import minicnn as mc
from minicnn import data, models, nn, optim, textbook, training
from minicnn.nn import functional as F

NAMES = public.documented()

PROMISES = {
    "DtypeError": """
        mc.add(i, i, alpha=0.5)
        mc.sub(b, b)
        mc.floor_divide(b, b)
        mc.remainder(b, b)
        mc.clamp(x, "a")
        mc.softmax(i, 0)
        mc.masked_fill(x, i, 0)
        mc.maximum(x, 1)
        mc.neg(b)
        mc.relu(b)
        mc.where(x, x, x)
        mc.where(b, x)
        mc.where(b, "a", x)
        mc.allclose(x, x.double())
        mc.argmax(b)
        mc.mean(i)
        mc.zeros(1.5)
        mc.zeros(2, dtype=mc.int64, requires_grad=True)
        mc.full((1.5,), 1)
        mc.full((2,), "a")
        mc.eye(2.5)
        mc.as_tensor("a")
        mc.zeros_like(i, requires_grad=True)
        mc.rand(2, dtype=mc.int64)
        mc.randint(0.5, 3, (2,))
        mc.randperm(2.5)
        mc.topk(x, 1.5)
        mc.bitwise_not(x)
        mc.cat([1])
        mc.expand(m, 2.5)
        mc.reshape(m, 2.5)
        mc.repeat(m, 1.5, 2)
        mc.split(m, 1.5)
        mc.gather(m, 0, x)
        mc.index_select(m, 0, x)
        mc.std(i)
        mc.matmul(m, m.double().T)
        nn.AdaptiveAvgPool2d(1)(img.long())
        nn.AdaptiveAvgPool2d("a")(img)
        nn.MaxPool2d(2)(3)
        nn.LPPool2d(2, 2)(i.reshape(1, 1, 3))
        nn.MaxUnpool2d(2)(img, img)
        nn.MSELoss()(x, 3)
        nn.CrossEntropyLoss()(m, 3)
        nn.SmoothL1Loss()(x, "a")
        nn.LayerNorm(3)(i)
        nn.LocalResponseNorm(5)(mc.zeros(1, 3, 3, 3, dtype=mc.int64))
        nn.Unfold(3)(3)
        nn.Upsample(2)(3)
        nn.Conv2d(3, 4, "a")
        nn.Conv2d(3, 4, 3)(img.double())
        nn.ConvTranspose2d(3, 4, "a")
        nn.ConvTranspose2d(3, 4, 3)(img.double())
        nn.Dropout("a")
        nn.Dropout()(3)
        nn.Dropout2d()(3)
        nn.StochasticDepth(0.2, "row")(3)
        nn.ELU()(i)
        nn.GELU()(i)
        nn.Hardsigmoid()(i)
        nn.Hardswish()(i)
        nn.LeakyReLU()(i)
        nn.LogSoftmax()(i)
        nn.SiLU()(i)
        nn.Softmax()(i)
        nn.Softplus()(i)
        nn.ReLU()(3)
        nn.ReLU6()(3)
        nn.Sigmoid()(3)
        nn.Tanh()(3)
        nn.Flatten()(3)
        nn.Linear(3, 2)(x.double())
        nn.Linear(2.5, 2)
        nn.Sequential(3)
        nn.ModuleList([3])
        nn.ModuleDict({"a": 3})
        nn.Parameter(3)
        nn.Parameter(i)
        nn.ZeroPad2d("a")(img)
        nn.ZeroPad2d(1)(3)
        F.max_pool1d(m, "a")
        F.conv1d(m, mc.zeros(4, 2, 3).double())
        F.conv1d(m, mc.zeros(4, 2, 3), stride="a")
        F.elu(i)
        F.hardsigmoid(i)
        F.hardswish(i)
        F.leaky_relu(i)
        F.silu(i)
        F.softplus(i)
        F.log_softmax(i, 0)
        F.l1_loss(x, 3)
        F.l1_loss(i, i)
        nn.init.fans(3)
        nn.init.normal_(3)
        nn.init.ones_(3)
        nn.init.trunc_normal_(3)
        nn.init.uniform_(3)
        nn.init.zeros_(3)
        nn.init.eye_(3)
        nn.init.kaiming_uniform_(3)
        nn.init.orthogonal_(3)
        nn.init.xavier_normal_(3)
        nn.utils.clip_grad_value_([3], 1)
        nn.utils.clip_grads_with_norm_([3], 1, x[0])
        nn.utils.get_total_norm([3])
        optim.SGD([1], lr=0.1)
        optim.lr_scheduler.StepLR(3, 1)
        data.transforms.ToTensor()(3)
        models.resnet20(weights=3)
        training.transfer.freeze(3)
        training.evaluate(3, [])
        mc.plot.make_grid(3)
        mc.set_num_threads("a")
        data.transforms.Lambda(3)
        data.transforms.RandomOrder([3])
        data.DeviceLoader(3, "cpu")
        training.TrainingMetrics(top=("a",))
        nn.Module.register_parameter(nn.ReLU(), "a", 3)
        mc.Tensor.requires_grad_(i)
        mc.Tensor.type_as(x, 3)
        mc.Tensor.fill_(x, "a")
        mc.Tensor.add_(i, 0.5)
        mc.Tensor.where(x, x, x)
        optim.Optimizer.add_param_group(sgd, 3)
    """,
    "ShapeError": """
        mc.add(x, mc.zeros(2))
        mc.clamp(x, mc.zeros(2))
        mc.masked_fill(x, b, x)
        mc.masked_fill(x, mc.tensor([True, False]), 0)
        mc.maximum(x, mc.zeros(2))
        mc.where(b, mc.zeros(2), x)
        mc.allclose(x, mc.zeros(2))
        mc.max(e)
        mc.as_tensor([[1], [1, 2]])
        mc.cat([m, mc.zeros(3, 4)])
        mc.stack([x, mc.zeros(2)])
        mc.expand(m, 2, 4)
        mc.reshape(m, 5)
        mc.view(m, 7)
        mc.repeat(m, 2)
        mc.unflatten(m, 1, (2, 2))
        mc.gather(m, 0, i)
        mc.matmul(m, m)
        mc.matmul(m, mc.tensor(2.0))
        nn.AdaptiveAvgPool2d(1)(x)
        nn.AdaptiveMaxPool2d(1)(x)
        nn.MaxPool2d(2)(x)
        nn.MaxPool2d(20)(img)
        nn.AvgPool1d(20)(m)
        nn.LPPool2d(2, 2)(x)
        nn.LPPool2d(2, 20)(img)
        nn.MaxUnpool2d(2)(img, mc.zeros(1, dtype=mc.int64))
        nn.MSELoss()(x, mc.zeros(2))
        nn.CrossEntropyLoss()(m, mc.tensor([1]))
        nn.KLDivLoss()(m, mc.zeros(5))
        nn.BCEWithLogitsLoss()(x, mc.zeros(2))
        nn.BatchNorm2d(3)(m)
        nn.BatchNorm2d(3)(mc.zeros(1, 3, 1, 1))
        nn.InstanceNorm2d(3)(m)
        nn.InstanceNorm2d(3)(mc.zeros(1, 3, 1, 1))
        nn.InstanceNorm2d(3, affine=True)(mc.zeros(1, 4, 3, 3))
        nn.LayerNorm(4)(m)
        nn.LocalResponseNorm(5)(m)
        nn.ChannelShuffle(2)(m)
        nn.ChannelShuffle(2)(img)
        nn.Fold((5, 6), 3)(m)
        nn.Unfold(3)(x)
        nn.PixelShuffle(2)(m)
        nn.PixelShuffle(2)(img)
        nn.Upsample(2, mode="bilinear")(m)
        nn.Conv2d(3, 4, 3)(m)
        nn.ConvTranspose1d(3, 4, 3)(img)
        nn.Linear(3, 2)(mc.zeros(4))
        nn.ZeroPad2d(-9)(img)
        F.adaptive_max_pool2d(x, 1)
        F.avg_pool1d(img, 2)
        F.conv1d(m, mc.zeros(4, 9, 3))
        F.conv_transpose1d(m, mc.zeros(9, 4, 3))
        F.l1_loss(x, mc.zeros(2))
        nn.init.eye_(x)
        nn.init.sparse_(x, 0.5)
        nn.init.kaiming_uniform_(x)
        nn.init.orthogonal_(x)
        nn.init.xavier_normal_(x)
        nn.init.fans(x)
        models.LeNet5()(mc.zeros(1, 3, 28, 28))
        mc.plot.make_grid(mc.zeros(3))
        mc.Tensor.copy_(x, mc.zeros(2))
        mc.Tensor.add_(x, m)
    """,
    "ArgumentError": """
        mc.add(i, i, alpha=2 ** 70)
        mc.floor_divide(i, 0)
        mc.clamp(x)
        mc.pow(i, -1)
        mc.allclose(x, x, rtol=-1)
        mc.zeros(-1)
        mc.full((2,), 300, dtype=mc.uint8)
        mc.arange(0, 5, 0)
        mc.arange(5, 0)
        mc.linspace(0, 1, -1)
        mc.eye(-1)
        mc.randn(-2)
        mc.randint(3, 3, (2,))
        mc.randperm(-1)
        mc.Generator(-1)
        mc.Generator(0).manual_seed(-1)
        mc.Generator(0, device="nowhere")
        mc.manual_seed("a")
        mc.topk(x, 9)
        mc.cat([])
        mc.stack([])
        mc.flatten(img, 2, 1)
        mc.flip(m, 0, 0)
        mc.permute(m, 0)
        mc.permute(m, 0, 0)
        mc.chunk(m, 0)
        mc.repeat(m, -1, 2)
        mc.roll(m, (1, 2), (0,))
        mc.split(m, [1, 5])
        mc.device("nowhere")
        mc.gather(m, 0, mc.zeros(1, 1, dtype=mc.int64), sparse_grad=True)
        nn.AdaptiveAvgPool2d(-1)(img)
        nn.AdaptiveMaxPool2d(-1)(img)
        nn.MaxPool2d(2, padding=2)(img)
        nn.MaxPool2d(0)(img)
        nn.AvgPool1d(2, stride=0)(m)
        nn.MSELoss(reduction="x")(x, x)
        nn.LocalResponseNorm(0)(img)
        nn.ChannelShuffle(0)(img)
        nn.Fold((5, 6), 0)(mc.zeros(1, 9, 12))
        nn.Unfold(0)(img)
        nn.PixelShuffle(0)(img)
        nn.Upsample()(img)
        nn.Upsample(2, 2)(img)
        nn.Upsample(2, mode="x")(img)
        nn.Conv1d(3, 4, 3, groups=2)
        nn.Conv2d(3, 4, 0)
        nn.Dropout(2)
        nn.StochasticDepth(2, "row")(img)
        nn.StochasticDepth(0.2, "x")(img)
        nn.GELU("x")(x)
        nn.Linear(-1, 2)
        F.adaptive_max_pool2d(img, -1)
        F.avg_pool1d(m, 0)
        F.conv1d(m, mc.zeros(4, 2, 3), stride=0)
        F.conv_transpose1d(m, mc.zeros(2, 4, 3), stride=0)
        F.l1_loss(x, x, reduction="x")
        nn.init.kaiming_normal_(m, mode="x")
        nn.init.kaiming_normal_(m, nonlinearity="x")
        nn.utils.parameters_to_vector([])
        optim.SGD([mc.zeros(3, requires_grad=True)], lr=-1)
        data.DataLoader(data.BundledMNIST(), batch_size=0)
        data.transforms.RandomCrop(-3)
        models.get_model("nothing")
        models.resnet20(weights="nothing")
        models.LeNet5(activation="nothing")
        training.transfer.freeze(models.lenet5(), first=99)
        training.WeightAveraging(decay=2)
        mc.set_num_threads(0)
        mc.set_float32_matmul_precision("low")
        data.transforms.RandomHorizontalFlip(2)
        data.transforms.Grayscale(2)
        data.transforms.RandomPosterize(9)
        data.on_device([], "nowhere")
        data.transforms.CenterCrop(0)
        models.CifarResNet(21)
        models.CifarPlainNet(21)
        models.CifarResNet(20, shortcut="C")
        models.AlexNetPaper(groups=3)
        models.DenseNet(memory_efficient=True)
        models.InceptionV4(global_pool="x")
        models.MobileNetV1(width_mult=0)
        training.Log("metrics.txt")
        training.TrainingMetrics(top=(0,))
        optim.lr_scheduler.StepLR(sgd, 0)
        optim.lr_scheduler.LambdaLR(sgd, [])
        optim.lr_scheduler.CosineAnnealingLR(sgd, 0)
        optim.AdamW(w, weight_decay=-1)
        mc.Tensor.item(x)
        mc.Tensor.split(x, [9])
        optim.Optimizer.add_param_group(sgd, {"params": w})
    """,
    "IndexRangeError": """
        mc.softmax(x, 3)
        mc.all(x, dim=4)
        mc.amax(e)
        mc.argmax(e)
        mc.argmax(x, 3)
        mc.cumsum(x, 2)
        mc.max(e, 0)
        mc.prod(x, 4)
        mc.sort(x, 3)
        mc.cat([m], 5)
        mc.stack([x], 5)
        mc.flatten(m, 5)
        mc.flip(x, 3)
        mc.permute(m, 0, 5)
        mc.squeeze(m, 5)
        mc.unsqueeze(m, 5)
        mc.transpose(m, 0, 5)
        mc.chunk(m, 2, 5)
        mc.roll(m, 1, 5)
        mc.split(m, 1, 5)
        mc.unflatten(m, 5, (2, 2))
        mc.gather(m, 0, mc.full((1, 1), 9))
        mc.index_select(m, 0, mc.zeros(1, 1, dtype=mc.int64))
        mc.index_select(m, 0, mc.tensor([7]))
        mc.logsumexp(x, 5)
        mc.var(x, 5)
        nn.CrossEntropyLoss()(m, mc.tensor([1, 9]))
        nn.NLLLoss()(m, mc.tensor([1, 9]))
        nn.Softmax(5)(x)
        nn.Flatten(5)(x)
        F.log_softmax(x, 5)
        mc.sum(x, dim=4)
        data.BundledMNIST()[10**6]
        mc.Tensor.size(x, 3)
        mc.Tensor.split(x, 1, 5)
    """,
    "TypeError": """
        models.resnet20(nonsense=3)
    """,
    "UnknownEquation": """
        mc.equations.get("nothing")
    """,
    "ValueError": """
        textbook.conv2d(x.numpy(), x.numpy())
        textbook.relu_gradient([1.0], [1.0, 2.0])
        textbook.relu("a")
        textbook.unbiased_variance([1.0], 1)
        textbook.receptive_field([(0, 1, 1)])
        textbook.gaussian_kernel((2, 2), 1.0)
        textbook.gaussian_kernel((3, 3), 0.0)
        textbook.dropout([1.0], [1], p=2)
        textbook.dropout_classic_evaluation([1.0], p=2)
        textbook.adam_step([1.0], [1.0], [0.0], [0.0], t=0)
        textbook.sgd_step([1.0], [1.0, 2.0], 0.1)
        textbook.instance_norm(3, [1], [1])
        textbook.rot180([1.0])
        textbook.kernel_derivative([[1.0, 2.0]], [[1.0]])
        textbook.group_norm([[[[1.0]], [[2.0]], [[3.0]]]], 2, [1] * 3, [1] * 3)
        textbook.softmax([1.0])
        textbook.linear_input_gradient([[1.0]], [[1.0], [2.0]])
        textbook.dilated_size(0)
        textbook.leftover(2, 5)
        textbook.parameter_count(3, (5, 5), 6, groups=2)
        textbook.channel_shuffle_gradient([[[[1.0]], [[1.0]], [[1.0]]]], 2)
        textbook.pixel_shuffle_gradient([[[[1.0]]]], 2)
        textbook.interpolate_nearest([[[[1.0]]]], (0, 1))
        textbook.interpolate_bilinear_gradient([1.0], (2, 2))
        textbook.nll_loss([[0.0, 0.0]], [5])
        textbook.smooth_l1_loss([1.0], [1.0, 2.0])
        textbook.adaptive_avg_pool2d([[[[1.0]]]], (0, 1))
        textbook.lp_pool2d([1.0], 2, (1, 1))
        textbook.multiply([[1.0]], [1.0, 2.0])
        textbook.update_running([1.0], [1.0, 2.0])
        textbook.residual([[[[1.0]]]], [[[[1.0, 2.0]]]])
        textbook.convolve1d([[1.0]], [1.0])
        textbook.decay_signal([[1.0]])
        textbook.multiplication_count(3, (5, 5), 6, (2, 2), groups=2)
        textbook.local_response_norm([1.0])
        textbook.layer_norm([1.0], [1.0], [1.0])
        textbook.elu_gradient([1.0], [1.0, 2.0])
    """,
    "NameTakenError": """
        nn.Module.register_buffer(nn.ReLU(), "a.b", None)
    """,
    "GraphError": """
        mc.Tensor.register_hook(x, print)
        mc.Tensor.numpy(w[0])
        mc.Tensor.add_(w[0], 1)
        mc.Tensor.fill_(w[0], 1)
    """,
}


def given():
    """What the lines above work with."""
    weights = [mc.zeros(3, requires_grad=True)]
    return {
        **{"mc": mc, "nn": nn, "F": F, "optim": optim, "data": data, "models": models},
        **{"training": training, "textbook": textbook},
        "x": mc.tensor([1.0, 2.0, 3.0]),
        "i": mc.tensor([1, 2, 3]),
        "b": mc.tensor([True, False, True]),
        "m": mc.zeros(2, 3),
        "img": mc.zeros(2, 3, 8, 8),
        "e": mc.zeros(0),
        "w": weights,
        "sgd": optim.SGD(weights, lr=1),
    }


CASES = [(error, line) for error, lines in PROMISES.items() for line in lines.split("\n")[1:-1]]


@pytest.mark.parametrize(("error", "line"), CASES)
def test_errors_are_those_that_are_promised(error, line):
    line, names = line.strip(), given()
    with warnings.catch_warnings(), pytest.raises(Exception) as raised:
        warnings.simplefilter("ignore")
        eval(line, names)
    assert type(raised.value).__name__ == error
    thing = eval(re.match(r"[\w.]+", line)[0], names)  # whose docstring has to say so
    said = (thing.__doc__ or "") + (getattr(thing.__init__, "__doc__", None) or "")
    assert re.search(rf"\b{error}\b", said)


# What looks at its arguments only later, or at nothing: inside of ``with``, in MPI, when it runs.
LATER = {
    "minicnn.kernels", "minicnn.data.default_convert", "minicnn.distributed.complain",
    "minicnn.distributed.Communicator", "minicnn.models.MBConv", "minicnn.models.FusedMBConv",
    "minicnn.models.VGG",  # draws 100 million weights first
}  # fmt: skip


def needed(thing):
    """How many arguments have to be given."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        found = inspect.signature(thing).parameters.values()
    except ValueError:
        return 0
    return sum(p.default is p.empty and p.kind in kinds for p in found)


@pytest.mark.parametrize("name", sorted(set(NAMES) - LATER))
def test_nonsense_is_refused_as_the_docstring_says(name):
    """By a class that it names; or, where Python itself meets it, by Python's TypeError.

    A class may take anything as long as it is not used: PyTorch's layers do.
    """
    thing = NAMES[name]
    if not needed(thing) or (inspect.isclass(thing) and issubclass(thing, BaseException)):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thing(*[object()] * needed(thing))
    except Exception as error:
        classes = {c.__name__ for c in type(error).__mro__} - {"Exception", "object"}
        said = (thing.__doc__ or "") + (getattr(thing.__init__, "__doc__", None) or "")
        assert type(error) is TypeError or any(re.search(rf"\b{c}\b", said) for c in classes), error
    else:
        assert inspect.isclass(thing), "nonsense was taken"
