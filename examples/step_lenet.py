"""Step through the backward pass of LeNet-5 for one handwritten digit, in the browser.

    python examples/step_lenet.py                       writes run.html: open it, nothing is loaded
    python examples/step_lenet.py --digit 3 --out three.html
    python examples/step_lenet.py --images 0            a network that has not been trained at all

The network first learns for a moment from the digits that come with minicnn, so that there is
something to see in its maps. Then one image goes through it, forwards, backwards and into the
optimiser's step, and the page shows each of these steps with its equation and its numbers.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import checks, data, optim
from minicnn.data import transforms as T

MEAN, STD = 0.1307, 0.3081  # of the training images' pixels


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="LeNet-5's backward pass, step by step.")
    parser.add_argument("--out", type=Path, default=Path("run.html"), help="the page's file")
    parser.add_argument("--digit", type=int, choices=range(10), default=8, metavar="0-9")
    parser.add_argument("--batch", type=int, default=1, help="how many images; the first is shown")
    parser.add_argument("--images", type=int, default=2000, help="how many to learn from before")
    parser.add_argument("--activation", choices=("relu", "tanh", "sigmoid"), default="relu")
    parser.add_argument("--pooling", choices=("max", "mean"), default="max")
    parser.add_argument("--language", choices=("en", "zh"), help="default: the browser's")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if arguments.batch < 1 or not 0 <= arguments.images <= 8000:
        parser.error("--batch must be at least 1, --images between 0 and 8000")
    return arguments


def learn(model, optimizer, images):
    """Once through so many of the bundled training images."""
    transform = T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])
    digits = data.Subset(data.BundledMNIST(True, transform), range(images))
    for x, y in data.DataLoader(digits, 32):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    optimizer.zero_grad()


def choose(digit, count):
    """A batch of test images: one of that digit, and those that come first."""
    test = data.BundledMNIST(False)
    labels = test.targets.numpy()
    chosen = int(np.flatnonzero(labels == digit)[0])
    places = [chosen, *(k for k in range(count) if k != chosen)][:count]
    images = test.data.numpy()[places, None].astype("float32") / 255
    return mc.tensor((images - MEAN) / STD), mc.tensor(labels[places])


def main(argv=None):
    arguments = parse_arguments(argv)
    mc.manual_seed(arguments.seed)
    model = mc.models.lenet5(activation=arguments.activation, pooling=arguments.pooling)
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    learn(model, optimizer, arguments.images)
    x, y = choose(arguments.digit, arguments.batch)

    with mc.trace(model, optimizer=optimizer, sample=0) as tr:
        scores = model(x)
        loss = F.cross_entropy(scores, y)
    list(tr.backward(loss, phases=("update",)))

    probabilities = mc.softmax(scores.detach(), 1).numpy()[0]
    taught = f"after learning from {arguments.images:,} digits" if arguments.images else "untrained"
    note = (
        f"LeNet-5 ({arguments.activation}, {arguments.pooling} pooling), {taught}. The image is a "
        f"handwritten {arguments.digit}; the network says {int(probabilities.argmax())} with "
        f"{probabilities.max():.1%}, and {arguments.digit} with "
        f"{probabilities[arguments.digit]:.1%}."
    )
    try:
        tr.save_html(
            arguments.out, title="One digit through LeNet-5", note=note, language=arguments.language
        )
    except (OSError, checks.ArgumentError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(tr.steps)} steps, loss {loss.item():.4f}; open {arguments.out} in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
