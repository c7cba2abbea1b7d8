"""The commands of examples/nas: journals, budgets, interruptions, table and picture."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import commands
import compare
import darts
import evaluate
import journal
import numpy as np
import pytest
import report
import space

FOLDER = Path(compare.__file__).parent


# ------------------------------------------------------------------ journals


def test_a_journal_answers_what_it_holds_and_counts_every_call(few_parts, tmp_path, monkeypatch):
    path, cell = tmp_path / "run" / "a.jsonl", space.SPACE.cell([1] * 8)
    calls = []

    def trained(cell, few_parts, images, seed):
        calls.append(seed)
        return seed / 10**6

    monkeypatch.setattr(journal, "evaluate", trained)
    first = journal.Evaluations(few_parts, 50, 2, journal.Journal(path))
    assert [first(cell), first(cell)] == [0.2, 0.200001]  # the same cell, trained twice
    second = journal.Evaluations(few_parts, 50, 2, journal.Journal(path))
    assert [second(cell), second(cell), second(cell)] == [0.2, 0.200001, 0.200002]
    assert calls == [200_000, 200_001, 200_002]
    other = journal.Evaluations(few_parts, 50, 2, journal.Journal(path))
    other(space.SPACE.cell([0] * 8))  # not the cell that is there
    assert len(calls) == 4
    assert commands.seen(journal.Journal(path).records) == 200


def test_a_line_cut_off_is_dropped_and_a_damaged_one_reported(tmp_path):
    path = tmp_path / "a.jsonl"
    one = journal.Journal(path)
    one.append(number=1)
    one.append(number=2)
    text = path.read_bytes()
    path.write_bytes(text[:-4])
    assert journal.read_records(path) == ([{"number": 1}], 14)
    assert path.read_bytes() == text[:-4]  # reading alone changes nothing
    two = journal.Journal(path)
    two.append(number=3)
    assert journal.Journal(path).records == [{"number": 1}, {"number": 3}]
    path.write_bytes(b'{"number": 1}\n"\x80"\n{}\n')
    with pytest.raises(OSError, match=r"a\.jsonl, line 2, is damaged; delete the file"):
        journal.Journal(path)


# ------------------------------------------------------------------ the commands


@pytest.mark.parametrize("method", commands.METHODS)
def test_every_method_stays_in_its_budget(method, few_parts):
    one = journal.Journal()
    cell = commands.find_cell(method, few_parts, 260, 50, 0, one)
    assert cell in set(space.SPACE)
    assert one.records[-1] == {"found": method, "cell": journal.as_json(cell)}
    spent = commands.seen(one.records)
    assert 260 - 50 - 50 < spent <= 260 - 50
    assert commands.find_cell(method, None, 260, 50, 0, one) == cell  # nothing is done again


def test_one_method_as_a_command(few_digits, capsys, tmp_path):
    arguments = ["--budget", "150", "--images", "50", "--out", str(tmp_path / "a.jsonl")]
    outputs = []
    for _ in range(2):
        assert commands.run_search("controller", "About it.", arguments) == 0
        outputs.append(capsys.readouterr().out.split(";")[0])
    assert outputs[0] == outputs[1]
    assert "controller found" in outputs[0]
    assert "after 100 training images of search and 50 of training" in outputs[0]


OPTIONS = [
    *("--budget", "200", "--images", "50", "--seeds", "2", "--cells", "5"),
    *("--repeats", "2", "--workers", "1"),
]


def run_compare(folder, *options):
    return compare.main([*OPTIONS, *folders(folder), *options])


def without_seconds(folder):
    kept = {}
    for path in sorted((folder / "out").rglob("*.jsonl")):
        records = journal.Journal(path).records
        kept[path.name] = [{k: v for k, v in r.items() if k != "seconds"} for r in records]
    return kept


@pytest.fixture(scope="module")
def compared(few_parts, tmp_path_factory):
    """A whole comparison, on few digits."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        for module in (commands, compare):
            patch.setattr(module, "load_parts", lambda data_dir: few_parts)
        assert run_compare(folder) == 0
    return folder


def test_a_comparison_leaves_table_numbers_and_picture(compared):
    from PIL import Image

    with Image.open(compared / "pictures" / "nas.png") as picture:
        assert min(picture.size) > 600
    numbers = json.loads((compared / "results" / "nas.json").read_text())
    assert len(numbers["random_cells"]) == 5
    assert numbers["median"] == pytest.approx(np.median(numbers["random_cells"]), abs=1e-4)
    assert [(r["method"], r["seed"]) for r in numbers["runs"]] == [
        (method, seed) for method in ("DARTS", "controller", "random search") for seed in (0, 1)
    ]
    assert {run["search_images"] for run in numbers["runs"]} == {150}
    text = (compared / "results" / "nas.md").read_text()
    for method in commands.METHODS:
        runs = [r for r in numbers["runs"] if r["method"] == method]
        good = sum(r["test"] >= numbers["median"] - 1e-5 for r in runs)
        assert f"**{method}**: at least as good as the median random cell in {good} of 2" in text
    assert "--budget 200 --images 50 --seeds 2 --cells 5 --repeats 2" in text


def test_test_images_are_seen_only_when_all_searches_are_over(few_digits, tmp_path, monkeypatch):
    order = []

    def noted(model, part):
        order.append("test" if part is few_digits.test else "validation")
        return accuracy(model, part)

    accuracy = evaluate.accuracy
    monkeypatch.setattr(evaluate, "accuracy", noted)
    monkeypatch.setattr(compare, "accuracy", noted)
    search, searched = compare.find_cell, []
    monkeypatch.setattr(compare, "find_cell", lambda *a: searched.append(len(order)) or search(*a))
    assert run_compare(tmp_path, "--repeats", "1") == 0
    assert len(searched) == 6
    assert "test" in order
    assert order.index("test") > searched[-1]


@pytest.mark.parametrize("stop", [1, 7, 14])
def test_an_interrupted_comparison_goes_on(
    few_digits, compared, tmp_path, monkeypatch, capsys, stop
):
    append, seen = journal.Journal.append, []

    def append_and_interrupt(self, **record):
        append(self, **record)
        seen.append(1)
        if len(seen) == stop:
            signal.raise_signal(signal.SIGINT)
        return record

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "append", append_and_interrupt)
        assert run_compare(tmp_path) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
    assert run_compare(tmp_path) == 0
    assert without_seconds(tmp_path) == without_seconds(compared)


def test_more_seeds_and_cells_can_follow(few_digits, compared, tmp_path, monkeypatch):
    shutil.copytree(compared / "out", tmp_path / "out")
    monkeypatch.setattr(darts, "search", None)  # what is there is not searched again
    assert run_compare(tmp_path, "--seeds", "1", "--cells", "7") == 0
    numbers = json.loads((tmp_path / "results" / "nas.json").read_text())
    assert (len(numbers["runs"]), len(numbers["random_cells"])) == (3, 7)


def folders(folder):
    """The options that say where everything goes."""
    return [text for n in ("out", "results", "pictures") for text in (f"--{n}", str(folder / n))]


def test_two_workers_find_what_one_finds(tmp_path):
    """In processes of their own, with all digits."""
    options = [*OPTIONS[:4], "--seeds", "1", "--cells", "4", "--repeats", "1"]
    command = [sys.executable, str(FOLDER / "compare.py"), *options, *folders(tmp_path / "two")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert compare.main([*options, "--workers", "1", *folders(tmp_path / "one")]) == 0
    assert without_seconds(tmp_path / "two") == without_seconds(tmp_path / "one")
    assert len(without_seconds(tmp_path / "one")) >= 3 + 4


def test_ctrl_c_ends_all_processes(tmp_path):
    command = [sys.executable, str(FOLDER / "compare.py"), "--budget", "1000000"]
    command += ["--images", "50", "--seeds", "1"]
    process = subprocess.Popen(
        [*command, *folders(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        while not (tmp_path / "out" / "controller-0.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)  # the pipes close when the workers are gone too
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # a failure must not leave workers behind
        raise
    assert process.returncode == 130
    assert errors.decode().splitlines() == [
        "interrupted; with --out, the same command goes on from here"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "99"], "--budget: must be at least 100"),
        (["--images", "30"], "--images: must be a multiple of 25"),
        (["--images", "0"], "--images: must be a multiple of 25"),
        (["--seeds", "0"], "--seeds: must be at least 1, got 0"),
        (["--cells", "3"], "--cells: must be at least 4, got 3"),
        (["--repeats", "0"], "--repeats: must be at least 1"),
        (["--workers", "-1"], "--workers: must be at least 1"),
        (["--budget", "many"], "invalid int value: 'many'"),
    ],
)
def test_a_mistake_in_an_argument_is_one_line(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as stopped:
        run_compare(tmp_path, *options)
    assert stopped.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert message in last
    assert not list(tmp_path.iterdir())


def test_other_mistakes_are_one_line(few_digits, compared, tmp_path, capsys, monkeypatch):
    def error_of(folder, *options):
        assert run_compare(folder, *options) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        return lines[0]

    shutil.copytree(compared / "out", tmp_path / "out")
    assert "comparison with other settings (budget)" in error_of(tmp_path, "--budget", "250")
    damaged = tmp_path / "out" / "controller-1.jsonl"
    damaged.write_text("nonsense\n")
    assert "controller-1.jsonl, line 1, is damaged" in error_of(tmp_path)
    with contextlib.suppress(SystemExit):
        commands.run_search("DARTS", "About it.", ["--seed", "-1"])
    assert "--seed: must be at least 0, got -1" in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setattr(compare, "load_parts", evaluate.load_parts)
    assert "FashionMNIST: found no" in error_of(tmp_path, "--data-dir", str(tmp_path / "none"))


# ------------------------------------------------------------------ the report's arithmetic


def test_permutation_test():
    assert report.permutation_test([1, 2], [1, 2]) == 1
    assert report.permutation_test([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert report.permutation_test([0.0, 3.0], [1.0, 2.0]) == 1
    assert report.permutation_test([0.0, 1.0], [2.0, 9.0]) == pytest.approx(2 / 6)


def test_share_below():
    assert report.share_below(3, [1, 2, 3, 4]) == 0.625
    assert report.share_below(0, [1, 2]) == 0
    assert report.share_below(9, [1, 2]) == 1
