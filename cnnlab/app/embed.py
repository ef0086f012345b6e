"""``cnnlab embed``: what a classifier makes of the test images, in a plane and in TensorBoard.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.cli_listing import Imports, check_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from cnnlab.data.dataset import Images
    from cnnlab.inference.load import Run

FOLDER = "embed"  # in the run
FEWEST = 10  # images; fewer have no neighbours


def embed(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    images: Annotated[
        int, typer.Option(min=FEWEST, help="At most this many test images, classes in proportion.")
    ] = 2000,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Folder for all files [default: embed/ in RUN, and its tb/]."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Open the picture.")] = False,
    imports: Imports = None,
) -> None:
    """Features of test images by PCA and t-SNE, by class.

    The features are the input of the last linear layer. Writes embedding.png, embedding.csv and
    the files of TensorBoard's projector, which cnnlab tensorboard RUN shows.
    """
    import pandas as pd

    from cnnlab.app.written_picture import output_file, write_picture
    from cnnlab.discovery import discover
    from cnnlab.explain.features.projection import pca, tsne
    from cnnlab.explain.features.scatter import scatter_figure
    from cnnlab.inference.load import load_run
    from cnnlab.inference.test_images import load_test_images, stratified_sample
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.durable import write_text
    from cnnlab.training.pictures.class_names import short_names

    discover(imports or [])
    chosen = check_folder("--out", out)
    if chosen is not None and output_file(out, Path("any"), ".png") == chosen:
        raise CnnlabError(f"--out {out}: several files are written; name a folder")
    loaded = load_run(run)
    if loaded.folder.is_ensemble:
        raise CnnlabError(f"{run}: an ensemble has no features of its own; give one of its members")
    sample = stratified_sample(load_test_images([loaded]), images)
    if len(sample) < FEWEST:
        raise CnnlabError(f"{run}: only {len(sample)} test images; {FEWEST} are needed")
    features, predicted, layer = _features(loaded, sample)
    labels = sample.labels.numpy()
    names = list(loaded.spec.class_names) or list(map(str, range(loaded.spec.num_classes)))
    (planar, explained), neighbours = pca(features), tsne(features)
    size = f"the {features.shape[1]:,} inputs of '{layer}'"
    print(f"{len(sample):,} test images; features: {size}, the last linear layer")
    shares = [f"component {i} ({share:.0%} of variance)" for i, share in enumerate(explained, 1)]
    panels = {
        "PCA": (planar, (shares[0], shares[1])),
        "t-SNE": (neighbours, ("t-SNE 1 (no unit)", "t-SNE 2 (no unit)")),
    }
    title = f"{loaded.folder.name}: {size} for {len(sample):,} test images"
    figure = scatter_figure(panels, labels, short_names(names), title)
    place = chosen or loaded.folder.path / FOLDER
    write_picture(figure, place / "embedding.png", show=show)
    columns = {
        "class": [names[label] for label in labels],
        "predicted": [names[label] for label in predicted],
        **{f"pca_{i + 1}": planar[:, i] for i in range(2)},
        **{f"tsne_{i + 1}": neighbours[:, i] for i in range(2)},
    }
    write_text(place / "embedding.csv", pd.DataFrame(columns).to_csv(index=False))
    print(place / "embedding.png", place / "embedding.csv", sep="\n")
    logs = chosen or loaded.folder.tensorboard_dir
    title = f"input of {layer}"
    _write_projector(logs, features, sample, predicted, names, title, needs_log=chosen is None)


def _features(run: "Run", images: "Images") -> tuple["Tensor", "NDArray[np.int64]", str]:
    """The features (N, D), the answers (N,), and the name of the last linear layer.

    Raises:
        CnnlabError: the network has none.
    """
    import torch

    from cnnlab.data.loading.datamodule import eval_batch_size
    from cnnlab.data.loading.memory import MemoryBatches
    from cnnlab.explain.features.penultimate import penultimate_features
    from cnnlab.registry import CnnlabError

    batches = MemoryBatches(images, run.spec, "cpu")
    step = eval_batch_size(run.spec, min(run.config.batch_size, len(images)))
    parts = torch.split(torch.arange(len(images)), step)
    answers: list[Tensor] = []
    handle = run.model.register_forward_hook(
        lambda _model, _inputs, outputs: answers.append(outputs.argmax(1))
    )
    try:
        features, layer = penultimate_features(run.model, (batches(part)[0] for part in parts))
    except ValueError as error:
        model = run.config.model["name"]
        raise CnnlabError(f"{run.folder}: {model}: {error}, so it has no such features") from error
    finally:
        handle.remove()
    return features, torch.cat(answers).numpy(), layer


def _write_projector(
    folder: Path,
    features: "Tensor",
    images: "Images",
    predicted: "NDArray[np.int64]",
    names: list[str],
    title: str,
    *,
    needs_log: bool,
) -> None:
    """Write the projector's files; of a run without a log an empty one, so that it is listed.

    Raises:
        CnnlabError: they cannot be written there.
    """
    from torch.utils.tensorboard import SummaryWriter

    from cnnlab.explain.features.projector import write_projector
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.read_file import reason

    labels, pixels = images.labels.numpy(), images.pixels.numpy()
    try:
        files = write_projector(
            folder, features.numpy(), labels, predicted, names, pixels, name=title
        )
        if needs_log and not any(folder.glob("events.out.tfevents.*")):
            SummaryWriter(str(folder)).close()
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or folder}: {reason(error)}; use another folder with --out FOLDER"
        ) from error
    print(*files, sep="\n")
