"""``minicnn step``."""

from minicnn.cli.command import Command, Mistake, is_plain, register, waiting
from minicnn.cli.networks import (
    add_network_arguments,
    build_network,
    default_input,
    mistakes,
    user_file,
)

PARTS = {
    "all": ("forward", "loss", "backward", "accumulate", "update"),
    "backward": ("loss", "backward", "accumulate"),
}


@register
class Step(Command):
    name = "step"
    help = "step through backpropagation in a network: every equation beside its numbers"
    examples = (
        ("step lenet5 --plain", "one digit through LeNet, every backward step as text"),
        ("step lenet5 --layer conv2 --plain", "only the steps of one layer"),
        ("step lenet5 --tui", "in the whole terminal, with heat maps and a cursor"),
        ("step lenet5 --html lenet.html", "a page for the browser, to keep or hand in"),
        ("step resnet20 --watch layer1.0 --layer layer1.0 --plain", "a part of a large network"),
    )

    def add_arguments(self, parser):
        add_network_arguments(parser)
        parser.add_argument(
            "--image", metavar="PATH",
            help="an image (PNG, JPEG) or an array (.npy) of the network's input size; default: a "
            "bundled digit where the network reads one channel, else random numbers",
        )  # fmt: skip
        parser.add_argument(
            "--label", type=int, default=None, help="its class (default: the digit's)"
        )
        parser.add_argument("--digit", type=int, default=0, metavar="N", help="which bundled digit")
        parser.add_argument("--size", type=int, metavar="PIXELS", help="of random images")
        parser.add_argument("--seed", type=int, default=0, help="of the weights and random numbers")
        parser.add_argument("--layer", metavar="PATH", help="stop only at steps of this layer")
        parser.add_argument(
            "--watch", action="append", default=[], metavar="PATH",
            help="keep whole only the arrays of this layer; again for more (for large networks)",
        )  # fmt: skip
        parser.add_argument(
            "--phases",
            choices=tuple(PARTS),
            default="backward",
            help="which steps (default: %(default)s)",
        )
        parser.add_argument(
            "--lr", type=float, default=0.1, help="of the update, with --phases all"
        )
        parser.add_argument("--save", metavar="PATH", help="write the trace to a file, too")
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--html", metavar="PATH", help="write a page instead of stepping")
        ways.add_argument("--plain", action="store_true", help="print all steps as plain text")
        ways.add_argument(
            "--tui",
            action="store_true",
            help="step in the whole terminal, with heat maps and a cursor (needs textual)",
        )

    def run(self, options):
        from minicnn.random import manual_seed
        from minicnn.stepper import explore, show, walk
        from minicnn.stepper.screen import obstacle

        if options.tui and obstacle():
            raise Mistake(f"--tui: {obstacle()}")
        manual_seed(options.seed)
        with waiting(f"building {options.network}"):
            model = build_network(options)
        with mistakes():
            image, label = _image(options, default_input(options.network, model))
        with waiting("one forward and one backward"):
            tr = _trace(options, model, image, label)
        with mistakes():
            if options.layer is not None:
                tr.break_on(options.layer)
        phases = PARTS[options.phases]
        steps = [s for s in tr.steps if s.phase in phases]
        if options.layer is not None:
            steps = [s for s in steps if s.at_breakpoint]
        if not steps:
            raise Mistake(
                f"--layer {options.layer}: nothing ran there in these phases; "
                "--phases all takes in the forward"
            )
        if options.save is not None:
            with mistakes():
                tr.save(options.save)
        if options.html is not None:
            with mistakes():
                tr.save_html(options.html)
            print(f"written: {options.html}; open it in a browser")
        elif options.tui:
            tr.goto(steps[0].number)
            explore(tr)
        elif is_plain(options):
            show(tr, steps, plain=True)
        else:
            tr.goto(steps[0].number)
            walk(tr)


def _trace(options, model, image, label):
    """The trace of one forward, backward and update of the network on one image."""
    from minicnn.creation import tensor
    from minicnn.nn.functional import cross_entropy
    from minicnn.optim import SGD
    from minicnn.tracing import trace

    optimizer = SGD(model.parameters(), lr=options.lr)
    hint = "; --size gives another size of the images"
    with mistakes(user_file(options.network), hint):
        with trace(model, optimizer=optimizer, watch=tuple(options.watch)) as tr:
            scores = model.eval()(image)
            if scores.ndim != 2:
                raise Mistake(
                    f"{options.network} gives a result of shape {scores.shape}; stepping needs "
                    "scores of classes, (N, classes)"
                )
            label = label if label is not None else 0
            if not 0 <= label < scores.shape[1]:
                raise Mistake(f"--label {label}: the classes are 0 to {scores.shape[1] - 1}")
            loss = cross_entropy(scores, tensor([label]))
        list(tr.backward(loss))
        if options.phases == "all":
            tr.update()
    return tr


def _image(options, shape):
    """One image (1, C, H, W) for the network, and its class where it is known."""
    from minicnn.creation import randn
    from minicnn.data import BundledMNIST, transforms
    from minicnn.nn.functional import interpolate

    if len(shape) == 4 and options.size is not None:
        shape = (*shape[:2], options.size, options.size)
    if options.image is not None:
        return _read(options.image, shape), options.label
    if len(shape) == 4 and shape[1] == 1:
        digits = BundledMNIST(transform=transforms.ToTensor())
        if not 0 <= options.digit < len(digits):
            raise Mistake(f"--digit {options.digit}: there are digits 0 to {len(digits) - 1}")
        image, label = digits[options.digit]
        image = image.unsqueeze(0)
        if shape[2:] != image.shape[2:]:
            image = interpolate(image, size=shape[2:])
        return image, label if options.label is None else options.label
    return randn(shape), options.label


def _read(path, shape):
    """The image or array in a file as a tensor of that shape."""
    import numpy as np

    from minicnn.creation import tensor

    if path.endswith(".npy"):
        try:
            array = np.load(path, allow_pickle=False)
        except ValueError as error:
            raise Mistake(f"{path}: {error}") from None
        array = np.asarray(array, np.float32)
    else:
        try:
            from PIL import Image, UnidentifiedImageError
        except ImportError:
            raise Mistake('images need Pillow: pip install "minicnn[examples]"') from None
        try:
            with Image.open(path) as image:
                image = image.convert("L" if shape[1] == 1 else "RGB")
                array = np.asarray(image.resize((shape[3], shape[2])), np.float32) / 255
        except UnidentifiedImageError:
            raise Mistake(f"{path} is not an image that Pillow reads") from None
        array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    array = array.reshape(1, *array.shape) if array.ndim == len(shape) - 1 else array
    if array.ndim != len(shape):
        raise Mistake(f"{path} has shape {array.shape}; the network reads (N, C, H, W)")
    return tensor(array)
