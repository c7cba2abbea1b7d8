"""`Callback`: what the training loop tells, and when."""


class Callback:
    """The base of callbacks: a subclass overrides what it wants to be told of.

    `fit` calls all callbacks in their order, and gives them the `Run`::

        on_fit_begin
        for each epoch:
            on_epoch_begin
            for each batch:
                on_batch_begin      run.inputs and run.targets may be replaced
                (forward, loss, backward)
                on_batch_end        run.outputs and run.loss are there
                at each step of the optimizer:
                    on_step_end     the weights are new
                    on_safe_point
            measure                 returns figures for the history
            on_epoch_end            run.history[-1] has the figures of all
            on_safe_point
        close                       in any case, even after an error

    At a *safe point* the state of model, optimizer, scheduler, generators, run and callbacks is all
    that decides how the run goes on; `Checkpoints` saves it there. So what a callback remembers
    from one safe point to the next belongs into its `state_dict`.

    minicnn's own. The base does nothing, and raises nothing.

    >>> class Losses(Callback):
    ...     def __init__(self):
    ...         self.losses = []
    ...     def on_batch_end(self, run):
    ...         self.losses.append(run.loss.item())
    ...     def state_dict(self):
    ...         return {"losses": self.losses}
    ...     def load_state_dict(self, state):
    ...         self.losses = state["losses"]
    """

    def on_fit_begin(self, run):
        """Before the first epoch."""

    def on_epoch_begin(self, run):
        """Before an epoch, or before what is left of one that is taken up again."""

    def on_batch_begin(self, run):
        """Before the forward pass."""

    def on_batch_end(self, run):
        """After the backward pass."""

    def on_step_end(self, run):
        """After the optimizer's step."""

    def on_safe_point(self, run):
        """After each step and each epoch: the run could go on from here."""

    def measure(self, run):
        """Figures of the epoch that just ended, a dictionary; None for none."""

    def on_epoch_end(self, run):
        """After an epoch, with its figures in ``run.history[-1]``."""

    def close(self, run):
        """At the end, also after an error."""

    def state_dict(self):
        """What it remembers: what `minicnn.save` can store."""
        return {}

    def load_state_dict(self, state):
        """Take up what `state_dict` gave."""
