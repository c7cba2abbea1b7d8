"""DARTS: the choice between layers made differentiable.

H. Liu, K. Simonyan and Y. Yang, "DARTS: differentiable architecture search", 2019. All candidates
are computed, and their outputs mixed with the probabilities of a softmax over architecture
parameters α:

    o(x) = Σ_candidates p(candidate; α) · candidate(x)                                   (eq. 2)

Then α can learn as weights do. Half of the training images is for the weights w, the other half
for α (bi-level: α is to be good with weights that have not seen its images):

    w ← w − η ∇_w L_weights(w, α)        α ← α − ξ ∇_α L_architecture(w, α)

in turn; this is the paper's first-order version (ξ = 0 in its eq. 6). In the end the most probable
answer to each question makes the cell.

In this space a candidate answers four questions, and each has a softmax of its own, so that
p(candidate) = p(op) · p(kernel size) · p(width) · p(stride). Candidates of different shapes are
brought to one: a narrow one has zeros in the channels that it lacks (A. Wan et al., "FBNetV2",
2020), and one with stride 2 is repeated 2 × 2 times. The second is only an approximation: later
layers see the repeated map, not the small one. Both cells of the network share α, and batch
normalisation has no γ and β while searching, as in the paper.

A training image costs DARTS more seconds than the other methods, since all candidates see it.

    python examples/nas/darts.py --budget 20000 --seed 0
"""

import sys
import time

import numpy as np
from evaluate import BATCH_SIZE, RECIPE
from space import CELLS, SPACE, STEM_CHANNELS, make_op, make_stem

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn, optim
from minicnn.training import check_loss, load_checkpoint, save_checkpoint

ARCHITECTURE = {"lr": 0.02, "betas": (0.5, 0.999), "weight_decay": 1e-3}
STEPS_BETWEEN_RECORDS = 50


class MixedLayer(nn.Module):
    """All candidates of one layer, mixed.

    Mixing in stages gives the sum over all candidates, since masks and repetition are linear:
    first operations and kernel sizes, then widths, then strides.

    Args:
        space: a `Space`.
        in_channels: the channels of the input; the output has those of the widest candidate.
    """

    def __init__(self, space, in_channels):
        super().__init__()
        choices = space.choices
        self.out_channels = max(choices["width"])
        # ops[i][j]: operation i with kernel size j, at full width, with stride 1.
        self.ops = nn.ModuleList(
            nn.ModuleList(
                make_op(op, in_channels, k, self.out_channels, 1, affine=False)
                for k in choices["kernel_size"]
            )
            for op in choices["op"]
        )
        masks = np.arange(self.out_channels) < np.array(choices["width"])[:, None]
        self.register_buffer("masks", mc.from_numpy(masks.astype(np.float32)))
        self.strides = choices["stride"]

    def forward(self, x, op, kernel_size, width, stride):
        """x: (N, in_channels, H, W); then the probabilities of the answers to each question."""
        mixed = 0.0
        for i, kernels in enumerate(self.ops):
            for j, candidate in enumerate(kernels):
                mixed = mixed + op[i] * kernel_size[j] * candidate(x)
        mixed = mixed * (width @ self.masks).reshape(1, self.out_channels, 1, 1)
        result = 0.0
        for i, s in enumerate(self.strides):
            result = result + stride[i] * self.with_stride(mixed, s)
        return result

    def candidate(self, x, layer, choices):
        """What one candidate alone gives, in the shape that all have here."""
        i, j = choices["op"].index(layer.op), choices["kernel_size"].index(layer.kernel_size)
        mask = self.masks[choices["width"].index(layer.width)]
        masked = self.ops[i][j](x) * mask.reshape(1, self.out_channels, 1, 1)
        return self.with_stride(masked, layer.stride)

    @staticmethod
    def with_stride(x, stride):
        """Every stride-th row and column, each repeated until the map has its size again."""
        if stride == 1:
            return x
        return F.interpolate(x[:, :, ::stride, ::stride], size=x.shape[2:], mode="nearest")


class Architecture(nn.Module):
    """α: for each question of a space a vector with one number an answer; at first all 0."""

    def __init__(self, space):
        super().__init__()
        for i, (_, answers) in enumerate(space.questions):
            setattr(self, f"alpha{i}", nn.Parameter(mc.zeros(len(answers))))

    def forward(self):
        """The probabilities of the answers, one vector a question."""
        return [F.softmax(alpha, 0) for alpha in self.parameters()]


class Supernet(nn.Module):
    """The network around a cell, with every layer mixed: (N, 1, H, W) → (N, num_classes)."""

    def __init__(self, space=SPACE, num_classes=10):
        super().__init__()
        self.space = space
        self.architecture = Architecture(space)
        self.stem = make_stem(affine=False)
        channels, layers = STEM_CHANNELS, []
        for _ in range(CELLS * space.layers):
            layers.append(MixedLayer(space, channels))
            channels = layers[-1].out_channels
        self.layers = nn.ModuleList(layers)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images, probabilities=None):
        """`probabilities` stand in for those of `architecture`, where given."""
        p = self.architecture() if probabilities is None else probabilities
        x, size = self.stem(images), len(self.space.choices)
        for i, layer in enumerate(self.layers):
            first = i % self.space.layers * size
            x = layer(x, *p[first : first + size])
        return self.classifier(x.mean((2, 3)))

    def weights(self):
        """The parameters that are not the architecture's."""
        return [p for n, p in self.named_parameters() if not n.startswith("architecture.")]

    def most_probable(self):
        """The cell with the most probable answer to each question; the first of equal ones."""
        return self.space.cell([int(p.argmax()) for p in self.architecture()])


class Search:
    """A search that can be stopped between two steps.

    Args:
        parts: the images; those for training are divided into two halves.
        images: how many to see; each step sees `2 * BATCH_SIZE`.
        seed: for weights and draws.
    """

    def __init__(self, parts, images, seed, space=SPACE):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(parts.training.labels))
        self.halves = [parts.training.take(order[i::2]) for i in (0, 1)]
        self.steps = max(1, images // (2 * BATCH_SIZE))
        self.seed, self.done = seed, 0
        mc.manual_seed(seed)
        self.model = Supernet(space)
        self.optimizers = {
            "weights": optim.SGD(self.model.weights(), **RECIPE),
            "architecture": optim.Adam(self.model.architecture.parameters(), **ARCHITECTURE),
        }
        self.scheduler = optim.lr_scheduler.CosineAnnealingLR(
            self.optimizers["weights"], self.steps
        )

    @property
    def images(self):
        """How many images were seen so far, by weights and architecture together."""
        return self.done * 2 * BATCH_SIZE

    def step(self):
        """One batch for the architecture, then one for the weights."""
        # Each step has a stream of its own: a search that goes on needs to know its number only.
        rng = np.random.default_rng([self.seed, self.done])
        self.model.train()
        for_architecture, for_weights = (half.batch(BATCH_SIZE, rng) for half in self.halves)
        weights = self.model.weights()
        for p in weights:
            p.requires_grad_(False)
        self._descend("architecture", for_architecture, self.model.architecture())
        for p in weights:
            p.requires_grad_(True)
        fixed = [p.detach() for p in self.model.architecture()]
        self._descend("weights", for_weights, fixed)
        self.scheduler.step()
        self.done += 1

    def _descend(self, name, batch, probabilities):
        self.optimizers[name].zero_grad()
        scores = self.model(batch.images, probabilities)
        loss = F.cross_entropy(scores, batch.labels)
        check_loss(loss.item(), self.model, batch.images, step=self.done + 1)
        loss.backward()
        self.optimizers[name].step()

    def save(self, path):
        save_checkpoint(
            path,
            model=self.model,
            optimizer=self.optimizers["weights"],
            scheduler=self.scheduler,
            position=self.done,
            extra={"architecture": self.optimizers["architecture"].state_dict()},
        )

    def load(self, path):
        stored = load_checkpoint(
            path,
            model=self.model,
            optimizer=self.optimizers["weights"],
            scheduler=self.scheduler,
        )
        self.optimizers["architecture"].load_state_dict(stored["extra"]["architecture"])
        self.done = stored["position"]


def search(parts, images, seed, journal, space=SPACE):
    """The cell that DARTS finds with `images` training images.

    Args:
        parts, images, seed: see `Search`.
        journal: a `Journal`; gets a record of the probabilities every `STEPS_BETWEEN_RECORDS`
            steps. If it has a file, a checkpoint beside it lets an interrupted search go on.

    Returns:
        The cell.
    """
    run = Search(parts, images, seed, space)
    checkpoint = journal.path and journal.path.with_suffix(".safetensors")
    if checkpoint and checkpoint.exists():
        run.load(checkpoint)
    start = time.perf_counter()
    while run.done < run.steps:
        run.step()
        if run.done % STEPS_BETWEEN_RECORDS == 0 or run.done == run.steps:
            seconds, start = time.perf_counter() - start, time.perf_counter()
            record(journal, run, round(seconds, 3))
            if checkpoint:
                run.save(checkpoint)
    return run.model.most_probable()


def record(journal, run, seconds):
    """Write down how far a search is, unless that was done before an interruption."""
    if journal.find(step=run.done) is None:
        probabilities = [p.tolist() for p in run.model.architecture()]
        images = run.images - sum(r["images"] for r in journal.records)
        journal.append(step=run.done, images=images, seconds=seconds, probabilities=probabilities)


if __name__ == "__main__":
    from commands import run_search

    sys.exit(run_search("DARTS", __doc__))
