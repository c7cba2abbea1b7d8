"""How good a network is: its loss, its top-1 and top-5 accuracy, and what it takes for what."""

from dataclasses import dataclass

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, integer
from minicnn.distributed import world
from minicnn.distributed.data_parallel import broadcast_tensors
from minicnn.functions.elementwise import softmax
from minicnn.functions.ordering import topk
from minicnn.modes import no_grad
from minicnn.nn import functional as F
from minicnn.nn.module import Module
from minicnn.training.ranks import borrowed_streams, every, generators_of


@dataclass
class Evaluation:
    """What `evaluate` found.

    minicnn's own; it only holds what was found, and raises nothing.

    Attributes:
        loss: the mean over all samples.
        top: for each k the share of samples whose class is among the k highest scores.
        accuracy: ``top[1]``.
        confusion: an array (classes, classes) of int64: how often class i was taken for class j.
        targets, predicted: for each sample its class and that of the highest score.
        confidence: for each sample the probability of the class predicted.
    """

    loss: float
    top: dict
    confusion: np.ndarray
    targets: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray

    @property
    def accuracy(self):
        """The share of samples whose class had the highest score: ``top[1]``."""
        return self.top[1]


@no_grad()
def evaluate(model, loader, loss_function=None, *, top=(1, 5), prepare=None):
    """Let a network classify all samples of a loader, in evaluation mode.

    On several ranks all must call it. They share the batches, use the buffers of rank 0, and all
    get the result that one rank alone would.

    minicnn's own; top-5 accuracy is that of Russakovsky et al. 2015.

    Args:
        model: gives scores of shape (N, C); its training mode is put back afterwards.
        loader: gives batches (inputs, targets), targets the classes, shape (N).
        loss_function: a function of scores and targets → the mean loss; default: cross-entropy.
        top: the k of the top-k accuracies; 1 is always among them. A k above C counts every answer
            as right.
        prepare: a function that inputs go through first.

    Returns:
        An `Evaluation`.

    Raises:
        ArgumentError: no batches; scores that are not of shape (N, C).
        IndexRangeError: a label that the network has no output for.
        DtypeError: not a module.

    >>> import minicnn as mc
    >>> from minicnn import nn
    >>> scores = mc.tensor([[3.0, 1, 0], [0.0, 1, 2], [5.0, 4, 3]])
    >>> found = evaluate(nn.Identity(), [(scores, mc.tensor([0, 2, 1]))], top=(1, 2))
    >>> found.top
    {1: 0.6666666666666666, 2: 1.0}
    >>> found.confusion
    array([[1, 0, 0],
           [1, 0, 0],
           [0, 0, 1]])
    """
    if not isinstance(model, Module):
        raise DtypeError(f"evaluate: model must be a Module, got {type(model).__name__}")
    top = tuple(dict.fromkeys((1, *tops("evaluate", top))))
    ranks = world()
    if ranks.size > 1:
        broadcast_tensors(ranks, model.buffers(), "buffers")  # of batch normalisation, say
    before = model.training
    model.eval()
    found = {}  # number of the batch → what it gave
    try:
        with borrowed_streams(ranks, generators_of(loader)):
            for number, (inputs, labels) in every(loader, ranks):
                scores = model(inputs if prepare is None else prepare(inputs))
                _check_scores(model, scores, labels)
                found[number] = _measured(scores, labels, loss_function, top)
    finally:
        model.train(before)
    for of_rank in ranks.gather_objects(found, "evaluation"):
        found.update(of_rank)
    if not found:
        raise ArgumentError("evaluate: the loader gave no batches")
    return _put_together([found[number] for number in sorted(found)], top)


def _measured(scores, labels, loss_function, top):
    """(summed loss, right answers, classes, predicted ones, confidence, number of classes)."""
    if loss_function is None:
        loss = F.cross_entropy(scores, labels, reduction="sum").item()
    else:
        loss = loss_function(scores, labels).item() * len(labels)
    best, classes = softmax(scores, 1).max(1)
    right = count_right(scores, labels, top)
    return loss, right, labels.tolist(), classes.tolist(), best.tolist(), scores.shape[1]


def _put_together(batches, top):
    """The `Evaluation` of what all batches gave, in their order: so it does not matter who did."""
    loss, right, targets, predicted, confidence, count = 0.0, np.zeros(len(top), int), [], [], [], 0
    for batch_loss, batch_right, *batch, classes in batches:
        loss += batch_loss
        right += batch_right
        for whole, part in zip((targets, predicted, confidence), batch, strict=True):
            whole += part
        count = classes
    targets, predicted = np.array(targets), np.array(predicted)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (targets, predicted), 1)
    n = len(targets)
    shares = {k: int(r) / n for k, r in zip(top, right, strict=True)}
    return Evaluation(loss / n, shares, confusion, targets, predicted, np.array(confidence))


def count_right(scores, targets, top):
    """For each k how many classes are among the k highest scores; None if targets are no classes.

    Among equal scores the lower class counts as the higher one.
    """
    if getattr(targets, "ndim", 0) != 1 or getattr(scores, "ndim", 0) != 2:
        return None
    if targets.dtype.kind not in "iu":
        return None
    found = []
    for k in top:
        if k == 1:
            found.append(int((scores.argmax(1) == targets).sum()))
        else:
            _, best = topk(scores.detach(), min(k, scores.shape[1]), 1)
            found.append(int((best == targets.unsqueeze(1)).sum()))
    return found


def tops(operation, top):
    """The k of top-k accuracies as a tuple of integers ≥ 1."""
    top = tuple(integer(operation, "top", k) for k in (top if np.iterable(top) else (top,)))
    if not top or min(top) < 1:
        raise ArgumentError(f"{operation}: top must be integers of at least 1, got {top}")
    return top


def _check_scores(model, scores, labels):
    name = type(model).__name__
    if getattr(scores, "ndim", 0) != 2 or len(scores) != len(labels):
        raise ArgumentError(
            f"evaluate: {name} must give scores of shape (N, C) for N labels; got "
            f"{getattr(scores, 'shape', type(scores).__name__)} for {len(labels)}"
        )
    largest = int(labels.max().item())
    if largest >= scores.shape[1]:
        raise IndexRangeError(
            f"evaluate: a label is {largest}, but {name} gives {scores.shape[1]} scores, for the "
            f"labels 0 to {scores.shape[1] - 1}; the network was made for fewer classes"
        )
