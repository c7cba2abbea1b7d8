"""AlexNet's plan for images of 28 × 28: the network of the claims about it.

layer                          maps @ size
input                           1 @ 28 × 28
conv1 5×5, ReLU, (LRN), pool   24 @ 14 × 14
conv2 3×3, ReLU, (LRN), pool   48 @ 7 × 7
conv3 3×3, ReLU                64 @ 7 × 7
conv4 3×3, ReLU                64 @ 7 × 7
conv5 3×3, ReLU, pool          48 @ 4 × 4
fc6, ReLU, (dropout)          256
fc7, ReLU, (dropout)          128
fc8                            10
"""

import learning

import minicnn as mc
from minicnn import nn

# Krizhevsky, Sutskever & Hinton 2012: batches of 128, momentum 0.9, weight decay 5e-4.
RECIPE = {
    "batch_size": 64,
    "lr": 0.02,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "one-cycle",
}


class SmallAlexNet(nn.Module):
    """AlexNet in small.

    Args:
        overlapping: pool 3 × 3 at stride 2 (the paper's choice) instead of 2 × 2; the sizes after
            it are the same.
        lrn: local response normalisation after the first two convolutions.
        dropout: after both hidden fully connected layers.
        without: the number of a convolution to leave out, 3 or 5; None: none. (Without the fourth
            it would be the network without the third.)
    """

    def __init__(self, overlapping=True, lrn=True, dropout=0.5, without=None):
        super().__init__()
        maps = {1: (1, 24), 2: (24, 48), 3: (48, 64), 4: (64, 64), 5: (64, 48)}
        if without is not None:
            # The next layer takes what the one that is left out would have.
            following = without + 1
            if following in maps:
                maps[following] = maps[without][0], maps[following][1]
            del maps[without]
        layers = []
        for number, (before, after) in maps.items():
            size = 5 if number == 1 else 3
            layers += [nn.Conv2d(before, after, size, padding=size // 2), nn.ReLU()]
            if lrn and number <= 2:
                layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2))
            if number <= 2:
                layers.append(_pool(overlapping))
        layers.append(_pool(overlapping))
        self.features = nn.Sequential(*layers)
        last = maps[max(maps)][1]
        self.fc6, self.fc7 = nn.Linear(last * 4 * 4, 256), nn.Linear(256, 128)
        self.fc8 = nn.Linear(128, 10)
        self.relu, self.drop = nn.ReLU(), nn.Dropout(dropout)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.features(x).flatten(1)  # (N, 48, 4, 4) → (N, 768)
        x = self.drop(self.relu(self.fc6(x)))
        x = self.drop(self.relu(self.fc7(x)))  # (N, 128)
        return self.fc8(x)


def _pool(overlapping):
    return nn.MaxPool2d(3, 2, padding=1) if overlapping else nn.MaxPool2d(2, 2, ceil_mode=True)


def train(root, settings, checkpoint, transform=None, **options):
    """The trained network; with ``settings["augmentation"]`` its images are moved and mirrored."""
    mc.manual_seed(settings["seed"])
    network = SmallAlexNet(**options)
    train_set = learning.fashion(root, True, settings["images"])
    if transform is None and settings["augmentation"]:
        transform = learning.moved_and_mirrored()
    if transform is not None:
        train_set = learning.Varied(train_set, transform)
    history = learning.learn(network, train_set, settings, checkpoint)
    return network, history
