"""Writing a run's network as a file for other programs, checked before it takes its place."""

from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.inference.export.card import is_model_card, model_card
from cnnlab.inference.export.check import Comparison, compare
from cnnlab.inference.export.facts import facts
from cnnlab.inference.export.formats import FORMATS
from cnnlab.registry import CnnlabError, nearest
from cnnlab.runs.durable import replacing, write_text
from cnnlab.runs.read_file import reason

if TYPE_CHECKING:
    from cnnlab.inference.load import Run

TOLERANCE = 1e-4  # of an output
ROUNDING = 1e-6  # of the largest output: beyond 100, 32 bits are not exact to 1e-4
CARD = "README.md"


class ExportDiffersError(CnnlabError):
    """The exported network gives other outputs than the run's: no mistake of the user's."""

    exit_code = 1


def export(run: "Run", format_name: str, file: Path) -> tuple[list[Path], Comparison]:
    """Write the network, load it again and compare it; of weights alone, a model card beside them.

    Args:
        format_name: onnx, torch or safetensors.

    Returns:
        the files that were written, and how far the exported network is from the run's.

    Raises:
        CnnlabError: the network cannot be exported so, a package is missing, nothing can be
            written there, or the model card would replace another file of its name.
        ExportDiffersError: an output differs by more than 1e-4 (where outputs are above 100, by
            more than a millionth of the largest); nothing is written then.
    """
    if format_name not in FORMATS:
        raise CnnlabError(f"no format '{format_name}'{nearest(format_name, FORMATS)}")
    card = file.with_name(CARD)
    if format_name == "safetensors" and not is_model_card(card):
        raise CnnlabError(
            f"{card}: the model card would replace this file; use another folder with --out PATH"
        )
    form, known = FORMATS[format_name], facts(run)
    run.model.cpu()
    content = form.write(run, known)
    written = [file]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as opened:
            opened.write(content)
            opened.flush()
            comparison = compare(run, form.load(Path(opened.name), run))
            most = max(TOLERANCE, ROUNDING * comparison.largest)
            if not comparison.difference <= most:
                raise ExportDiffersError(
                    f"{run.folder}: as {format_name} its outputs differ by "
                    f"{comparison.difference:.1e}, more than {most:.0e}, on "
                    f"{comparison.images}; nothing was written"
                )
        if format_name == "safetensors":
            write_text(card, model_card(known, run.result, file.name))
            written.append(card)
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or file}: {reason(error)}; use another place with --out PATH"
        ) from error
    return written, comparison
