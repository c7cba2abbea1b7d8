"""Data: data sets, their transforms, and the loader that makes batches of them.

The names are those of ``torch.utils.data`` and of torchvision's data sets, and mean the same. A
wrong argument raises `ArgumentError` or `DtypeError`, an index that is not there
`IndexRangeError`; files that are missing or damaged have errors of their own, which name them.

>>> from minicnn import data
>>> digits = data.BundledMNIST(transform=data.transforms.ToTensor())
>>> images, labels = next(iter(data.DataLoader(digits, batch_size=64)))
>>> images.shape, labels.shape
((64, 1, 28, 28), (64,))
"""

from minicnn.data import transforms
from minicnn.data.cifar import CIFAR10, CIFAR100
from minicnn.data.collate import default_collate, default_convert
from minicnn.data.datasets import ConcatDataset, Dataset, Subset, TensorDataset
from minicnn.data.device_loader import DeviceLoader, on_device
from minicnn.data.download import DownloadError
from minicnn.data.folder import CorruptImageError, DatasetFolder, ImageFolder
from minicnn.data.idx import read_idx, write_idx
from minicnn.data.labelled_images import LabelledImages
from minicnn.data.loader import DataLoader
from minicnn.data.loading import WorkerError, WorkerInfo, get_worker_info
from minicnn.data.mnist import MNIST, BundledMNIST, FashionMNIST, MissingFilesError
from minicnn.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from minicnn.data.splits import random_split, stratified_split
from minicnn.data.stored import StoredDataset, stored
