"""LeNet-5: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document
recognition", 1998, section II.B.

    layer      maps @ size                 parameters
    input       1 @ 32 × 32  (or 28 × 28 with 2 rows of padding)
    conv1 5×5   6 @ 28 × 28                       156
    pool1 2×2   6 @ 14 × 14                         0
    conv2 5×5  16 @ 10 × 10                     2,416
    pool2 2×2  16 @ 5 × 5                           0
    fc1       120                              48,120
    fc2        84                              10,164
    fc3        10                                 850
                                               61,706
"""

from minicnn import nn
from minicnn.checks import one_of
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build

_ACTIVATIONS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}
_POOLS = {"mean": nn.AvgPool2d, "max": nn.MaxPool2d}


class LeNet5(nn.Module):
    """LeNet-5 as the texts draw it: full connections from map to map, a softmax at the end.


    Shapes: (N, in_channels, 28, 28) → scores (N, num_classes).

    LeCun et al. 1998, section II.B.

    Args:
        num_classes: the number of outputs.
        activation: ``"tanh"`` (the paper's), ``"sigmoid"`` or ``"relu"``.
        pooling: ``"mean"`` (the paper's) or ``"max"``.
        padding: of the first convolution: 2 for images of 28 × 28, 0 for 32 × 32.
        in_channels: 1 for grey images.

    Raises:
        ArgumentError: another activation or pooling.
        ShapeError: called on images of other sizes or channels.

    >>> import minicnn as mc
    >>> sum(p.numel() for p in mc.models.lenet5().parameters())
    61706
    """

    def __init__(self, num_classes=10, activation="tanh", pooling="mean", padding=2, in_channels=1):
        super().__init__()
        self.in_channels = in_channels
        self.image_size = 32 - 2 * padding
        act = _ACTIVATIONS[one_of("LeNet5", "activation", activation, tuple(_ACTIVATIONS))]
        pool = _POOLS[one_of("LeNet5", "pooling", pooling, tuple(_POOLS))]
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=padding)
        self.act1 = act()
        self.pool1 = pool(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.act2 = act()
        self.pool2 = pool(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.act3 = act()
        self.fc2 = nn.Linear(120, 84)
        self.act4 = act()
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        check_images("LeNet5", x, self.in_channels, size=self.image_size)
        x = self.pool1(self.act1(self.conv1(x)))  # (N, 6, 14, 14)
        x = self.pool2(self.act2(self.conv2(x)))  # (N, 16, 5, 5)
        x = self.flatten(x)  # (N, 400)
        x = self.act3(self.fc1(x))  # (N, 120)
        x = self.act4(self.fc2(x))  # (N, 84)
        return self.fc3(x)  # (N, num_classes)


@register
def lenet5(*, weights=None, progress=True, **options):
    """LeNet-5; `weights` may be a file of weights, the `options` are those of `LeNet5`.

    61,706 parameters. LeCun et al. 1998, section II.B.
    """
    return build(LeNet5, "lenet5", weights, progress, **options)
