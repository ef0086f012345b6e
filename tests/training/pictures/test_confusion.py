import numpy as np
import pytest

from cnnlab.training.pictures.class_names import short_names
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


@pytest.mark.slow
def test_many_classes_are_large_enough_to_be_read():
    """Letters of 10 pixels, a name for each of a hundred; of more, as many as there is room for."""
    for k, named in ((31, 31), (100, 100), (101, 51), (1000, 100)):
        axes = confusion_figure([0, k - 1], [0, 0], [f"class {i}" for i in range(k)]).axes[0]
        labels = axes.get_yticklabels()
        assert [label.get_text() for label in labels[:2]] == ["class 0", f"class {-(-k // 100)}"]
        assert len(labels) == len(axes.get_xticklabels()) == named
        figure = axes.figure
        pixels_of_a_name = axes.get_position().height * figure.get_size_inches()[1] * 120 / named
        assert labels[0].get_fontsize() * 120 / 72 > 10
        assert pixels_of_a_name > labels[0].get_fontsize() * 120 / 72
        assert max(figure.get_size_inches()) * 120 < 2600
        image = axes.images[0]
        one_percent, nothing = image.cmap(image.norm([1, 0]))
        assert abs(one_percent[:3] - nothing[:3]).sum() > 0.1  # seen without a number


def test_long_names_are_cut_and_what_the_font_has_not_is_left_out(tmp_path):
    """No warning of a missing glyph, which would stand in the run's log."""
    long = "a_class_of_pictures_with_a_name_of_fifty-one_letter"
    names = ["cat", "dog \N{DOG}", "\u732b", long, f"{long}s", f"{long[:30]}...{long[33:]}"]
    figure = confusion_figure([0, 1], [1, 1], names, title="mlp_\N{DOG}")
    cut = "a_class_of_pictu…_letter"
    other = "a_class_of_pictu…letters"
    assert short_names(names) == ["cat", "dog", "2", f"3 {cut}", other, f"5 {cut}"]
    assert short_names(["$x_1$", "5$"]) == [r"\$x_1\$", r"5\$"]  # no formula
    figure.savefig(tmp_path / "confusion.png")
    assert figure.axes[0].get_title().startswith("mlp_\n")
    width, height = figure.get_size_inches()
    assert width < 8
    assert height < 8


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
