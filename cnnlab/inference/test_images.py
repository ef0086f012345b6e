"""The test images of runs, loaded once: those that all of the runs were tested on."""

from collections.abc import Sequence

from cnnlab.data.dataset import ImageDataset, Images, Splits, stratified_order
from cnnlab.data.loading.load import load_images
from cnnlab.inference.data import find_dataset, require_same_images
from cnnlab.inference.load import Run, naming
from cnnlab.registry import CnnlabError
from cnnlab.runs.data_record import DataRecord, difference


def load_test_images(runs: Sequence[Run]) -> Images:
    """The test images of the runs' data set, in its order, on the CPU.

    Raises:
        CnnlabError: a run is of other data or no classifier, the files are not there, or other
            images are in the test set than when a run was tested.
    """
    first = runs[0]
    for run in runs:
        if run.config.task.name != "classify":
            raise CnnlabError(f"{run.folder}: not a classifier: its task is {run.config.task.name}")
        names = (first.config.data["name"], run.config.data["name"])
        alike = run.spec.shape == first.spec.shape and same_classes(run, first)
        if names[0] != names[1] or not alike:
            described = [f"{r.config.data['name']} ({r.spec})" for r in (first, run)]
            raise CnnlabError(
                f"the runs must share a test set: {first.folder.name} has {described[0]}, "
                f"{run.folder.name} {described[1]}"
            )
    with naming(first.folder.config_file):
        dataset = find_dataset(first.folder, first.config, same_test_set=True)
        require_same_images(first.folder, first.spec, dataset.spec)
    splits = load_images(dataset)
    for run in runs:
        require_same_test_set(run, dataset, splits)
    return splits.test


def same_classes(run: Run, other: Run) -> bool:
    """Whether two runs' models tell the same classes apart."""
    return (run.spec.num_classes, run.spec.class_names) == (
        other.spec.num_classes,
        other.spec.class_names,
    )


def stratified_sample(images: Images, limit: int) -> Images:
    """At most ``limit`` images, the classes in proportion, always the same, in their order."""
    if limit >= len(images):
        return images
    return images.select(stratified_order(images.labels)[:limit].sort().values)


def require_same_test_set(run: Run, dataset: ImageDataset, splits: Splits) -> None:
    """Check that the test images are those that the run was tested on, as far as it says.

    Raises:
        CnnlabError: they are others, or training images may have come among them.
    """
    now, recorded = DataRecord.of(dataset, splits), DataRecord.read(run.folder)
    if now is not None and recorded is not None:
        if recorded.parts["test"] != now.parts["test"]:
            raise CnnlabError(f"{run.folder}: its data have changed: {difference(recorded, now)}")
    elif splits.digest != run.result.get("split", splits.digest):  # a run made before
        raise CnnlabError(
            f"{run.folder}: its data have changed: train and val differ from those of its result"
        )
