"""The check that every network makes before its first layer."""

from minicnn.checks import ShapeError
from minicnn.shapes import as_tuple


def check_images(network, x, channels, smallest=1, size=None):
    """Refuse what is not a batch of images (N, `channels`, H, W) of a size that the network takes.

    Without it a wrong size would end in an error deep inside, about a layer the user never made.

    Args:
        network: its name, for the message.
        x: the input.
        channels: the number of channels the first layer reads.
        smallest: the least height and width with which every layer has something to read: an
            integer, or a pair.
        size: where only one height and width will do, for the first fully connected layer has a
            fixed number of inputs: that one, an integer or a pair; `smallest` does not count then.

    Raises:
        ShapeError: otherwise.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise ShapeError(
            f"{network}: expected images (N, {channels}, H, W), got shape {tuple(x.shape)}"
            + ("; unsqueeze(0) makes one image a batch of one" if x.ndim == 3 else "")
        )
    height, width = x.shape[2:]
    needed = as_tuple(network, "the image size", smallest if size is None else size, 2, 1)
    needed_text = f"{needed[0]} × {needed[1]}"
    if size is not None and (height, width) != needed:
        raise ShapeError(
            f"{network}: expected images of {needed_text}, got {height} × {width}; "
            "F.interpolate(x, size) changes the size"
        )
    if height < needed[0] or width < needed[1]:
        raise ShapeError(
            f"{network}: images of {height} × {width} are too small; the smallest that work are "
            f"{needed_text}. F.interpolate(x, size) enlarges them"
        )
