"""A recurrent network that learns to draw good cells, by REINFORCE.

B. Zoph and Q. V. Le, "Neural architecture search with reinforcement learning", 2017, section 3. The
controller answers the questions of a cell one after another. Its state is an LSTM's; what it is
given at each question is its own previous answer; a linear layer and a softmax make the
probabilities of the next. The network of the cell drawn is trained, its accuracy on the validation
images is the reward R, and

    ∇J(θ) = E[(R − b) · ∇ log π(cell; θ)]                                              (REINFORCE)

is followed upwards, with one cell for the expectation and the moving mean b of earlier rewards as a
baseline: b does not depend on the cell, so it leaves the expectation as it is, and takes away most
of the noise. (H. Pham et al., "Efficient neural architecture search via parameter sharing", 2018,
save most of the cost by letting all cells share their weights; here each is trained from scratch.)

    python examples/nas/controller.py --budget 20000 --seed 0
"""

import sys

import numpy as np
from space import SPACE

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn, optim

HIDDEN = 32
# Chosen beforehand, with a linear fit to the validation accuracies of 110 random cells in place of
# trainings: 40 cells are few to learn from, and 0.06 or more settles on a cell too early.
LEARNING_RATE = 0.01
DECAY = 0.8  # of the baseline


class LSTMCell(nn.Module):
    """One step of a long short-term memory (S. Hochreiter and J. Schmidhuber, 1997).

        i, f, o = σ(W x + U h + b), one each        input, forget and output gates
        g = tanh(W x + U h + b)                     what could be added to the memory
        c' = f ⊙ c + i ⊙ g
        h' = o ⊙ tanh(c')

    The four are computed at once, in PyTorch's order i, f, g, o.

    Shapes: x (N, input_size); h, c and both results (N, hidden_size).
    """

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.weight_ih = nn.Parameter(mc.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(mc.empty(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(mc.empty(4 * hidden_size))
        self.bias_hh = nn.Parameter(mc.empty(4 * hidden_size))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x, state):
        h, c = state
        gates = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(
            h, self.weight_hh, self.bias_hh
        )
        i, f, g, o = gates.chunk(4, 1)
        c = mc.sigmoid(f) * c + mc.sigmoid(i) * mc.tanh(g)
        return mc.sigmoid(o) * mc.tanh(c), c


class Controller(nn.Module):
    """π(cell; θ): a probability for each cell of a space.

    Args:
        space: a `Space`; its questions are answered in their order.
        hidden: the size of the LSTM's state and of the embeddings.
    """

    def __init__(self, space, hidden=HIDDEN):
        super().__init__()
        self.sizes = [len(answers) for _, answers in space.questions]
        self.hidden = hidden
        # Row 0 is what the first question is given; then come the answers, question by question.
        self.embedding = nn.Parameter(0.1 * mc.randn(1 + sum(self.sizes), hidden))
        self.lstm = LSTMCell(hidden, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, size) for size in self.sizes)
        for head in self.heads:  # at first, all cells are equally probable
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, choose):
        """Answer the questions.

        Args:
            choose: a function: (number of the question, log probabilities of its answers, an
                array) → number of an answer.

        Returns:
            The numbers of the answers, and log π of them, a tensor of one element.
        """
        zero = mc.zeros(1, self.hidden, dtype=self.embedding.dtype)
        state, row, first = (zero, zero), 0, 1
        numbers, total = [], 0.0
        for question, (head, size) in enumerate(zip(self.heads, self.sizes, strict=True)):
            state = self.lstm(self.embedding[row : row + 1], state)
            log_probabilities = F.log_softmax(head(state[0]), 1)[0]
            answer = int(choose(question, log_probabilities.detach().numpy()))
            total = total + log_probabilities[answer]
            numbers.append(answer)
            row, first = first + answer, first + size
        return numbers, total

    def sample(self, rng):
        """Draw answers; returns their numbers, and log π of them."""

        def draw(question, log_probabilities):
            ends = np.exp(log_probabilities).cumsum()
            return min(np.searchsorted(ends, rng.random() * ends[-1], "right"), len(ends) - 1)

        return self(draw)

    def log_probability(self, numbers):
        """log π of given answers."""
        return self(lambda question, _: numbers[question])[1]


def reinforce_loss(log_probability, reward, baseline):
    """−(R − b) · log π: its gradient, in expectation, is −∇J."""
    return -(reward - baseline) * log_probability


def search(evaluate, count, seed, space=SPACE, on_step=None):
    """The best of `count` cells that a learning controller draws.

    Args:
        evaluate: a function: cell → accuracy on the validation images.
        count: how many cells to try.
        seed: for the controller's weights and draws.
        on_step: called with the controller after each of its updates.

    Returns:
        The cell with the highest accuracy; the first one, where two are equal.
    """
    rng = np.random.default_rng(seed)
    mc.manual_seed(seed)
    controller = Controller(space)
    optimizer = optim.Adam(controller.parameters(), LEARNING_RATE)
    cells, rewards, baseline = [], [], None
    for _ in range(count):
        numbers, log_probability = controller.sample(rng)
        cells.append(space.cell(numbers))
        rewards.append(evaluate(cells[-1]))
        if baseline is not None:  # the first reward has nothing to be better than
            optimizer.zero_grad()
            reinforce_loss(log_probability, rewards[-1], baseline).backward()
            optimizer.step()
        baseline = rewards[-1] if baseline is None else DECAY * baseline + (1 - DECAY) * rewards[-1]
        if on_step is not None:
            on_step(controller)
    return cells[int(np.argmax(rewards))]


if __name__ == "__main__":
    from commands import run_search

    sys.exit(run_search("controller", __doc__))
