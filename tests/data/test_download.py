import hashlib
import io
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from minicnn.data import MNIST, DownloadError, FashionMNIST, write_idx
from minicnn.data import download as download_module
from minicnn.data.download import fetch

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages, self.asked = {}, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of these tests


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path, 404)
        if callable(page):
            page(self)
        elif isinstance(page, int):
            self.send_error(page)
        else:
            self.answer(len(page), page)

    def answer(self, length, content):
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_url():
    """An address at which nobody listens."""
    with Server() as server:
        pass
    return server.url


def failure(urls, path, *arguments, **options):
    with pytest.raises(DownloadError) as raised:
        fetch(urls, path, MD5, *arguments, **options)
    assert isinstance(raised.value, OSError) and isinstance(raised.value, RuntimeError)
    return str(raised.value)


def test_success(server, tmp_path, capsys):
    server.pages["/a"] = CONTENT
    fetch([server.url + "a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert capsys.readouterr() == ("", "")  # no progress bar where there is no terminal


def test_without_a_content_length(server, tmp_path):
    server.pages["/a"] = lambda handler: handler.answer(None, CONTENT)
    fetch([server.url + "a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_mirrors_are_tried_in_turn(server, closed_url, tmp_path):
    server.pages |= {"/wrong": b"something else", "/right": CONTENT}
    urls = [closed_url, *[server.url + name for name in ("gone", "wrong", "right", "unasked")]]
    fetch(urls, tmp_path / "a", MD5)
    assert server.asked == ["/gone", "/wrong", "/right"]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_every_reason_is_told_and_nothing_is_left(server, closed_url, tmp_path):
    server.pages["/wrong"] = CONTENT[:-1]
    server.pages["/cut"] = lambda handler: handler.answer(len(CONTENT), CONTENT[:1000])
    server.pages["/busy"] = 503
    urls = [closed_url + "a", *[server.url + n for n in ("wrong", "cut", "busy")]]
    (tmp_path / "a").write_bytes(b"what was there before")
    lines = failure(urls, tmp_path / "a", "Ask a friend.").split("\n")
    assert lines[0] == "download of a failed." and lines[-1] == "Ask a friend."
    assert lines[1].startswith(f"  {urls[0]}: ") and "refused" in lines[1]
    digest = hashlib.md5(CONTENT[:-1]).hexdigest()
    assert lines[2] == f"  {urls[1]}: wrong checksum: expected MD5 {MD5}, got {digest}"
    assert lines[3] == f"  {urls[2]}: truncated: 1,000 of 256,000 bytes came"
    assert lines[4].startswith(f"  {urls[3]}: the server answers 503 ")
    assert len(lines) == 6
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"what was there before"]


def test_the_first_digits_of_a_sha256_checksum(server, tmp_path):
    server.pages["/a"] = CONTENT
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for n in (0, 8, 64):
        fetch([server.url + "a"], tmp_path / "a", sha256=sha256[:n])
        assert (tmp_path / "a").read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=f"wrong checksum: expected SHA-256 00, got {sha256}"):
        fetch([server.url + "a"], tmp_path / "a", sha256="00")


def test_a_server_that_does_not_answer(server, tmp_path):
    server.pages["/slow"] = lambda handler: time.sleep(0.5)

    def stops(handler):
        handler.answer(len(CONTENT), CONTENT[:1000])
        handler.wfile.flush()
        time.sleep(0.5)

    server.pages["/stops"] = stops
    server.pages["/noise"] = lambda handler: handler.wfile.write(b"no HTTP at all\r\n\r\n")
    server.pages["/hangs-up"] = lambda handler: handler.connection.close()
    urls = [server.url + name for name in ("slow", "stops", "noise", "hangs-up")]
    lines = failure(urls, tmp_path / "a", timeout=0.1).split("\n")
    assert "timed out" in lines[1] and "timed out" in lines[2]
    assert "no HTTP at all" in lines[3] and len(lines[4]) > len(urls[3]) + 4
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_stop(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, "LARGEST", 200_000)
    server.pages["/a"] = CONTENT
    assert "it sends more than 200,000 bytes" in failure([server.url + "a"], tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_not_the_mirrors_fault(server, tmp_path, monkeypatch):
    server.pages["/a"] = CONTENT

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(download_module, "open", lambda *a: Full(), raising=False)
    with pytest.raises(OSError, match=r"No space left") as raised:
        fetch([server.url + "a", server.url + "b"], tmp_path / "a", MD5)
    assert not isinstance(raised.value, DownloadError) and server.asked == ["/a"]


def test_ctrl_c_leaves_nothing(server, tmp_path, monkeypatch):
    server.pages["/a"] = CONTENT

    def interrupted(response):
        assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
        raise KeyboardInterrupt

    monkeypatch.setattr(download_module, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch([server.url + "a"], tmp_path / "a", MD5)
    assert not list(tmp_path.iterdir())


def test_a_progress_bar_on_a_terminal(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    server.pages["/a"] = CONTENT
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fetch([server.url + "a"], tmp_path / "digits.gz", MD5)
    assert "digits.gz" in terminal.getvalue() and "256" in terminal.getvalue()
    terminal.truncate(0)
    fetch([server.url + "a"], tmp_path / "digits.gz", MD5, progress=False)
    assert not terminal.getvalue()


@pytest.fixture
def mirrored(server, tmp_path, monkeypatch):
    """MNIST with a mirror and files of our own."""
    resources = []
    for part, n in (("train", 6), ("t10k", 4)):
        for kind, array in (
            ("images-idx3", np.full((n, 28, 28), n, "uint8")),
            ("labels-idx1", np.arange(n, dtype="uint8")),
        ):
            name = f"{part}-{kind}-ubyte.gz"
            write_idx(tmp_path / name, array)
            content = (tmp_path / name).read_bytes()
            (tmp_path / name).unlink()
            server.pages[f"/{name}"] = content
            resources.append((name, hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(MNIST, "mirrors", (server.url + "none/", server.url))
    monkeypatch.setattr(MNIST, "resources", tuple(resources))
    return server


def test_mnist_is_downloaded_once(mirrored, tmp_path):
    root = tmp_path / "new" / "folder"
    data = MNIST(root, download=True)
    assert len(data) == 6 and len(MNIST(root, train=False)) == 4
    names = sorted(name for name, _ in MNIST.resources)
    assert sorted(p.name for p in (root / "MNIST" / "raw").iterdir()) == names
    assert len(mirrored.asked) == 8  # four files, each from the second mirror
    MNIST(root, train=False, download=True)
    assert len(mirrored.asked) == 8
    (root / "MNIST" / "raw" / names[0]).unlink()
    MNIST(root, download=True)
    assert mirrored.asked[8:] == [f"/none/{names[0]}", f"/{names[0]}"]


def test_a_failed_mnist_download_says_what_to_put_where(mirrored, tmp_path):
    name = MNIST.resources[1][0]
    mirrored.pages[f"/{name}"] = b"not what was asked for"
    with pytest.raises(DownloadError) as raised:
        MNIST(tmp_path, download=True)
    text = str(raised.value)
    assert f"download of {name} failed." in text and "wrong checksum" in text
    assert f"into {tmp_path / 'MNIST' / 'raw'}" in text and "BundledMNIST() needs no" in text
    assert [p.name for p in (tmp_path / "MNIST" / "raw").iterdir()] == [MNIST.resources[0][0]]


def test_fashion_mnist_has_a_folder_of_its_own(mirrored, tmp_path, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "mirrors", MNIST.mirrors)
    monkeypatch.setattr(FashionMNIST, "resources", MNIST.resources)
    assert len(FashionMNIST(tmp_path, download=True)) == 6
    assert (tmp_path / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte.gz").is_file()
