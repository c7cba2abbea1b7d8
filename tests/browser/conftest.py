"""A headless Chromium for the tests of the page."""

import json
import shutil
from pathlib import Path

import pytest

import minicnn as mc
import minicnn.nn.functional as F

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


class Browser:
    """The driver, with what the tests need of it."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, address=""):
        """Open a page as a file, freshly."""
        self.driver.get("about:blank")
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.driver.get(f"{Path(path).as_uri()}{address}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys):
        """Press keys for real, wherever the focus is."""
        from selenium.webdriver import ActionChains

        actions = ActionChains(self.driver)
        for key in keys:
            if isinstance(key, tuple):  # with Shift held
                actions.key_down(key[0]).send_keys(key[1]).key_up(key[0])
            else:
                actions.send_keys(key)
        actions.perform()

    def size(self, width, height=900, dark=False):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def complaints(self):
        """What stands in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """The addresses of everything that was asked for since the page was opened."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [p["request"]["url"] for p in sent]

    def at(self):
        """The number of the step that is shown."""
        return self.run("return stepper.state.number")


@pytest.fixture(scope="session")
def driver():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver):
    browser = Browser(driver)
    browser.size(1200)
    return browser


class Small(mc.nn.Module):
    """A network with a branch: stride, padding, groups, BN, both poolings, dropout."""

    def __init__(self):
        super().__init__()
        nn = mc.nn
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=2)
        self.skip = nn.Conv2d(4, 4, 1, stride=2)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        a = F.relu(self.bn1(self.conv1(x)))
        b = F.relu(self.conv2(a) + self.skip(a))
        return self.fc(self.drop(self.pool(b).flatten(1)))


def train_once(model=None, n=3, sample=1, update=True, **options):
    """The trace of one training step of `Small`, or of another model for 2 × 8 × 8."""
    mc.manual_seed(3)
    model = model or Small()
    optimizer = mc.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with mc.trace(model, optimizer=optimizer, sample=sample, **options) as tr:
        loss = F.cross_entropy(model(mc.randn(n, 2, 8, 8)), mc.tensor([k % 3 for k in range(n)]))
    list(tr.backward(loss))
    if update:
        tr.update()
    return tr


@pytest.fixture
def traced():
    """The function that makes the trace of one training step."""
    return train_once


@pytest.fixture
def small_network():
    return Small


@pytest.fixture(scope="session")
def small_page(tmp_path_factory):
    """The page of `train_once()`, and the trace."""
    tr = train_once()
    path = tmp_path_factory.mktemp("page") / "run.html"
    tr.save_html(path, language="en")
    return path, tr
