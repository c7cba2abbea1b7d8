"""Writing tensors, and nested structures of them, to files, and reading them back."""

from minicnn.serialization.atomic import atomic_write
from minicnn.serialization.container import load, save
