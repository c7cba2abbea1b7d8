"""`fit`: the training loop."""

from minicnn.checks import ArgumentError, integer, one_of
from minicnn.nn.utils import clip_grad_norm_
from minicnn.optim.lr_scheduler import ReduceLROnPlateau
from minicnn.training.callbacks.metrics import TrainingMetrics
from minicnn.training.callbacks.progress import Progress
from minicnn.training.divergence import check_loss
from minicnn.training.ranks import accumulating, joined
from minicnn.training.run import Run


def fit(
    model,
    loader,
    loss_function,
    optimizer,
    epochs,
    *,
    scheduler=None,
    step_scheduler="epoch",
    monitor="val_loss",
    accumulate=1,
    clip_norm=None,
    callbacks=None,
    generators=None,
):
    """Train a network: forward, loss, backward, step; for each batch of each epoch.

    All else (measuring, showing, saving, stopping) is done by `callbacks`, which the loop tells
    where it is; see `Callback`.

    Started by mpiexec, several processes train together: each computes with its part of every
    batch, and all make the same steps as one process would (see `minicnn.distributed`).

    Args:
        model: a module.
        loader: gives batches (inputs, targets); a `DataLoader`, or a list of batches.
        loss_function: ``loss_function(outputs, targets)`` → the mean loss of the batch; for
            networks with auxiliary heads `minicnn.models.auxiliary_loss`.
        optimizer: holds the model's parameters.
        epochs: how often to go through the data.
        scheduler: changes the learning rate.
        step_scheduler: when: after each ``"epoch"`` or after each ``"step"`` of the optimizer.
        monitor: the figure that a `ReduceLROnPlateau` looks at, by its name in the history.
        accumulate: how many batches make a step; their gradients are averaged, so that small
            batches do what one large one would (but for batch normalisation).
        clip_norm: the norm that the gradient of a step may have; a larger one is shortened to it.
        callbacks: a list of `Callback`; default: `TrainingMetrics` and `Progress`.
        generators: a dictionary of names and `minicnn.Generator` that the run draws from, beside
            minicnn's own and those of loader and sampler; for checkpoints.

    Returns:
        The `Run`: ``run.history`` has a dictionary of figures for each epoch, ``run.stopped`` says
        why it ended early, if it did.

    Raises:
        DivergenceError: the loss became infinite or NaN; the weights are those before that step.
        ArgumentError: options out of range; no figure called `monitor`.
        IndexRangeError: a label that the network has no output for.
        DtypeError: not a module, a loader, an optimiser or a number of epochs.

    >>> import minicnn as mc
    >>> from minicnn import nn, optim
    >>> _ = mc.manual_seed(0)
    >>> x = mc.randn(64, 2)
    >>> data = mc.data.TensorDataset(x, (x[:, 0] > x[:, 1]).long())
    >>> model = nn.Linear(2, 2)
    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> loader = mc.data.DataLoader(data, batch_size=16, shuffle=True)
    >>> run = fit(model, loader, nn.CrossEntropyLoss(), sgd, 3, callbacks=[TrainingMetrics()])
    >>> [sorted(figures) for figures in run.history][0]
    ['epoch', 'images_per_second', 'train_accuracy', 'train_loss']
    >>> run.history[-1]["train_accuracy"] > 0.9
    True
    """
    _check(epochs, step_scheduler, accumulate, clip_norm)
    callbacks = [TrainingMetrics(), Progress()] if callbacks is None else list(callbacks)
    run = Run(model, loader, optimizer, scheduler, epochs, callbacks, generators)
    with joined(run) as network:  # the model itself, where there is one process
        run.tell("on_fit_begin")  # where a stopped run is taken up again
        while run.epoch < epochs and not run.ending:
            run.model.train()
            run.tell("on_epoch_begin")
            for inputs, targets in run.batches():
                run.inputs, run.targets = inputs, targets
                run.tell("on_batch_begin")
                run.outputs = network(run.inputs)
                run.check_labels()
                run.loss = loss_function(run.outputs, run.targets)
                check_loss(run.loss.item(), run.model, run.inputs, run.step + 1)
                together, ends_step = run.batches_of_step(accumulate)
                with accumulating(network, not ends_step):
                    (run.loss / together).backward()  # adds to the gradients of the batches before
                run.batch += 1
                run.tell("on_batch_end")
                if ends_step:
                    if clip_norm is not None:
                        clip_grad_norm_(run.model.parameters(), clip_norm)
                    optimizer.step()
                    optimizer.zero_grad()
                    if scheduler is not None and step_scheduler == "step":
                        scheduler.step()
                    run.step += 1
                    run.tell("on_step_end")
                    if run.at_safe_point():
                        return run
            run.end_epoch()
            if scheduler is not None and step_scheduler == "epoch":
                _step_by_epoch(scheduler, run, monitor)
            run.tell("on_epoch_end")
            run.at_safe_point()
    return run


def _step_by_epoch(scheduler, run, monitor):
    if not isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step()
        return
    scheduler.step(run.figure("fit", monitor))


def _check(epochs, step_scheduler, accumulate, clip_norm):
    if integer("fit", "epochs", epochs) < 0:
        raise ArgumentError(f"fit: epochs must be at least 0, got {epochs}")
    if integer("fit", "accumulate", accumulate) < 1:
        raise ArgumentError(f"fit: accumulate must be at least 1, got {accumulate}")
    one_of("fit", "step_scheduler", step_scheduler, ("epoch", "step"))
    if clip_norm is not None and not clip_norm > 0:
        raise ArgumentError(f"fit: clip_norm must be above 0, got {clip_norm!r}")
