"""How large the pages of a run are, how fast they open, and how fast they answer a key.

    python benchmarks/stepper_page.py

Two pages: one digit through LeNet-5, as `examples/step_lenet.py` makes it, and ResNet-18 at
224 × 224 of which ``layer1.0`` is watched. Chromium opens them without a window; the times are
measured inside of it: from the start of the navigation to the end of the load event, when the first
step is on the screen, and from a key to the next frame that is painted after it. Keys are → through
all steps, ← back, and in every step Shift + ↓, which moves the window and writes its sum anew.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import machine
import numpy as np

import minicnn as mc
import minicnn.nn.functional as F

sys.path.insert(0, str(machine.ROOT / "examples"))
import step_lenet

LOADS = 9
MIB = 2**20
LIMITS = {
    "LeNet-5": {"HTML, MiB": 2, "load, ms": 1000, "key, ms (95 %)": 100},
    "ResNet-18": {"HTML, MiB": 8, "recorded, MiB": 256},
}

KEYS = """
const done = arguments[0];
const painted = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
const press = async (key, shiftKey = false) => {
  const start = performance.now();
  document.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
  await painted();
  return performance.now() - start;
};
(async () => {
  const times = [];
  stepper.go(0);
  for (let k = 1; k < stepper.steps.length; k++) {
    times.push(await press("ArrowRight"));
    times.push(await press("ArrowDown", true));
  }
  for (let k = 1; k < stepper.steps.length; k++) times.push(await press("ArrowLeft"));
  done(times);
})();
"""
LOADED = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
MISSING = "return stepper.values.filter((v) => !v.present).map((v) => v.leftOut.why)"


def lenet(path):
    """The page of one digit; what was recorded, in bytes."""
    step_lenet.main(["--out", str(path)])
    return None


def resnet(path):
    """The page of a residual block of ResNet-18; what was recorded, in bytes."""
    mc.manual_seed(0)
    model = mc.models.resnet18()
    optimizer = mc.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with mc.trace(model, optimizer=optimizer, watch="layer1.0") as tr:
        loss = F.cross_entropy(model(mc.randn(1, 3, 224, 224)), mc.tensor([7]))
    list(tr.backward(loss))
    tr.save_html(path, title="ResNet-18, layer1.0")
    return sum(v.array.nbytes for v in tr.values if v.array is not None)


def browser():
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,900"):
        options.add_argument(argument)
    return webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )


def measure(driver, make, path):
    recorded = make(path)
    loads = []
    for _ in range(LOADS):
        driver.get("about:blank")
        driver.get(path.as_uri())
        loads.append(driver.execute_script(LOADED))
    driver.set_script_timeout(300)
    keys = driver.execute_async_script(KEYS)
    found = {
        "HTML, MiB": path.stat().st_size / MIB,
        "recorded, MiB": None if recorded is None else recorded / MIB,
        "load, ms": float(np.median(loads)),
        "key, ms (median)": float(np.median(keys)),
        "key, ms (95 %)": float(np.percentile(keys, 95)),
        "keys": len(keys),
        "arrays left out": len(driver.execute_script(MISSING)),
    }
    assert driver.execute_script("return [...stepper.missingTexts]") == []
    return found


def report(found, here):
    """The table, and a sentence for each limit; whether all were kept."""
    names = list(next(iter(found.values())))
    rows = ["| page | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for page, values in found.items():
        cells = [
            "–" if v is None else str(v) if isinstance(v, int) else f"{v:.3g}"
            for v in values.values()
        ]
        rows.append(f"| {page} | " + " | ".join(cells) + " |")
    kept, said = True, []
    for page, limits in LIMITS.items():
        for name, limit in limits.items():
            good = found[page][name] <= limit
            kept &= good
            said.append(f"{page}, {name}: {'within' if good else 'NOT within'} {limit}.")
    text = "# Pages of the stepper\n\n" + "\n".join(rows) + "\n\n"
    text += f"Loads: the median of {LOADS}. " + " ".join(said)
    text += f"\n\n`python benchmarks/stepper_page.py`\n\n{machine.line(here)}\n"
    return text, kept


def main():
    driver = browser()
    here = machine.description("latex2mathml")
    here["chromium"] = driver.capabilities["browserVersion"]
    found = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, make in (("LeNet-5", lenet), ("ResNet-18", resnet)):
                found[name] = measure(driver, make, Path(folder) / "page.html")
    finally:
        driver.quit()
    text, kept = report(found, here)
    folder = machine.ROOT / "benchmarks" / "results"
    (folder / "stepper_page.md").write_text(text, encoding="utf-8")
    (folder / "stepper_page.json").write_text(
        json.dumps({"machine": here, "pages": found}, indent=1) + "\n", encoding="utf-8"
    )
    print(text)
    if not kept:
        sys.exit("a limit was not kept")


if __name__ == "__main__":
    main()
