import numpy as np
import pytest

from cnnlab.training.pictures.confusion import confusion_figure


def test_counts_colours_and_words():
    """Of four cats one is taken for a dog; both dogs are right."""
    figure = confusion_figure([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], ["cat", "dog"], "mlp")
    axes, bar = figure.axes
    assert axes.get_title() == "mlp\n5 of 6 right (83.33%)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted class", "True class")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cat", "dog"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "dog"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[75, 25], [0, 100]])
    # (column, row): count; zeros are left blank
    counts = {text.get_position(): text.get_text() for text in axes.texts}
    assert counts == {(0, 0): "3", (1, 0): "1", (1, 1): "2"}
    assert bar.get_ylabel() == "Percent of the true class"


def test_a_class_without_images_is_an_empty_row():
    figure = confusion_figure([0, 2], [0, 0], ["a", "b", "c"])
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array(), [[100, 0, 0], [0, 0, 0], [100, 0, 0]]
    )


def test_classes_without_names_are_numbered():
    figure = confusion_figure([0, 1], [2, 1])
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0", "1", "2"]


def test_a_hundred_classes_have_names_but_no_numbers():
    labels = np.arange(100)
    axes = confusion_figure(labels, labels, [f"class {i}" for i in labels]).axes[0]
    assert len(axes.get_xticklabels()) == 100
    assert len(axes.texts) == 0


@pytest.mark.parametrize(
    ("labels", "predictions", "names", "message"),
    [
        ([0, 1], [0], (), "must both be"),
        ([], [], (), "must both be"),
        ([0, 2], [0, 1], ("a", "b"), "class 2 has no name"),
    ],
)
def test_refusals(labels, predictions, names, message):
    with pytest.raises(ValueError, match=message):
        confusion_figure(labels, predictions, names)
