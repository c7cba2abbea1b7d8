"""Draw the README's picture of the stepper's page: the error comes back through LeNet-5's conv2.

    python docs/make_stepper_picture.py

It makes the page of ``examples/step_lenet.py``, opens it in headless Chromium (which has to be
installed) and keeps what is seen of it, in 200 colours so that the file stays small.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "pictures" / "stepper.png"
WIDTH, HEIGHT = 1440, 1340

sys.path.insert(0, str(ROOT / "examples"))
import step_lenet  # noqa: E402


def number_of(page, operation, layer):
    """The number of a layer's backward step on the page."""
    run = re.search(r'<script type="application/json" id="run">(.*?)</script>', page, re.S).group(1)
    return next(
        step["number"]
        for step in json.loads(run)["steps"]
        if (step["phase"], step["operation"], step["layer"]) == ("backward", operation, layer)
    )


def main():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder) / "page.html", Path(folder) / "page.png"
        step_lenet.main(["--out", str(page), "--language", "en"])
        step = number_of(page.read_text(encoding="utf-8"), "Conv2d", "conv2")
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}",
                f"{page.as_uri()}#step={step}&lang=en",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        with Image.open(picture) as image:
            small = image.convert("RGB").quantize(
                200, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
            )
        small.save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
