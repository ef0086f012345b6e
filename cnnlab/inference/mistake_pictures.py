"""The pictures of a run's most confident mistakes, from its folder or from its data set."""

import os

import numpy as np
import torch
from numpy.typing import NDArray

from cnnlab.config.options import LISTS
from cnnlab.config.parse import parse
from cnnlab.data.loading.load import load_images
from cnnlab.inference.data import find_dataset
from cnnlab.inference.load import naming
from cnnlab.registry import CnnlabError
from cnnlab.runs.mistakes import Mistakes, confidences, most_confident_mistakes, read_mistakes
from cnnlab.runs.run_dir import RunDir


def mistake_pictures(
    folder: RunDir, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> Mistakes:
    """The most confident mistakes with their pictures.

    Those in mistakes.npz; of a run that was made before there was one, from its data set.

    Args:
        logits: of the test images, (N, K).
        labels: (N,).

    Raises:
        CnnlabError: mistakes.npz is damaged; or there is none, and the data set is not there or
            has other test images.
    """
    if os.path.lexists(folder.mistakes_file):
        return read_mistakes(folder.mistakes_file)
    with naming(folder.config_file):
        saved = folder.config()
        config = parse({key: value for key, value in saved.items() if key not in LISTS})
        dataset = find_dataset(folder, config, same_test_set=True)
    images = load_images(dataset).test
    if not np.array_equal(images.labels.numpy(), labels):
        raise CnnlabError(f"{folder}: its data have changed: other images are in the test set")
    index = most_confident_mistakes(logits, labels)
    chosen = logits[index]
    return Mistakes(
        images.read(torch.from_numpy(index)).numpy(),
        labels[index],
        chosen.argmax(1),
        confidences(chosen),
        index,
    )
