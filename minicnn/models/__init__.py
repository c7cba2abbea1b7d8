"""The networks, one file a family."""

from minicnn.models.lenet import LeNet5, lenet5
