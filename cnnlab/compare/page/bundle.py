"""The JavaScript that draws the charts: Vega, Vega-Lite and Vega-Embed (BSD-3) as one text.

It comes from the vl-convert package, without a network. Putting it together takes seconds, so it is
kept in the user's cache folder.
"""

import os
from importlib.metadata import version
from pathlib import Path

import vl_convert

from cnnlab.runs.durable import write_text

SNIPPET = "window.vegaEmbed = vegaEmbed;"
SMALLEST = 100_000  # characters; a shorter file was cut


def javascript() -> str:
    """The bundle for an inline ``<script type="module">``; it sets ``window.vegaEmbed``."""
    versions = version("vl-convert-python"), vl_convert.get_vegalite_versions()[-1]
    file = cache_folder() / f"vega-{'-'.join(versions)}.js"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if len(text) >= SMALLEST:
        return text
    text = vl_convert.javascript_bundle(SNIPPET, versions[1])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text, sync_file=False)
    except OSError:  # it is regenerated the next time
        pass
    return text


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/cnnlab``, or ``~/.cache/cnnlab``."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path("~/.cache").expanduser()) / "cnnlab"
