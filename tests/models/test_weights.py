"""Published weights by name, from a server of our own; and weights from files."""

import copy
import hashlib
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import minicnn as mc
from minicnn import models, nn
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import DownloadError
from minicnn.models import published
from minicnn.models.mobilenet_v2 import InvertedResidual
from minicnn.models.weights import build, find_weights, named_weights
from minicnn.nn import init

NAME = "shufflenet_v2_x0_5"


class Small(nn.Module):
    """In the place of a network whose weights are published."""

    built = 0

    def __init__(self, num_classes=1000, width=2):
        super().__init__()
        type(self).built += 1
        self.conv = nn.Conv2d(3, width, 3)
        self.fc = nn.Linear(width, num_classes)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with weights for `NAME`; its list `asked` holds the addresses it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            page = server.pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *arguments):
            pass

    mc.manual_seed(0)
    model = Small()
    mc.save(model.state_dict(), tmp_path / "weights")
    content = (tmp_path / "weights").read_bytes()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("MINICNN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    table = published._table()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.model, server.content = [], model, content
        server.name = f"small-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        server.pages = {f"/{server.name}": content}
        server.url = f"http://127.0.0.1:{server.server_address[1]}/"
        monkeypatch.setitem(table, "server", server.url)
        monkeypatch.setitem(table[NAME]["IMAGENET1K_V1"], "file", server.name)
        published.enumeration.cache_clear()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    published.enumeration.cache_clear()


@pytest.mark.parametrize("how", ["DEFAULT", "IMAGENET1K_V1", "in full", "member"])
def test_weights_by_name_are_downloaded_once(server, tmp_path, how):
    weights = how
    if how == "in full":
        weights = "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1"
    elif how == "member":
        weights = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
    for _ in range(2):
        model = build(Small, NAME, weights, width=2)
        for name, value in server.model.state_dict().items():
            assert mc.equal(model.state_dict()[name], value)
    assert server.asked == [f"/{server.name}"]
    assert models.weights_folder() == tmp_path / "home" / "weights"
    assert [p.name for p in models.weights_folder().iterdir()] == [server.name]


def test_the_state_dict_alone(server):
    found = models.get_weight("ShuffleNet_V2_X0_5_Weights.DEFAULT").get_state_dict()
    assert mc.equal(found["fc.weight"], server.model.fc.weight)


def test_a_member_of_torchvisions_enumeration(server):
    import enum

    theirs = enum.Enum("ShuffleNet_V2_X0_5_Weights", {"IMAGENET1K_V1": 1, "DEFAULT": 1})
    found = named_weights(NAME, theirs.DEFAULT)
    assert found is models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
    other = enum.Enum("ResNet18_Weights", {"IMAGENET1K_V1": 1})
    with pytest.raises(DtypeError, match=r"ResNet18_Weights.IMAGENET1K_V1 are not weights of this"):
        build(Small, NAME, other.IMAGENET1K_V1)


def test_the_number_of_classes_is_that_of_the_weights(server):
    assert build(Small, NAME, "DEFAULT").fc.out_features == 1000
    assert build(Small, NAME, "DEFAULT", num_classes=1000).fc.out_features == 1000
    built = Small.built
    with pytest.raises(ArgumentError, match=r"num_classes=10 does not fit .*V1, which tells 1000 "):
        build(Small, NAME, "DEFAULT", num_classes=10)
    assert Small.built == built


def test_a_damaged_download_is_refused_and_nothing_is_left(server):
    server.pages[f"/{server.name}"] = server.content[:-1] + b"x"
    built = Small.built
    with pytest.raises(DownloadError) as raised:
        build(Small, NAME, "DEFAULT")
    text = str(raised.value)
    assert f"wrong checksum: expected SHA-256 {server.name[6:14]}, got " in text
    assert f"put it at {models.weights_folder() / server.name}, or give the path" in text
    assert not list(models.weights_folder().iterdir()) and Small.built == built


def test_without_a_network_the_message_tells_what_to_do(server, monkeypatch):
    table = published._table()
    monkeypatch.setitem(table, "server", "http://127.0.0.1:1/")
    published.enumeration.cache_clear()
    with pytest.raises(DownloadError) as raised:
        build(Small, NAME, "DEFAULT")
    lines = str(raised.value).split("\n")
    assert lines[0] == f"download of {server.name} failed."
    assert lines[1].startswith(f"  http://127.0.0.1:1/{server.name}: ")
    assert lines[2] == (
        f"Without a network: fetch http://127.0.0.1:1/{server.name} on another machine and put it "
        f"at {models.weights_folder() / server.name}, or give the path of the file as weights."
    )
    # What the message says works.
    (models.weights_folder() / server.name).write_bytes(server.content)
    build(Small, NAME, "DEFAULT")


def test_a_damaged_file_in_the_cache_is_fetched_anew(server):
    models.weights_folder().mkdir(parents=True)
    path = models.weights_folder() / server.name
    path.write_bytes(server.content[:-1])
    build(Small, NAME, "DEFAULT")
    assert path.read_bytes() == server.content and len(server.asked) == 1
    path.write_bytes(server.content[:-1])
    server.pages.clear()
    with pytest.raises(DownloadError, match=r"\(The one at .*small-.* is damaged or incomplete.\)"):
        build(Small, NAME, "DEFAULT")
    assert path.read_bytes() == server.content[:-1]


def test_pytorchs_cache_is_used(server, tmp_path):
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / server.name).write_bytes(server.content)
    build(Small, NAME, "DEFAULT")
    assert not server.asked and find_weights(NAME, "DEFAULT") == folder / server.name
    (folder / server.name).write_bytes(b"another file of that name")
    build(Small, NAME, "DEFAULT")
    assert len(server.asked) == 1


def test_the_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("MINICNN_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models.weights_folder() == tmp_path / ".cache" / "minicnn" / "weights"


def test_weights_from_files(server, tmp_path):
    for path in (tmp_path / "weights", str(tmp_path / "weights")):
        assert mc.equal(build(Small, NAME, path).fc.bias, server.model.fc.bias)
    assert not server.asked
    half = {k: v.to(mc.float16) for k, v in server.model.state_dict().items()}
    mc.save(half, tmp_path / "half")
    model = build(Small, NAME, tmp_path / "half")
    assert model.fc.bias.dtype == mc.float32
    assert mc.allclose(model.fc.bias, server.model.fc.bias, atol=1e-3)


def test_weights_of_another_network(server, tmp_path):
    mc.save({"conv.weight": mc.ones(3, 3, 3, 3), "fc2.weight": mc.ones(2)}, tmp_path / "x")
    with pytest.raises(ShapeError) as raised:
        build(Small, NAME, tmp_path / "x")
    for part in ("conv.bias", "fc.weight", "fc.bias", "fc2.weight", "(3, 3, 3, 3)", "(2, 3, 3, 3)"):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {"w": mc.ones(1)}, "epoch": 3}, r"a dictionary with 'state_dict', and not"),
        ({3: mc.ones(1)}, r"a dictionary with 3, and not weights by name"),
        ([mc.ones(1)], r"a list, and not weights by name$"),
    ],
)
def test_files_that_hold_something_else(tmp_path, content, message):
    mc.save(content, tmp_path / "x")
    with pytest.raises(ArgumentError, match=rf"^{NAME}: the file .*x holds {message}"):
        build(Small, NAME, tmp_path / "x")


def test_names_that_are_none():
    with pytest.raises(
        ArgumentError,
        match=r"there is no file of weights at IMAGENET1K_V3, did you "
        r"mean 'IMAGENET1K_V\d'\?; by name there are IMAGENET1K_V1, IMAGENET1K_V2, D",
    ):
        models.get_model("resnet50", weights="IMAGENET1K_V3")
    with pytest.raises(ArgumentError, match=r"lenet5: there is no file of weights at DEFAULT$"):
        models.lenet5(weights="DEFAULT")
    for wrong in (True, 3, b"DEFAULT"):
        with pytest.raises(DtypeError, match=r"lenet5: weights must be a name, a member"):
            models.lenet5(weights=wrong)
    kind = models.get_model_weights("resnet50")
    with pytest.raises(
        ArgumentError, match=r"no weights are called 'V2'.*; there are IMAGENET1K_V1"
    ):
        kind.verify("V2")
    with pytest.raises(DtypeError, match=r"expected one of its members or a name, got 3 \(int\)"):
        kind.verify(3)
    with pytest.raises(ArgumentError, match=r"no weights are published for lenet5"):
        models.get_model_weights("lenet5")
    with pytest.raises(ArgumentError, match=r"called 'resnet_50', did you mean"):
        models.get_model_weights("resnet_50")
    for name in ("ResNet50_Weights", "ResNet50_Weights.", "DEFAULT"):
        with pytest.raises(
            ArgumentError, match=r"is not of the form 'ResNet50_Weights\.IMAGENET1K_V"
        ):
            models.get_weight(name)
    with pytest.raises(
        ArgumentError, match="there is no 'ResNet5_Weights', did you mean 'ResNet50"
    ):
        models.get_weight("ResNet5_Weights.DEFAULT")
    with pytest.raises(DtypeError, match="expected a string"):
        models.get_weight(3)
    with pytest.raises(AttributeError, match="has no attribute 'LeNet5_Weights'"):
        models.LeNet5_Weights  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'ResNet50_Weight'"):
        models.ResNet50_Weight  # noqa: B018


def test_the_enumerations():
    kind = models.ResNet50_Weights
    assert kind is models.get_model_weights("resnet50")
    assert kind is models.get_model_weights(models.resnet50)
    v2 = kind.IMAGENET1K_V2
    assert kind.DEFAULT is v2 and models.get_weight("ResNet50_Weights.DEFAULT") is v2
    assert list(kind) == [kind.IMAGENET1K_V1, v2]
    assert v2.url == "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    assert repr(v2) == "ResNet50_Weights.IMAGENET1K_V2"
    assert v2.meta["num_params"] == 25_557_032 and v2.meta["categories"][281] == "tabby"
    assert v2.meta["_metrics"] == {"ImageNet-1K": {"acc@1": 80.858, "acc@5": 95.434}}
    transforms = v2.transforms()
    assert (transforms.crop_size, transforms.resize_size) == ([224], [232])
    assert v2.transforms(crop_size=10).crop_size == [10]
    assert kind.verify(None) is None and kind.verify("DEFAULT") is v2 and kind.verify(v2) is v2
    assert pickle.loads(pickle.dumps(v2)) is v2 and copy.deepcopy(v2) is v2
    assert models.VGG16_Weights.IMAGENET1K_FEATURES.meta["categories"] is None


def test_every_published_weight():
    names = set(models.list_models())
    facts = {n: f for n, f in published._table().items() if isinstance(f, dict)}
    assert len(facts) == 43 and set(facts) <= names
    for name in facts:
        for weights in models.get_model_weights(name):
            assert weights.url.startswith("https://download.pytorch.org/models/")
            assert weights.transforms().mean
            categories = weights.meta["categories"]
            assert categories is None or len(categories) == len(set(categories)) == 1000


def test_builders_hand_on_what_they_are_given(server, monkeypatch):
    """One of the real ones, from the server: its file is not that of the network."""
    with pytest.raises(ShapeError, match="nothing was loaded"):
        models.shufflenet_v2_x0_5(weights="DEFAULT", progress=False)
    assert server.asked == [f"/{server.name}"]


def test_old_files_without_a_count_of_batches(tmp_path):
    """PyTorch counts them since 0.4.1, and takes older files all the same."""
    model = nn.Sequential(nn.BatchNorm2d(2), nn.InstanceNorm2d(2, track_running_stats=True))
    model[0].num_batches_tracked.fill_(7)
    state = {k: v + 1 for k, v in model.state_dict().items() if "num_batches" not in k}
    found = model.load_state_dict(state)
    assert found.missing_keys == [] and model[0].num_batches_tracked.item() == 7
    assert model[0].running_var.tolist() == [2, 2]
    del state["0.running_var"]
    with pytest.raises(ShapeError, match=r"missing: 0\.running_var$"):
        model.load_state_dict(state)


@pytest.mark.parity
def test_old_files_in_pytorch():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(2))
    model[0].num_batches_tracked.fill_(7)
    state = {k: v for k, v in model.state_dict().items() if "num_batches" not in k}
    assert not model.load_state_dict(state).missing_keys
    assert model[0].num_batches_tracked.item() == 7


def test_blocks_of_the_users_may_look_at_their_initial_values():
    class Block(InvertedResidual):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.spread = self.conv[-2].weight.std().item() * (3 * self.conv[-2].in_channels) ** 0.5

    model = models.mobilenet_v2(block=Block, num_classes=2)
    spreads = [m.spread for m in model.modules() if isinstance(m, Block)]
    assert len(spreads) == 17 and spreads == pytest.approx([1.0] * 17, rel=0.1)


def test_what_a_file_replaces_is_not_drawn(tmp_path, monkeypatch):
    mc.save(models.lenet5().state_dict(), tmp_path / "x.safetensors")
    monkeypatch.setattr(init.drawing, "fill", lambda fillings, rng: drawn.extend(fillings))
    drawn = []
    models.lenet5(weights=tmp_path / "x.safetensors")
    assert drawn == []
    models.lenet5()
    assert len(drawn) == 10
