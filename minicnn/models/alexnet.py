"""AlexNet: Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional neural
networks", 2012, section 3; and the one that torchvision has under this name, which follows
Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.

`AlexNetPaper`; the convolutions 2, 4 and 5 of the paper see one half of the maps, that of their own
GPU (``groups=2``); 650,000 neurons in round numbers, by this table 659,272:

    layer                            maps @ size    parameters   two towers
    input                              3 @ 227 × 227  (or 224 × 224 with 2 rows of padding)
    conv1 11×11, stride 4             96 @ 55 × 55       34,944
    ReLU, LRN, pool 3×3, stride 2     96 @ 27 × 27
    conv2 5×5                        256 @ 27 × 27      614,656      307,456
    ReLU, LRN, pool 3×3, stride 2    256 @ 13 × 13
    conv3 3×3, ReLU                  384 @ 13 × 13      885,120
    conv4 3×3, ReLU                  384 @ 13 × 13    1,327,488      663,936
    conv5 3×3, ReLU                  256 @ 13 × 13      884,992      442,624
    pool 3×3, stride 2               256 @ 6 × 6 = 9216
    fc6, ReLU, dropout              4096             37,752,832
    fc7, ReLU, dropout              4096             16,781,312
    fc8                             1000              4,097,000
                                                     62,378,344   60,965,224

`AlexNet`, torchvision's: one tower, fewer maps, no LRN, dropout before the hidden layers:

    layer                            maps @ size    parameters
    input                              3 @ 224 × 224  (63 × 63 and more)
    conv 11×11, stride 4, ReLU        64 @ 55 × 55       23,296
    pool 3×3, stride 2                64 @ 27 × 27
    conv 5×5, ReLU                   192 @ 27 × 27      307,392
    pool 3×3, stride 2               192 @ 13 × 13
    conv 3×3, ReLU                   384 @ 13 × 13      663,936
    conv 3×3, ReLU                   256 @ 13 × 13      884,992
    conv 3×3, ReLU                   256 @ 13 × 13      590,080
    pool 3×3, stride 2               256 @ 6 × 6
    mean pool to 6 × 6               256 @ 6 × 6 = 9216
    dropout, fully connected, ReLU  4096             37,752,832
    dropout, fully connected, ReLU  4096             16,781,312
    fully connected                 1000              4,097,000
                                                     61,100,840
"""

from minicnn import nn
from minicnn.checks import one_of
from minicnn.models.inputs import check_images
from minicnn.models.registry import register
from minicnn.models.weights import build


class AlexNet(nn.Module):
    """torchvision's AlexNet.


    Shapes: (N, 3, H, W), H and W at least 63 → scores (N, num_classes).

    Krizhevsky 2014, as in torchvision.

    Args:
        num_classes: the number of outputs.
        dropout: the share of inputs that the two hidden fully connected layers lose in training.

    Raises:
        ShapeError: called on smaller images, or other channels.

    >>> import minicnn as mc
    >>> len(mc.models.AlexNet(num_classes=10).features)
    13
    """

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        check_images("AlexNet", x, self.features[0].in_channels, smallest=63)
        x = self.avgpool(self.features(x))  # (N, 256, 6, 6)
        return self.classifier(x.flatten(1))  # (N, 9216) → (N, num_classes)


class AlexNetPaper(nn.Module):
    """The AlexNet of 2012: normalisation across maps, pools that overlap, one tower or two.


    Shapes: (N, 3, 227, 227) → scores (N, num_classes).
    Initial values, section 5: weights normal with deviation 0.01; biases 1 in the convolutions 2, 4
    and 5 and in the hidden fully connected layers, whose ReLUs so begin with something to pass on,
    0 elsewhere.

    Args:
        num_classes: the number of outputs.
        groups: 2 for the paper's two towers, each on a GPU of its own, which meet only in the third
            convolution and in the fully connected layers; 1 for one tower.
        padding: of the first convolution: 0 for images of 227 × 227, 2 for 224 × 224. The paper
            says 224 and means one that gives 55 × 55.
        dropout: the share of outputs that the two hidden fully connected layers lose in training.

    Raises:
        ArgumentError: other groups than 1 and 2, or another padding than 0 and 2.
        ShapeError: called on images of another size, or other channels.

    >>> import minicnn as mc
    >>> mc.models.AlexNetPaper(num_classes=10, groups=2).classifier[-1].out_features
    10
    """

    def __init__(self, num_classes=1000, groups=1, padding=0, dropout=0.5):
        super().__init__()
        one_of("AlexNetPaper", "groups", groups, (1, 2))
        self.image_size = 227 - (3 if one_of("AlexNetPaper", "padding", padding, (0, 2)) else 0)
        self.features = nn.Sequential(
            {
                "conv1": nn.Conv2d(3, 96, kernel_size=11, stride=4, padding=padding),
                "relu1": nn.ReLU(),
                "norm1": _normalisation(),
                "pool1": nn.MaxPool2d(kernel_size=3, stride=2),
                "conv2": nn.Conv2d(96, 256, kernel_size=5, padding=2, groups=groups),
                "relu2": nn.ReLU(),
                "norm2": _normalisation(),
                "pool2": nn.MaxPool2d(kernel_size=3, stride=2),
                "conv3": nn.Conv2d(256, 384, kernel_size=3, padding=1),
                "relu3": nn.ReLU(),
                "conv4": nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=groups),
                "relu4": nn.ReLU(),
                "conv5": nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=groups),
                "relu5": nn.ReLU(),
                "pool5": nn.MaxPool2d(kernel_size=3, stride=2),
            }
        )
        self.classifier = nn.Sequential(
            {
                "fc6": nn.Linear(256 * 6 * 6, 4096),
                "relu6": nn.ReLU(),
                "drop6": nn.Dropout(dropout),
                "fc7": nn.Linear(4096, 4096),
                "relu7": nn.ReLU(),
                "drop7": nn.Dropout(dropout),
                "fc8": nn.Linear(4096, num_classes),
            }
        )
        for name, layer in self.named_modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(layer.weight, std=0.01)
                ones = name.endswith(("conv2", "conv4", "conv5", "fc6", "fc7"))
                nn.init.constant_(layer.bias, 1 if ones else 0)

    def forward(self, x):
        check_images("AlexNetPaper", x, self.features.conv1.in_channels, size=self.image_size)
        x = self.features(x)  # (N, 256, 6, 6)
        return self.classifier(x.flatten(1))  # (N, 9216) → (N, num_classes)


def _normalisation():
    """Section 3.3: n = 5, k = 2, α = 10⁻⁴, β = 0.75; `LocalResponseNorm` divides its alpha by n."""
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)


@register
def alexnet(*, weights=None, progress=True, **options):
    """torchvision's AlexNet; `weights` may be a file; the `options` are those of `AlexNet`.

    61,100,840 parameters. Krizhevsky 2014, "One weird trick"; torchvision's ``alexnet``.
    """
    return build(AlexNet, "alexnet", weights, progress, **options)


@register
def alexnet_paper(*, weights=None, progress=True, **options):
    """The AlexNet of the paper; `weights` may be a file; `options` as `AlexNetPaper`.

    62,378,344 parameters. Krizhevsky, Sutskever & Hinton 2012, section 3.
    """
    return build(AlexNetPaper, "alexnet_paper", weights, progress, **options)
