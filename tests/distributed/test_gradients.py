"""N ranks do what one does with N times the batch; the checks are in jobs/gradients.py."""

import pytest


def of(checks, name):
    """What each rank returned."""
    ranks, found = checks
    assert len(found[name]) == ranks
    assert not any(isinstance(r, dict) and "error" in r for r in found[name]), found[name][0]
    return found[name]


@pytest.mark.parametrize(
    "name, bound",
    [("float64", 1e-12), ("float32", 1e-5), ("many_buckets", 1e-12), ("accumulated", 1e-12)],
)
def test_several_ranks_train_as_one(checks, name, bound):
    for found in of(checks, name):
        assert 0 <= found["parameters"] <= bound and 0 <= found["buffers"] <= bound
        assert found["same bits"]
        assert found["without gradient"] == ["unused.weight", "unused.bias"]
    assert (of(checks, "many_buckets")[0]["buckets"] > 3) and of(checks, "float64")[0][
        "buckets"
    ] == 1


def test_without_sync_batchnorm_they_do_not(checks):
    """The control: it shows that the comparison can fail."""
    for found in of(checks, "without_sync"):
        assert found["parameters"] > 1e-3 and found["same bits"]


def test_float16_gradients(checks):
    ranks, _ = checks
    mean = 4 * sum(range(1, ranks + 1)) / ranks
    assert of(checks, "half") == [["float16", [mean, mean]]] * ranks


def test_layers_that_are_trained_later(checks):
    ranks, _ = checks
    for first, second in of(checks, "frozen_and_thawed"):
        assert first[:2] == [None, None] and first[3] == [3.0, 3.0]
        # Σ over 3 samples of the mean over ranks of the input: the same in both columns.
        (a, b), _ = second[0]
        assert a == b and None not in second
        assert second[1][0] == pytest.approx(a * 2 / (ranks + 1))


def test_hooks_go_with_close(checks):
    assert of(checks, "nothing_after_close") == [float(r + 1) for r in range(checks[0])]


def test_gradients_add_up_without_zero_grad(checks):
    mean = sum(range(1, checks[0] + 1)) / checks[0]
    assert of(checks, "kept_gradient_tensors") == [[True, mean, 2 * mean]] * checks[0]


def test_a_communicator_may_be_given(checks):
    """Two of two ranks are alone; of four, 0 and 2 are together, and so are 1 and 3."""
    assert of(checks, "given_communicator") == {2: [1, 2], 4: [2, 3, 2, 3]}[checks[0]]


def test_evaluation_exchanges_nothing(checks):
    assert of(checks, "in_evaluation") == [int(rank == 1) for rank in range(checks[0])]


def test_names_in_the_state_dict(checks):
    names = [["module.weight", "module.bias"], ["weight", "bias"]]
    assert of(checks, "state_dict_names") == [names] * checks[0]


@pytest.mark.parametrize(
    "name, bound",
    [("images_float64", 1e-11), ("images_float32", 1e-5), ("one_value_on_a_rank", 1e-12)],
)
def test_sync_batchnorm_is_batchnorm_of_the_whole(checks, name, bound):
    for errors in of(checks, name):
        assert len(errors) == 6 and max(errors) <= bound


def test_sync_batchnorm_of_one_value(checks):
    for rank, text in enumerate(of(checks, "one_value_on_all")):
        assert text.startswith(
            "ShapeError: SyncBatchNorm: expected more than 1 value per channel to have a variance, "
            f"got input of shape ({int(rank == 0)}, 3)"
        )


def test_sync_batchnorm_alone(checks):
    assert of(checks, "alone_it_is_batch_norm") == [True] * checks[0]
