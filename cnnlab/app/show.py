"""``cnnlab show``: training images as the network sees them, and what is in the data set."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.app.cli_listing import Imports
from cnnlab.app.config_arguments import Out, Show, Words, read_config
from cnnlab.app.written_picture import output_file, write_picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from cnnlab.config.options import RunConfig
    from cnnlab.data.dataset import ImageDataset, Splits
    from cnnlab.training.preview import ChannelStatistics

DRAWS, IMAGES = 4, 8  # of a grid with augmentation
IMAGES_ALONE = 32  # without
MOST_CLASSES = 30  # that are listed; of more the extremes are


def show(
    words: Words = None,
    out: Out = None,
    show: Show = False,
    imports: Imports = None,
) -> None:
    """Show training images before and after augmentation.

    cnnlab show data=cifar10 augment=[randaugment]

    Takes the overrides of cnnlab train. Writes the images of the first batch, as stored and as the
    network gets them in the first epochs, and a chart of the classes; prints split sizes and hash,
    class counts, mean and standard deviation of each channel.
    """
    config = _read(words, imports)
    name = config.data["name"]
    path = output_file(out, Path(f"{name}-images.png"), ".png")
    chart = path.with_name(f"{path.stem.removesuffix('-images')}-classes.png")
    from cnnlab.data.loading.load import load_images
    from cnnlab.terminal import console
    from cnnlab.training.assemble import assemble
    from cnnlab.training.pictures.class_counts import class_counts_figure
    from cnnlab.training.pictures.training_images import training_images_figure
    from cnnlab.training.preview import channel_statistics, preview

    parts = assemble(config, "meta")
    dataset, spec = parts.dataset, parts.dataset.spec
    splits = load_images(dataset)
    if splits.num_broken:  # fewer images, fewer steps
        config = _with_fitting_batch(config, dataset)
        parts = assemble(config, "meta", dataset=dataset)
    augmentation = _augmentation(config, dataset)
    found = preview(config, parts, splits, images=IMAGES, draws=DRAWS)
    if not found.augmented:
        found = preview(config, parts, splits, images=IMAGES_ALONE, draws=1)
    counts = class_counts(splits, spec.num_classes)
    for line in _facts(config, dataset, splits, augmentation):
        print(line)
    console().print(_class_table(counts, spec.class_names))
    console().print(_channel_table(channel_statistics(splits.train, spec), spec.normalisation()))
    title = f"{name}: training images of {spec}\n{augmentation}"
    write_picture(training_images_figure(found, spec, title), path, show=show)
    print(path)
    sizes = f"{name}: images of each class (split {splits.digest})"
    write_picture(class_counts_figure(counts, spec.class_names, sizes), chart, show=show)
    print(chart)


def _read(words: list[str] | None, imports: list[str] | None) -> "RunConfig":
    """The config, checked; of a data set with too few images for a batch, with a smaller one.

    Raises:
        CnnlabError: the words are refused.
    """
    from cnnlab.registry import CnnlabError

    try:
        return read_config(words, imports)
    except CnnlabError:
        from cnnlab.app.compose import compose
        from cnnlab.config.schema import build
        from cnnlab.registry import DATASETS
        from cnnlab.training.assemble import preflight

        config = compose(words or [], preflight=False)
        fitting = _with_fitting_batch(config, build(DATASETS, config.data))
        if fitting is config:
            raise
    return preflight(fitting)[0]


def _with_fitting_batch(config: "RunConfig", dataset: "ImageDataset") -> "RunConfig":
    """The config, or where its batch has more images than there are, with a smaller one."""
    from dataclasses import replace

    needed = config.batch_size * config.trainer.accumulate
    if not 0 < dataset.num_train < needed:
        return config
    fitting = min(config.batch_size, dataset.num_train)
    few = f"{dataset.num_train} training images are fewer than a batch of {needed}"
    print(f"{few}: shown with batch_size={fitting}", file=sys.stderr)
    return replace(config, batch_size=fitting, trainer=replace(config.trainer, accumulate=1))


def class_counts(splits: "Splits", num_classes: int) -> "dict[str, NDArray[np.integer]]":
    """Images of each class, (K,), in train, val and test."""
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    return {
        part: images.labels.bincount(minlength=num_classes).numpy()
        for part, images in parts.items()
    }


def _augmentation(config: "RunConfig", dataset: "ImageDataset") -> str:
    """The augmentations with the options that are not at their defaults."""
    import dataclasses

    from cnnlab.data.loading.augment import NO_AUGMENT
    from cnnlab.text import as_typed

    if config.trainer.overfit is not None:
        return "no augmentation, because of trainer.overfit"
    standard = dataclasses.asdict(NO_AUGMENT)
    changed = dataclasses.asdict(dataset.augment).items()
    said = [f"{key}={as_typed(value)}" for key, value in changed if value != standard[key]]
    for name, options in config.augment.items():
        listed = ", ".join(f"{key}={as_typed(value)}" for key, value in options.items())
        said.append(f"{name}({listed})")
    return f"augmentation: {', '.join(said)}" if said else "no augmentation"


def _facts(
    config: "RunConfig", dataset: "ImageDataset", splits: "Splits", augmentation: str
) -> list[str]:
    """The data set, its paper and licence, its size, its split."""
    from cnnlab.config.docs import first_paragraph
    from cnnlab.registry import DATASETS

    entry, spec = DATASETS[config.data["name"]], dataset.spec
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    sizes = ", ".join(f"{part} {len(images):,}" for part, images in parts.items())
    lines = [f"{entry.name}: {first_paragraph(entry.component)}"]
    lines += [f"paper: {entry.paper}"] if entry.paper else []
    lines += dataset.notes()
    lines += [f"{splits.num_broken:,} unreadable pictures left out"] if splits.num_broken else []
    return [
        *lines,
        f"images of {spec}, {spec.num_classes} classes",
        f"split: {sizes}; hash {splits.digest}",
        augmentation,
    ]


def _class_table(counts: "dict[str, NDArray[np.integer]]", names: tuple[str, ...]) -> "Table":
    """A row for each class, or of many classes for the smallest and the largest one."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", overflow="fold")
    for part in counts:
        table.add_column(part, justify="right")
    columns = list(counts.values())
    number = len(columns[0])
    if number <= MOST_CLASSES:
        for k in range(number):
            name = escape(names[k]) if names else str(k)
            table.add_row(name, *(f"{column[k]:,}" for column in columns))
    else:
        table.add_row("smallest class", *(f"{column.min():,}" for column in columns))
        table.add_row("largest class", *(f"{column.max():,}" for column in columns))
    table.add_row(f"all {number:,}", *(f"{column.sum():,}" for column in columns))
    return table


def _channel_table(
    found: "ChannelStatistics", stated: tuple[tuple[float, ...], tuple[float, ...]]
) -> "Table":
    """Mean and standard deviation of each channel, as stored and as the network gets them."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    headings = ("channel", "mean", "SD", "normalised by mean", "SD", "mean after", "SD after")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "channel" else "right")
    channels = ("red", "green", "blue") if len(found.mean) == 3 else range(len(found.mean))
    columns = (found.mean, found.std, *stated, found.normalised_mean, found.normalised_std)
    for name, *values in zip(channels, *columns, strict=True):
        table.add_row(str(name), *(f"{float(value):.4f}" for value in values))
    table.caption = "of all training images, pixels in 0..1, before any augmentation"
    table.caption_justify = "left"
    return table
