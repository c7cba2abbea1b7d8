"""Statements that circulate in texts on convolutional networks in a wrong form, and the right one.

Each has a test of its name, ``test_slip_…``, that computes both.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """One statement that is easily got wrong; every field is a string.

    name:       a short name of the subject.
    equation:   the key of the equation it is about.
    circulates: the wrong form, as one meets it.
    right:      what holds.

    It checks nothing: nothing is raised.

    >>> from minicnn import equations
    >>> print(equations.slips[0].name, equations.slips[0].equation)
    wide-correlation-commutes wide-swap
    """

    name: str
    equation: str
    circulates: str
    right: str


slips = (
    Slip(
        "wide-correlation-commutes",
        "wide-swap",
        circulates="wide cross-correlation commutes: W ⊗~ X = X ⊗~ W",
        right="convolution ∗ does; cross-correlation gives the other result rotated: "
        "W ⊗~ X = rot180(X ⊗~ W), so that rot180(W) ⊗~ X = rot180(X) ⊗~ W",
    ),
    Slip(
        "input-derivative-from-itself",
        "1.9",
        circulates="∂f/∂X = rot180(W) ⊗~ (∂f/∂X), with the result on the right-hand side as well",
        right="the right-hand sides hold ∂f/∂Y: ∂f/∂X = rot180(W) ⊗~ (∂f/∂Y)",
    ),
    Slip(
        "sums-over-the-image",
        "1.5",
        circulates="the sums of convolution and cross-correlation run to M and N, the image's size",
        right="they run to m and n: a kernel of m×n weights gives a sum of m·n terms",
    ),
    Slip(
        "slope-of-the-map-above",
        "1.16",
        circulates="the error of map d below a convolution takes the slope f'(Z^(l,p)), with p the "
        "number of a map above",
        right="f'(Z^(l,d)), the slope of the map that the error arrives at; it stands before the "
        "sum over p",
    ),
    Slip(
        "transposed-example-repeats-a-weight",
        "conv-transpose",
        circulates="in the example x ∈ R⁵, z ∈ R³ the filter is w = [w1, w2, w2]",
        right="w = [w1, w2, w3]: each row of the 3×5 matrix C holds three different weights",
    ),
    Slip(
        "compound-scaling-keeps-the-cost",
        "compound-scaling",
        circulates="EfficientNet chooses α · β² · γ² ≈ 1",
        right="≈ 2: the cost doubles with every step of φ; α = 1.2, β = 1.1, γ = 1.15 give 1.92",
    ),
    Slip(
        "bottleneck-multiplications",
        "conv-cost",
        circulates="with a 1×1 bottleneck of 16 maps a 5×5 convolution of 192 maps of 28×28 to 32 "
        "takes about 12.04 million multiplications",
        right="2,408,448 + 10,035,200 = 12,443,648; without the bottleneck 120,422,400",
    ),
    Slip(
        "inception-branches",
        "concatenate",
        circulates="an Inception block ends in torch.cat(branches), its 3×3 and 5×5 convolutions "
        "without padding, each reading as many maps as the block does",
        right="torch.cat(branches, dim=1), padding 1 and 2, and the second convolution of a branch "
        "reads what the 1×1 convolution before it left",
    ),
    Slip(
        "dropout-evaluation-factor",
        "dropout",
        circulates="classic dropout multiplies by p when evaluating, p being the probability of "
        "dropping",
        right="by the keep probability 1 − p, the mean of what training let through",
    ),
    Slip(
        "dropped-weights",
        "dropout",
        circulates="dropout sets weights to 0",
        right="it sets activations to 0, for one sample and one step; the weights stay",
    ),
    Slip(
        "alexnet-input-size",
        "conv-size",
        circulates="AlexNet's first layer takes 224×224 to 55×55 without padding",
        right="227×227 without padding, or 224×224 with padding 2; 224 without padding gives 54, "
        "and 5×5 rather than 6×6 at the end",
    ),
    Slip(
        "vgg-flattened-size",
        "parameter-count",
        circulates="VGG's last maps, 7×7×512, are flattened to 4096 values",
        right="to 25,088 values, which a fully connected layer takes to 4096",
    ),
    Slip(
        "batch-norm-in-evaluation",
        "bn",
        circulates="batch normalisation is used in training only",
        right="it always normalises: with the batch's statistics in training, with the running "
        "ones in evaluation",
    ),
    Slip(
        "auxiliary-head-size",
        "conv-size",
        circulates="the maps that GoogLeNet's auxiliary head flattens are 128×14×14",
        right="pooled to 4×4 first (5×5, stride 3): 128×4×4 = 2048, then 1024, then the classes",
    ),
    Slip(
        "lrn-columns",
        "lrn",
        circulates="the N of local response normalisation is the number of columns",
        right="the number of channels: the sum runs over neighbouring maps at one position",
    ),
    Slip(
        "a-thousand-layers",
        "residual",
        circulates="with residual blocks 1000 layers do as well as any; or: at 1000 layers "
        "degradation is back",
        right="they train: 1202 layers reach a training error below 0.1 %. Their test error, 7.93 "
        "%, is worse than that of 110 layers, 6.43 %: that is overfitting, not degradation, which "
        "shows in the training error",
    ),
    Slip(
        "depthwise-separable-cost",
        "depthwise-cost",
        circulates="a depthwise separable convolution takes 31 % of a full one's multiplications",
        right="1/n_out + 1/f²: 31 % at f = 3 and n_out = 5 only; towards 1/9 as n_out grows",
    ),
)
