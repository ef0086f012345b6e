"""The page of ``cnnlab look --html``: where it is written, and how it is shown."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from cnnlab.inference.load import Run


def write_look_page(
    run: "Run",
    image: "Tensor",
    title: str,
    label: int | None,
    out: str | None,
    default: Path,
    show: bool,
) -> None:
    """Write the page of one image, print its path, and open it in the browser if that is wanted.

    Args:
        image: normalised (C, H, W).
        label: its true class; None where it is not known.
        out: a file or folder as typed; None is ``default``.

    Raises:
        CnnlabError: it cannot be written there.
    """
    import webbrowser

    from cnnlab.app.written_picture import output_file
    from cnnlab.explain.page.render import look_page
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.durable import replacing
    from cnnlab.runs.read_file import reason

    file = output_file(out, default, ".html")
    is_classifier = run.config.task.name == "classify"
    text = look_page(run.model, image, run.spec, title, label=label, is_classifier=is_classifier)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as opened:
            opened.write(text.encode())
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or file}: {reason(error)}; use another place with --out PATH"
        ) from error
    print(file)
    if show:
        webbrowser.open(file.absolute().as_uri())
