"""The networks, one file a family.

>>> model = get_model("lenet5", num_classes=10)
"""

from minicnn.models.lenet import LeNet5, lenet5
from minicnn.models.registry import get_model, get_model_builder, list_models
