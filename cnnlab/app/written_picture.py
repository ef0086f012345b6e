"""Where a command writes a picture, how it is written, and how it is shown."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHER_FILES = (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".gif", ".onnx", ".pt", ".pth", ".pt2")


def output_file(out: str | None, default: Path, suffix: str, flag: str = "--out") -> Path:
    """The file that ``--out`` names, or ``default``; in a folder, the default's name.

    Args:
        suffix: that of files of this kind, ``.png``; a path with another is a folder.
        flag: what names the file, where that is not ``--out``.

    Raises:
        CnnlabError: the flag names nothing, something below a file, or another kind of file.
    """
    from cnnlab.app.cli_listing import check_folder
    from cnnlab.registry import CnnlabError

    if out is None:
        return default
    path = Path(os.path.expanduser(out))
    if out and path.suffix.lower() == suffix and not os.path.isdir(path):
        check_folder(flag, str(path.parent))
        return path
    if path.suffix.lower() in OTHER_FILES and not os.path.isdir(path):
        raise CnnlabError(f"{flag} {out}: what is written is a {suffix} file, not {path.suffix}")
    folder = check_folder(flag, out)
    assert folder is not None
    return folder / default.name


def write_picture(figure: "Figure", file: Path, *, show: bool, flag: str = "--out") -> None:
    """Write a PNG, and open it with the desktop's viewer if that is wanted.

    Args:
        flag: by which the user can name another place.

    Raises:
        CnnlabError: it cannot be written there.
    """
    import warnings
    import webbrowser

    from cnnlab.registry import CnnlabError
    from cnnlab.runs.durable import replacing
    from cnnlab.runs.read_file import reason

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # letters that the font does not have become boxes
            figure.savefig(opened, format="png")
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or file}: {reason(error)}; use another place with {flag} PATH"
        ) from error
    if show:
        webbrowser.open(file.absolute().as_uri())
