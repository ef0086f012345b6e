"""What the slides show: numbers in cells, frames, sizes; never a figure without them."""

import io

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from cnnlab.explain.convolution.animation import MOST_FRAMES, frames, shown_steps, write_gif
from cnnlab.explain.convolution.kernels import KERNELS
from cnnlab.explain.convolution.maps import map_panel, picture_panel, pool_panel
from cnnlab.explain.convolution.maps_figure import maps_figure
from cnnlab.explain.convolution.slide import step_figure
from cnnlab.explain.convolution.sliding import cross_correlate, slide_pool
from cnnlab.explain.convolution.step_table import print_steps
from cnnlab.explain.convolution.strip import strip_figure

FOUR = torch.tensor([[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]])
KERNEL = torch.tensor([[2, 0, 1], [0, 1, 2], [1, 0, 2]])


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


def test_a_step_shows_its_products_and_sum():
    figure = step_figure(cross_correlate(FOUR, KERNEL), 2)
    said = texts(figure)
    assert "2*2 + 3*0 + 0*1 + 1*0 + 2*1 + 3*2 + 0*1 + 1*0 + 2*2 = 16" in said
    assert "step 2 of 4: row 1, column 2 of the output" in said
    assert "Output size: (W - F + 2P)/S + 1 = (4 - 3 + 2*0)/1 + 1 = 2" in said
    output = [text.get_text() for text in figure.axes[-1].texts]
    assert output == ["15", "16", "", ""]
    assert [text.get_text() for text in figure.axes[2].texts] == list("400026004")


def test_the_strip_shows_every_step_filling_the_output():
    figure = strip_figure(cross_correlate(FOUR, KERNEL))
    said = texts(figure)
    assert [t for t in said if t.startswith("step ")] == [f"step {i}" for i in range(1, 5)]
    assert [t for t in said if t.startswith("sum ")] == ["sum 15", "sum 16", "sum 6", "sum 15"]
    outputs = [[text.get_text() for text in axes.texts] for axes in figure.axes[3::3]]
    assert outputs[1] == ["15", "16", "", ""]
    assert outputs[-1] == ["15", "16", "6", "15"]


def test_many_steps_are_shown_in_part_and_said(monkeypatch):
    sliding = cross_correlate(torch.ones(12, 12), torch.ones(3, 3))
    numbers = [step.number for step in shown_steps(sliding)]
    assert (len(numbers), numbers[0], numbers[-1]) == (MOST_FRAMES, 1, 100)
    monkeypatch.setattr("cnnlab.explain.convolution.strip.MOST_STEPS", 2)
    assert any(text.startswith("2 of 100 steps. ") for text in texts(strip_figure(sliding)))


def test_the_animation_has_a_frame_for_each_step():
    sliding = slide_pool(FOUR, "max", 2)
    pictures = frames(sliding)
    assert len(pictures) == 4
    file = io.BytesIO()
    write_gif(pictures, file)
    with Image.open(file) as movie:
        assert (movie.n_frames, movie.size, movie.info["loop"]) == (4, pictures[0].size, 0)
        assert movie.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        movie.seek(3)
        assert movie.info["duration"] == 3000


def test_the_table_fits_80_columns_and_has_the_slides_numbers():
    file = io.StringIO()
    print_steps(
        cross_correlate(FOUR * 100, KERNEL, padding=1, stride=2), Console(file=file, width=80)
    )
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "output [[700, 1000], [1000, 1500]]" in lines
    assert "stride 2 keeps 4 of 16 positions" in lines
    assert "no window reaches the last 1 row and 1 column" in lines


def test_maps_side_by_side_with_their_kernels_and_arithmetic():
    picture = torch.rand(3, 20, 30)
    panels = [picture_panel(picture), *(map_panel(picture, k) for k in KERNELS.values())]
    figure = maps_figure(panels, "A title", note="from nowhere")
    said = texts(figure)
    assert {"A title", "from nowhere", "picture", *KERNELS} <= set(said)
    assert "18x28x1  R + G + B" in said
    assert "18x28x3  R, G, B each" in said
    assert "/ 256" in said
    assert any("(20 - 3 + 2*0)/1 + 1 = 18" in text for text in said)
    assert figure.get_size_inches()[0] == pytest.approx(13.33)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 200), (1, 200, 1), (1, 28, 28)])
def test_pictures_of_any_proportions(shape):
    picture = torch.rand(shape)
    panel = map_panel(picture, KERNELS["sobel_x"], padding="same")
    figure = maps_figure([picture_panel(picture), panel, pool_panel(panel, "max", 1)], "$x_1$ \\$")
    figure.canvas.draw()
    width, height = figure.get_size_inches()
    assert 8 <= width <= 13.4
    assert height < 8
