"""`fit` and `evaluate` on several ranks; the checks are in jobs/whole_runs.py."""

import pytest


def of(checks, name):
    """What each rank returned."""
    ranks, found = checks
    assert len(found[name]) == ranks
    assert not any(isinstance(r, dict) and "error" in r for r in found[name]), found[name][0]
    return found[name]


@pytest.mark.parametrize("name", ["a_loader", "with_workers", "a_list_of_batches", "own_sampler"])
def test_a_run_of_several_ranks_is_that_of_one(checks, name):
    for found in of(checks, name):
        assert found["parameters"] <= 1e-12 and found["figures"] <= 1e-12
        assert found["same bits"]
        steps = 2 * 12 // checks[0] if name == "own_sampler" else 4
        assert found["steps"] == [steps, steps]


def test_the_comparison_can_fail(checks):
    """The control: batch normalisation of each rank's samples only."""
    for found in of(checks, "not_synchronized"):
        assert found["parameters"] > 1e-3 and found["same bits"]


def test_a_parallel_model_may_be_given(checks):
    assert of(checks, "parallel_model_given") == [[True, "0.weight", 4]] * checks[0]


def test_each_sample_is_seen_once(checks):
    found = of(checks, "who_sees_what")
    seen = [index for rank in found for index in rank["seen"]]
    assert sorted(seen) == list(range(29))
    sizes = [len(rank["seen"]) for rank in found]
    assert max(sizes) - min(sizes) <= 1


def test_each_rank_has_dropout_of_its_own(checks):
    drawn = [tuple(rank["drawn"]) for rank in of(checks, "who_sees_what")]
    assert len(set(drawn)) == checks[0]


def test_a_run_goes_on_to_the_same_bits(checks):
    for found in of(checks, "restarted"):
        assert found == [["interrupted", step, True, True] for step in (1, 2, 3, 5)]


def test_evaluation_is_that_of_one_rank(checks):
    whole = [23, 3, 40, 23]
    found = of(checks, "evaluated")
    for *loaders, from_a_list in found:
        assert [same for same, _, _ in loaders] == [True] * 4
        assert [seen for _, seen, _ in loaders] == whole  # by the rank that was alone
        assert from_a_list == [0, 1, 2, 0] * 3
    # Rank 0 has drawn an order, as it would alone; the others have drawn nothing.
    after = [[drawn for _, _, drawn in loaders] for *loaders, _ in found]
    assert after[0][2] != after[0][0]
    assert all(len(set(drawn)) == 1 for drawn in after[1:])


MESSAGES = {
    "shapes": "DistributedDataParallel: the ranks differ in the parameter '0.weight': (3, 4) "
    "float32, trained on rank 0, (5, 4) float32, trained on rank 1. Build the same network on all",
    "dtypes": "in the parameter '0.weight': (3, 4) float32, trained on rank 0, (3, 4) float64, ",
    "names": "the ranks differ in the order of parameters: ['0.weight', '1.weight', '1.bias'] on "
    "rank 0, ['0.weight', '0.bias', '1.weight', '1.bias'] on rank 1",
    "frozen": "DistributedDataParallel: Linear has no parameter that requires a gradient",
    "data sizes": "the ranks differ in the number of samples: 29 on rank 0, 37 on rank 1",
    "epochs": "the ranks differ in the number of epochs: 2 on rank 0, 3 on rank 1",
    "few samples": "the data set has {less} samples, fewer than the {ranks} ranks; start fewer",
    "small batches": "a batch has {less} samples, fewer than the {ranks} ranks that share it; "
    "choose another batch size, drop_last=True, or fewer ranks",
    "small last batch": "the last batch of an epoch has 1 samples, fewer than the {ranks} ranks",
    "small list": "a batch must be tensors of at least {ranks} samples, one for each rank; got 1",
    "drift": "the ranks differ in the checksum of '0.weight': ",
    "sampler": "evaluate: shares the batches among the ranks itself; give it a loader without",
    "error of rank 0": "ZeroDivisionError: ",
    "no output": "Opaque must give a tensor, or lists, tuples and dictionaries of them; got Simple",
    "no tensor": "expected a tensor (samples, …) among the inputs; there is none",
}


@pytest.mark.parametrize("what", MESSAGES)
def test_what_is_refused_on_all_ranks_alike(checks, what):
    texts = {found[what] for found in of(checks, "refusals")}
    (text,) = texts
    assert MESSAGES[what].format(ranks=checks[0], less=checks[0] - 1) in text
    if what != "error of rank 0":
        assert text.startswith("ArgumentError: ")


def test_all_refusals_were_looked_at(checks):
    assert set(of(checks, "refusals")[0]) == set(MESSAGES)


def test_a_small_last_batch_may_be_dropped(checks):
    assert of(checks, "small_last_batch_dropped") == [8] * checks[0]


def test_collectives(checks):
    ranks = checks[0]
    for rank, found in enumerate(of(checks, "collectives")):
        assert found["rank"] == [rank, ranks, True, 1]
        assert found["all_reduce"] == [[ranks * (ranks + 1) / 2] * 3] * 2
        assert found["broadcast"] == [0.0, 0.0]
        assert found["from_first"] == 10
        assert found["objects"] == [{"rank": r} for r in range(ranks)]
        assert found["threads"] == 1
