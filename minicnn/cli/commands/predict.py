"""``minicnn predict``."""

import json

from minicnn.cli.command import Command, Mistake, register, waiting
from minicnn.cli.datasets import read_image
from minicnn.cli.networks import mistakes, user_file
from minicnn.cli.runs import add_trained_arguments, trained


@register
class Predict(Command):
    name = "predict"
    help = "what is on images, by a trained network: classes and probabilities"
    examples = (
        ("predict runs/resnet18-photos-1 cat.jpg dog.jpg", "a run of minicnn train"),
        ("predict runs/lenet5-digits-1 seven.png --invert", "a digit written in ink on paper"),
        ("predict resnet50 cat.jpg --weights DEFAULT --top 3", "published weights"),
        ("predict runs/lenet5-digits-1 seven.png --json", "for other programs"),
    )

    def add_arguments(self, parser):
        add_trained_arguments(parser, "the folder of a run, or a network, with --weights")
        parser.add_argument("images", nargs="+", metavar="IMAGE", help="files that Pillow reads")
        parser.add_argument("--top", type=int, default=5, help="classes to show (default: 5)")
        parser.add_argument(
            "--invert", action="store_true", help="dark on light for a network of light on dark"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, options):
        if options.top < 1:
            raise Mistake(f"--top must be at least 1, got {options.top}")
        with mistakes(user_file(options.network)):
            # Whether the images can be read is known sooner than what is on them.
            images = {path: _image(path, options.invert) for path in options.images}
            network = trained(options)
            with waiting("looking at the images"):
                found = {path: _classes(network, im, options) for path, im in images.items()}
        if options.json:
            print(json.dumps(found, ensure_ascii=False))
            return
        for path, classes in found.items():
            named = ", ".join(f"{c['class']} {c['probability']:.1%}" for c in classes)
            print(f"{path}: {named}")


def _image(path, invert):
    image = read_image(path)
    if invert:
        from PIL import ImageOps

        image = ImageOps.invert(image.convert("RGB"))
    return image.convert("RGB")


def _classes(network, image, options):
    """The most probable classes of one image."""
    from minicnn.functions.elementwise import softmax
    from minicnn.functions.ordering import topk
    from minicnn.modes import no_grad

    network.model.eval()
    with no_grad():
        scores = network.model(network.preprocessing(image).unsqueeze(0).to(options.device))
        if scores.ndim != 2:
            raise Mistake(f"{network.name} gives no scores (1, C), but {tuple(scores.shape)}")
        best, places = topk(softmax(scores, 1)[0], min(options.top, scores.shape[1]))
    names = network.classes or [f"class {i}" for i in range(scores.shape[1])]
    pairs = zip(places.tolist(), best.tolist(), strict=True)
    return [{"class": names[i], "probability": round(p, 6)} for i, p in pairs]
