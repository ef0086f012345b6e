"""Penultimate features, exactly; their projections; the files of TensorBoard's projector."""

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig
from torch import Tensor, nn

from cnnlab.explain.features.penultimate import penultimate_features
from cnnlab.explain.features.projection import pca, tsne
from cnnlab.explain.features.projector import sprite_of, write_projector
from cnnlab.explain.features.scatter import scatter_figure


class HeadFirst(nn.Module):
    """Its last linear layer is defined first, and has more to say than the model returns."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)).softmax(1)


def test_features_are_the_input_of_the_last_linear_layer() -> None:
    torch.manual_seed(0)
    model = HeadFirst().train()
    model.body[3].eval()
    images = torch.rand(10, 1, 4, 4)
    features, layer = penultimate_features(model, images.split(4))
    assert (layer, features.shape) == ("head", (10, 6))
    expected = torch.cat([model.body(part) for part in images.split(4)])
    assert torch.equal(features, expected)
    assert model.training
    assert not model.body[3].training
    assert not any(module._forward_pre_hooks for module in model.modules())
    with pytest.raises(ValueError, match="no linear layer"):
        penultimate_features(nn.Conv2d(1, 3, 4), [images])


def test_projections() -> None:
    features = np.random.default_rng(0).normal(size=(40, 5)) * [5, 3, 1, 1, 1]
    points, explained = pca(features)
    left, singular, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(left * singular)[:, :2])
    np.testing.assert_allclose(explained, (singular**2 / (singular**2).sum())[:2])
    one, again = tsne(features[:12]), tsne(features[:12])
    assert one.shape == (12, 2)
    assert np.array_equal(one, again)
    assert pca(np.ones((5, 1)))[0].tolist() == [[0, 0]] * 5
    names = ("first", "second")
    labels = np.arange(40) % 25
    words = [f"class {i}" for i in range(25)]
    figure = scatter_figure({"PCA": (points, names), "t-SNE": (points, names)}, labels, words)
    assert [axes.get_title() for axes in figure.axes] == ["PCA", "t-SNE"]
    looks = {
        (handle.get_color(), handle.get_marker()) for handle in figure.legends[0].legend_handles
    }
    assert len(looks) == 25  # no two classes look alike


def test_files_of_the_projector(tmp_path) -> None:
    pixels = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 1, 2, 4), np.uint8)
    features = [[0.5, 1], [2, 3], [4, 5]]
    names = ["a\tb", "c"]
    config, tensors, metadata, sprite = write_projector(
        tmp_path, features, [0, 1, 1], [0, 0, 1], names, pixels, "input of head"
    )
    assert np.loadtxt(tensors, delimiter="\t").tolist() == features
    assert metadata.read_text().splitlines() == [
        "class\tpredicted\tright",
        "a b\ta b\tTrue",
        "c\ta b\tFalse",
        "c\tc\tTrue",
    ]
    square = np.asarray(Image.open(sprite))
    assert square[::2, ::4].tolist() == [[0, 1], [2, 0]]
    assert square.shape == (4, 8)
    (embedding,) = text_format.Parse(config.read_text(), ProjectorConfig()).embeddings
    assert (embedding.tensor_name, embedding.tensor_path) == (
        "input of head",
        str(tensors.relative_to(tmp_path)),
    )
    assert list(embedding.sprite.single_image_dim) == [4, 2]  # width, height
    large, side = sprite_of(np.zeros((200, 3, 224, 224), np.uint8))
    assert (large.shape, side) == ((840, 840, 3), (56, 56))
