"""A comparison as a page: ``report.html``, ``report.md`` with pictures, a LaTeX table.

Read ``write.py`` first (which files), then ``render.py`` (the sections of the page and its
template ``report.html.jinja``). ``overview.py``, ``cells.py``, ``provenance.py``, ``references.py``
and ``mistake_pictures.py`` make the texts and tables, the ``*_chart.py`` Vega-Lite specs in the
style of ``chart.py``, which the JavaScript of ``bundle.py`` draws in the browser.
"""
