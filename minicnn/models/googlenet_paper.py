"""GoogLeNet as its paper has it: Szegedy et al., "Going deeper with convolutions", 2014: table 1,
figure 3, and section 5 for the auxiliary heads.

    layer           maps @ size        of the branches 1×1 · 3×3 · 5×5 · pool         parameters
    input              3 @ 224 × 224
    conv1 7×7/2       64 @ 112 × 112                                                       9,536
    maxpool1 3×3/2    64 @ 56 × 56      then local response normalisation
    conv2 1×1         64 @ 56 × 56                                                         4,224
    conv3 3×3        192 @ 56 × 56      then local response normalisation                110,976
    maxpool2 3×3/2   192 @ 28 × 28
    inception3a      256 @ 28 × 28      64 ·  96→128 · 16→ 32 ·  32                      164,064
    inception3b      480 @ 28 × 28     128 · 128→192 · 32→ 96 ·  64                      389,376
    maxpool3 3×3/2   480 @ 14 × 14
    inception4a      512 @ 14 × 14     192 ·  96→208 · 16→ 48 ·  64                      376,800
    inception4b      512 @ 14 × 14     160 · 112→224 · 24→ 64 ·  64                      449,808
    inception4c      512 @ 14 × 14     128 · 128→256 · 24→ 64 ·  64                      510,768
    inception4d      528 @ 14 × 14     112 · 144→288 · 32→ 64 ·  64                      606,080
    inception4e      832 @ 14 × 14     256 · 160→320 · 32→128 · 128                      869,376
    maxpool4 3×3/2   832 @ 7 × 7
    inception5a      832 @ 7 × 7       256 · 160→320 · 32→128 · 128                    1,044,480
    inception5b     1024 @ 7 × 7       384 · 192→384 · 48→128 · 128                    1,445,344
    avgpool 7×7     1024 @ 1 × 1        then dropout 0.4
    fc              1000                                                               1,025,000
                                                                                       7,005,832
    aux1, aux2      1000 each, from the maps of 4a and 4d, in training only            6,379,984
                                                                                      13,385,816

A head: mean pooling 5×5/3 (14 × 14 → 4 × 4) → 1×1 convolution to 128 maps (2048 numbers) → 1024 →
dropout 0.7 → scores. Its loss counts 0.3 (see `auxiliary_loss`).

The counts are those with batch norm in place of the convolutions' biases, the default here;
``batch_norm=False`` is the network of 2014, which is older than batch norm.
"""

from minicnn import nn
from minicnn.checks import ShapeError
from minicnn.functions.shaping import flatten
from minicnn.models.googlenet import MODULES, GoogLeNetOutputs
from minicnn.models.inception_parts import BasicConv2d, Branches
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build
from minicnn.nn import functional as F
from minicnn.nn import init

SMALLEST = 31  # with it, maxpool4 receives 2 × 2, the least that a window of 3 may begin with
# With these, the heads receive 14 × 14 to 16 × 16 maps, which they pool to the 4 × 4 they need.
SMALLEST_IN_TRAINING, LARGEST_IN_TRAINING = 223, 270


class ConvReLU(nn.Module):
    """Convolution with a bias → ReLU, as in 2014; `options` are those of `Conv2d`."""

    def __init__(self, in_channels, out_channels, **options):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, **options)

    def forward(self, x):
        return F.relu(self.conv(x))


class PaperInception(Branches):
    """The Inception module with dimension reductions (figure 2b).

    Args:
        in_channels: the maps that come in.
        ch1x1, ch3x3, ch5x5: the maps of the three kernels.
        ch3x3red, ch5x5red: the maps left by the 1×1 convolutions before 3×3 and 5×5.
        pool_proj: the maps left by the 1×1 convolution behind the pool.
        unit: the class of a convolution with what follows it.
    """

    def __init__(
        self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, unit=ConvReLU
    ):  # fmt: skip
        super().__init__()
        self.branch1 = unit(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            unit(in_channels, ch3x3red, kernel_size=1),
            unit(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            unit(in_channels, ch5x5red, kernel_size=1),
            unit(ch5x5red, ch5x5, kernel_size=5, padding=2),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            unit(in_channels, pool_proj, kernel_size=1),
        )


class NaiveInception(Branches):
    """The Inception module without the 1×1 reductions (figure 2a), to compare its cost.

    The pool hands on all the maps it receives, so that modules grow from one to the next:
    (N, in_channels, H, W) → (N, ch1x1 + ch3x3 + ch5x5 + in_channels, H, W).

    Szegedy et al. 2014.

    Args:
        in_channels: the maps it reads.
        ch1x1, ch3x3, ch5x5: the maps of its branches.

    Raises:
        ShapeError: called on other shapes.
        DtypeError: numbers of maps that are no integers.

    >>> import minicnn as mc
    >>> NaiveInception(192, 64, 128, 32)(mc.zeros(1, 192, 28, 28)).shape
    (1, 416, 28, 28)
    """

    def __init__(self, in_channels, ch1x1, ch3x3, ch5x5):
        super().__init__()
        self.branch1 = ConvReLU(in_channels, ch1x1, kernel_size=1)
        self.branch2 = ConvReLU(in_channels, ch3x3, kernel_size=3, padding=1)
        self.branch3 = ConvReLU(in_channels, ch5x5, kernel_size=5, padding=2)
        self.branch4 = nn.MaxPool2d(3, stride=1, padding=1)


class PaperInceptionAux(nn.Module):
    """An auxiliary head (section 5)."""

    def __init__(self, in_channels, num_classes, dropout=0.7, unit=ConvReLU):
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv = unit(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x):
        x = self.conv(self.pool(x))  # (N, 128, 4, 4)
        x = F.relu(self.fc1(flatten(x, 1)))  # (N, 1024)
        return self.fc2(self.dropout(x))


class GoogLeNetPaper(nn.Module):
    """GoogLeNet with true 5×5 kernels and local response normalisation.

    The paper gives neither the constants of the normalisation, which are AlexNet's here, nor how
    weights begin: as in the version published with Caffe, with Glorot's uniform distribution and
    biases of 0.2 (of 0 where scores are computed).


    Shapes: (N, 3, 224, 224), at least 31 × 31 → scores (N, num_classes). In training, with heads,
    `GoogLeNetOutputs`, from images of 223 … 270 pixels a side: others do not pool to 4 × 4.

    Szegedy et al. 2014.

    Args:
        num_classes: the number of outputs.
        aux_logits: whether there are auxiliary heads.
        dropout, dropout_aux: of the last layer, and of the heads.
        batch_norm: batch norm behind every convolution in place of its bias: 13,385,816 parameters.
            False is the network of 2014: 13,378,280.

    Raises:
        ShapeError: called on images of other sizes, or other channels.

    >>> GoogLeNetPaper(num_classes=10, aux_logits=False).fc.in_features
    1024
    """

    def __init__(
        self, num_classes=1000, aux_logits=True, dropout=0.4, dropout_aux=0.7, batch_norm=True
    ):  # fmt: skip
        super().__init__()
        self.aux_logits = aux_logits
        unit = BasicConv2d if batch_norm else ConvReLU
        self.conv1 = unit(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
        self.conv2 = unit(64, 64, kernel_size=1)
        self.conv3 = unit(64, 192, kernel_size=3, padding=1)
        self.norm2 = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = PaperInception(*MODULES["inception3a"], unit)
        self.inception3b = PaperInception(*MODULES["inception3b"], unit)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = PaperInception(*MODULES["inception4a"], unit)
        self.inception4b = PaperInception(*MODULES["inception4b"], unit)
        self.inception4c = PaperInception(*MODULES["inception4c"], unit)
        self.inception4d = PaperInception(*MODULES["inception4d"], unit)
        self.inception4e = PaperInception(*MODULES["inception4e"], unit)
        self.maxpool4 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception5a = PaperInception(*MODULES["inception5a"], unit)
        self.inception5b = PaperInception(*MODULES["inception5b"], unit)
        self.aux1 = PaperInceptionAux(512, num_classes, dropout_aux, unit) if aux_logits else None
        self.aux2 = PaperInceptionAux(528, num_classes, dropout_aux, unit) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        for name, module in self.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    init.constant_(module.bias, 0.0 if name.endswith(("fc", "fc2")) else 0.2)

    def forward(self, x):
        with_heads = self.training and self.aux_logits
        if with_heads:
            _check_for_heads(x)
        else:
            check_images("GoogLeNetPaper", x, 3, SMALLEST)
        x = self.norm1(self.maxpool1(self.conv1(x)))  # (N, 64, 56, 56)
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))  # (N, 192, 28, 28)
        x = self.inception3b(self.inception3a(x))  # (N, 480, 28, 28)
        x = self.inception4a(self.maxpool3(x))  # (N, 512, 14, 14)
        scores1 = self.aux1(x) if with_heads else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))  # (N, 528, 14, 14)
        scores2 = self.aux2(x) if with_heads else None
        x = self.maxpool4(self.inception4e(x))  # (N, 832, 7, 7)
        x = self.inception5b(self.inception5a(x))  # (N, 1024, 7, 7)
        x = self.dropout(flatten(self.avgpool(x), 1))  # (N, 1024)
        x = self.fc(x)  # (N, num_classes)
        return GoogLeNetOutputs(x, scores2, scores1) if with_heads else x


def _check_for_heads(x):
    """Refuse images whose maps the heads cannot pool to 4 × 4."""
    low, high, without = SMALLEST_IN_TRAINING, LARGEST_IN_TRAINING, f"{SMALLEST} × {SMALLEST}"
    check_images(f"GoogLeNetPaper in training with its heads (without: {without})", x, 3, low)
    if max(x.shape[2:]) > high:
        raise ShapeError(
            f"GoogLeNetPaper: in training the auxiliary heads need images of {low} to {high} "
            f"pixels a side, got {x.shape[2]} × {x.shape[3]}; F.interpolate(x, {high}) makes them "
            "smaller. With aux_logits=False there are no heads, and no such limit"
        )


@register
def googlenet_paper(*, weights=None, progress=True, **options):
    """The paper's GoogLeNet; `weights` may be a file, the `options` are those of the class.

    13,385,816 parameters. Szegedy et al. 2014, table 1.
    """
    return build(GoogLeNetPaper, "googlenet_paper", weights, progress, **options)
