from cnnlab.compare.verdict import caveats, left_out, verdict


def row(*accuracies, data="digits", split="a", accelerator="cpu", first_seed=0):
    return [
        {
            "test_acc": accuracy,
            "seed": first_seed + i,
            "data": data,
            "split": split,
            "accelerator": accelerator,
        }
        for i, accuracy in enumerate(accuracies)
    ]


def test_a_distinguishable_difference():
    """Means 99.0 and 95.0, SD 0.1 and 0.2 points: 4 points, t(2.94) * 0.129 to either side."""
    said = verdict([row(0.989, 0.99, 0.991), row(0.948, 0.95, 0.952)], ["resnet20", "mlp"])
    assert said.startswith("resnet20 against mlp, the best two on validation: distinguishable")
    assert "+4.00 points of test accuracy [+3.58, +4.42]" in said
    assert "n = 3 and 3" in said


def test_a_difference_within_the_spread_is_not_distinguishable():
    said = verdict([row(0.98, 0.99, 0.97), row(0.979, 0.985, 0.97)], ["a", "b"])
    assert "not distinguishable at 95%" in said


def test_the_best_on_validation_may_be_worse_on_test():
    said = verdict([row(0.948, 0.95, 0.952), row(0.989, 0.99, 0.991)], ["a", "b"])
    assert "-4.00 points" in said


def test_no_claim_from_one_seed():
    assert verdict([row(0.99), row(0.5)], ["a", "b"]) == (
        "a against b: a Welch t test needs two seeds of each, so no claim."
    )
    assert "no claim" in verdict([row(0.99, 0.98), row(0.5)], ["a", "b"])


def test_no_claim_without_spread_across_data_sets_or_alone():
    assert "no spread" in verdict([row(0.99, 0.99), row(0.5, 0.5)], ["a", "b"])
    other = row(0.1, 0.2, data="mnist")
    assert "different data sets, so no claim" in verdict([row(0.9, 0.8), other], ["a", "b"])
    assert verdict([row(0.9, 0.8)], ["a"]) == "One configuration, a: nothing to rank."


def test_no_caveats_for_comparable_rows():
    assert caveats([row(0.9, 0.8), row(0.7, 0.6)]) == []


def test_caveats():
    assert caveats([row(0.9, 0.8), row(0.7), row(0.7)]) == [
        "the rows have different seeds: 0 1 (1 row); 0 (2 rows)"
    ]
    assert caveats([row(0.9), row(0.7, split="b")]) == [
        "digits was split in 2 ways: not all runs saw the same images"
    ]
    assert caveats([row(0.9), row(0.7, data="mnist", split="b")]) == [
        "the rows use different data sets: digits, mnist"
    ]
    assert caveats([row(0.9), row(0.7, accelerator="cuda")]) == [
        "the times are from different devices: cpu, cuda"
    ]


def test_notes_on_runs_left_out():
    assert left_out([], 0) == []
    assert left_out(["failed"], 0) == ["1 unfinished run left out (1 failed)"]
    assert left_out(["running", "failed", "failed"], 2) == [
        "3 unfinished runs left out (2 failed, 1 running)",
        "2 older runs of the same seed left out",
    ]
