"""What the frozen part of a network gives for each sample, computed once and kept on disk.

A frozen part gives the same activations for the same image in every epoch. Where it is the
beginning of the network, they take the place of the images, and only the rest runs.
"""

from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import Dataset, stored
from minicnn.functions.shaping import stack
from minicnn.modes import no_grad
from minicnn.tensor import Tensor
from minicnn.training.transfer.freezing import is_frozen
from minicnn.training.transfer.stages import stages


def split(model):
    """Cut a network behind the last of its frozen first stages.

    minicnn's own.

    Args:
        model: a network with known `stages`, the first of them frozen.

    Returns:
        (frozen, rest): two modules, one after the other the network. They share its layers: what
        `rest` learns the model has learnt.

    Raises:
        ArgumentError: the first stage is not frozen, or all are; the stages are not known; there
            are auxiliary heads beside them.
        DtypeError: not a module.

    >>> import minicnn as mc
    >>> from minicnn.training import transfer
    >>> model = transfer.freeze(mc.models.lenet5(), first=2)
    >>> frozen, rest = split(model)
    >>> x = mc.randn(3, 1, 28, 28)
    >>> frozen(x).shape, mc.equal(rest(frozen(x)), model(x))
    ((3, 400), True)
    """
    name = type(model).__name__
    parts = stages(model)
    if getattr(model, "aux_logits", False):
        raise ArgumentError(
            f"split: {name} has auxiliary heads, which look at maps in its middle; with "
            "model.aux_logits = False it is trained without them"
        )
    modules = list(parts.values())
    count = next((i for i, m in enumerate(modules) if not is_frozen(m)), len(modules))
    if not 0 < count < len(modules):
        which = "no stage is frozen" if not count else "all stages are frozen"
        if not count and any(is_frozen(m) for m in modules):
            which = "the first stage is not frozen"
        raise ArgumentError(
            f"split: of {name} {which}; transfer.freeze(model, first=n) freezes n of "
            f"{', '.join(parts)}"
        )
    return nn.Sequential(*modules[:count]), nn.Sequential(*modules[count:])


def activations(frozen, dataset, folder, **options):
    """A data set of what `frozen` gives for the samples of `dataset`, from files in `folder`.

    They are computed now if they are not there yet, as by `minicnn.data.stored`: with progress, to
    be interrupted and gone on with. They are computed anew, into other files, when a weight of
    `frozen` is another one, a layer, the data, their transform, or a dtype.

    minicnn's own.

    Args:
        frozen: the first part of a network, as `split` gives it.
        dataset: samples (input, …), such as (image, label); the input is a tensor of the shape that
            `frozen` takes, without N.
        folder: where to keep the files.
        **options: those of `minicnn.data.stored`; with a random transform, `copies` says how many
            faces each image gets.

    Returns:
        A `StoredDataset` of samples (activation, …), with the targets and classes of `dataset`.

    Raises:
        ArgumentError: `frozen` holds parameters that are not frozen; an empty data set.
        DtypeError: samples of another kind.
        ShapeError: inputs of different shapes.
        OSError: as the system reports it.

    >>> import tempfile
    >>> from minicnn import data, models
    >>> from minicnn.training import transfer
    >>> frozen, rest = split(transfer.freeze(models.lenet5(), first=2))
    >>> digits = data.Subset(data.BundledMNIST(transform=data.transforms.ToTensor()), range(20))
    >>> kept = activations(frozen, digits, tempfile.mkdtemp(), progress=False)
    >>> len(kept), kept[0][0].shape
    (20, (400,))
    """
    if not isinstance(frozen, nn.Module):
        raise DtypeError(f"activations: frozen must be a Module, got {type(frozen).__name__}")
    trained = [name for name, p in frozen.named_parameters() if p.requires_grad]
    if trained:
        raise ArgumentError(
            f"activations: {trained[0]} is not frozen, so its activations would change while it is "
            "trained; transfer.freeze(model, …) freezes, transfer.split(model) gives the part"
        )
    return stored(_Activations(frozen, dataset), folder, **options)


class _Activations(Dataset):
    """The same, computed whenever a sample is asked for."""

    def __init__(self, frozen, dataset):
        self.frozen, self.dataset = frozen.eval(), dataset
        for name in ("targets", "classes"):
            if hasattr(dataset, name):
                setattr(self, name, getattr(dataset, name))

    def fingerprint(self):
        return [self.frozen, self.dataset]

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        samples = [self._sample(index) for index in indices]
        inputs = [sample[0] for sample in samples]
        if len({x.shape for x in inputs}) > 1:
            shapes = ", ".join(str(shape) for shape in dict.fromkeys(x.shape for x in inputs))
            raise ShapeError(
                f"activations: the inputs differ in shape: {shapes}; a transform such as Resize or "
                "a crop makes them alike"
            )
        with no_grad():
            given = self.frozen(stack(inputs)).array
        return [(Tensor(one.copy()), *rest) for one, (_, *rest) in zip(given, samples, strict=True)]

    def _sample(self, index):
        sample = self.dataset[index]
        if not isinstance(sample, (tuple, list)) or not sample or not isinstance(sample[0], Tensor):
            raise DtypeError(
                f"activations: sample {index} must be a tuple of an input, a tensor, and what "
                "belongs to it, such as (image, label); a transform such as ToTensor() makes "
                f"tensors of images. It is a {type(sample).__name__}"
            )
        return sample
