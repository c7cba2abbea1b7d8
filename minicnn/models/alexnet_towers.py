"""AlexNet's two towers on two GPUs, as in Krizhevsky, Sutskever & Hinton 2012, section 3.2 and
figure 2: each GPU holds half of the maps of every convolution.

`AlexNetPaper` with ``groups=2`` is the same function on one device. What towers tell each other:

    norm1, norm2   the two maps at the seam, for windows of five maps that reach across it
    conv3          all maps of the other tower
    fc6            all maps; the fully connected layers are on the first device
"""

from minicnn import nn
from minicnn.checks import ArgumentError
from minicnn.device import as_device
from minicnn.functions.shaping import cat
from minicnn.models.alexnet import AlexNetPaper
from minicnn.models.inputs import check_images

REACH = 2  # how many maps to either side a window of local response normalisation sees


class AlexNetTowers(nn.Module):
    """`AlexNetPaper` with two towers, each on a device of its own; minicnn's own.


    Shapes: (N, 3, 227, 227), on any device → scores (N, num_classes), on the first. The initial
    values are those of ``AlexNetPaper(groups=2)`` with the same seed; `take` copies its weights.

    Args:
        num_classes, padding, dropout: as `AlexNetPaper`.
        devices: of the first and the second tower.

    Raises:
        DeviceError: a device that is not there. ArgumentError: not two devices.

    >>> towers = AlexNetTowers(num_classes=10, devices=("cpu", "cpu"))
    >>> sum(p.numel() for p in towers.parameters())
    56909194
    """

    def __init__(self, num_classes=1000, padding=0, dropout=0.5, devices=("cuda:0", "cuda:1")):
        super().__init__()
        if isinstance(devices, str) or len(devices) != 2:
            raise ArgumentError(f"AlexNetTowers: devices must be two, got {devices!r}")
        self.devices = tuple(as_device(d) for d in devices)
        whole = AlexNetPaper(num_classes, 2, padding, dropout)
        self.image_size = whole.image_size
        self.towers = nn.ModuleList([_Tower(padding), _Tower(padding)])
        self.classifier = whole.classifier.to(self.devices[0])
        for tower, device in zip(self.towers, self.devices, strict=True):
            tower.to(device)
        self.take(whole)

    def take(self, whole):
        """Copy the weights of an `AlexNetPaper` with ``groups=2``; returns the network itself."""
        for name, conv in whole.features.named_children():
            if isinstance(conv, nn.Conv2d):
                half = conv.out_channels // 2
                for tower, part in zip(self.towers, (slice(half), slice(half, None)), strict=True):
                    own = getattr(tower, name)
                    own.weight.detach().copy_(conv.weight.detach()[part])
                    own.bias.detach().copy_(conv.bias.detach()[part])
        self.classifier.load_state_dict(whole.classifier.state_dict())
        return self

    def forward(self, x):
        check_images("AlexNetTowers", x, 3, size=self.image_size)
        pairs = list(zip(self.towers, self.devices, strict=True))
        maps = [tower.relu(tower.conv1(x.to(device))) for tower, device in pairs]
        maps = [tower.pool(m) for tower, m in zip(self.towers, self._normalised(maps), strict=True)]
        maps = [t.relu(t.conv2(m)) for t, m in zip(self.towers, maps, strict=True)]
        maps = [tower.pool(m) for tower, m in zip(self.towers, self._normalised(maps), strict=True)]
        maps = [t.rest(cat([m.to(d) for m in maps], 1)) for t, d in pairs]
        x = cat([m.to(self.devices[0]) for m in maps], 1)  # (N, 256, 6, 6)
        return self.classifier(x.flatten(1))

    def _normalised(self, maps):
        """Each tower's maps, normalised with the neighbours that the other one lends."""
        first, second = maps
        before, after = second[:, :REACH].to(first.device), first[:, -REACH:].to(second.device)
        left = self.towers[0].norm(cat([first, before], 1))[:, :-REACH]
        return left, self.towers[1].norm(cat([after, second], 1))[:, REACH:]


class _Tower(nn.Module):
    """Half of the maps of all convolutions."""

    def __init__(self, padding):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 48, kernel_size=11, stride=4, padding=padding)
        self.conv2 = nn.Conv2d(48, 128, kernel_size=5, padding=2)
        self.conv3 = nn.Conv2d(256, 192, kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(192, 192, kernel_size=3, padding=1)
        self.conv5 = nn.Conv2d(192, 128, kernel_size=3, padding=1)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2)
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)

    def rest(self, x):
        """From the third convolution, which sees the maps of both towers, to the last pooling."""
        x = self.relu(self.conv3(x))
        x = self.relu(self.conv4(x))
        return self.pool(self.relu(self.conv5(x)))
