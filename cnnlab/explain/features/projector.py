"""Files of TensorBoard's embedding projector: features, labels, a sprite of small pictures."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

CONFIG = "projector_config.pbtxt"  # where TensorBoard looks, in the folder of a run
FOLDER = "projector"  # beside it: TensorBoard reads nothing outside the folder of its config
LARGEST_SPRITE = 8192  # pixels of its height and width, that browsers can show
MOST_SIDE = 64  # pixels of a picture in the sprite


def write_projector(
    folder: Path,
    features: ArrayLike,
    labels: ArrayLike,
    predicted: ArrayLike,
    class_names: Sequence[str],
    pixels: NDArray[np.uint8],
    name: str,
) -> list[Path]:
    """Write projector_config.pbtxt, and in ``projector/`` tensors, metadata and sprite.

    Args:
        folder: that TensorBoard is given as a log folder, or the folder of a run in it.
        features: (N, D).
        labels, predicted: the right classes and the answers, (N,).
        class_names: (K,).
        pixels: uint8 (N, C, H, W).
        name: of the embedding in TensorBoard's list.

    Returns:
        the files.

    Raises:
        OSError: they cannot be written there.
    """
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    files = [place / each for each in ("tensors.tsv", "metadata.tsv", "sprite.png")]
    np.savetxt(files[0], np.asarray(features), fmt="%.6g", delimiter="\t")
    words = [" ".join(each.split()) for each in class_names]  # a tab would begin a column
    pairs = zip(np.asarray(labels).tolist(), np.asarray(predicted).tolist(), strict=True)
    rows = [f"{words[true]}\t{words[guess]}\t{true == guess}" for true, guess in pairs]
    files[1].write_text("\n".join(["class\tpredicted\tright", *rows]) + "\n", encoding="utf-8")
    sprite, side = sprite_of(pixels)
    Image.fromarray(sprite.squeeze(-1) if sprite.shape[2] == 1 else sprite).save(files[2])
    config = folder / CONFIG
    config.write_text(
        "embeddings {\n"
        f'  tensor_name: "{name}"\n'
        f'  tensor_path: "{FOLDER}/tensors.tsv"\n'
        f'  metadata_path: "{FOLDER}/metadata.tsv"\n'
        "  sprite {\n"
        f'    image_path: "{FOLDER}/sprite.png"\n'
        f"    single_image_dim: {side[1]}\n"
        f"    single_image_dim: {side[0]}\n"
        "  }\n}\n",
        encoding="utf-8",
    )
    return [config, *files]


def sprite_of(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """All pictures row by row in one square, as the projector cuts them out again.

    Args:
        pixels: uint8 (N, C, H, W).

    Returns:
        uint8 (rows * h, rows * w, C), and the height h and width w of one picture, smaller than
        H and W where the square would otherwise be too large.
    """
    count, channels, height, width = pixels.shape
    per_row = math.ceil(math.sqrt(count))
    step = -(-max(height, width) // min(MOST_SIDE, LARGEST_SPRITE // per_row))
    small = pixels[:, :, ::step, ::step]
    height, width = small.shape[2:]
    filled = np.zeros((per_row**2, channels, height, width), np.uint8)
    filled[:count] = small
    square = filled.reshape(per_row, per_row, channels, height, width).transpose(0, 3, 1, 4, 2)
    return square.reshape(per_row * height, per_row * width, channels), (height, width)
