"""The row that others are tested against, as a person names it."""

from collections.abc import Sequence

from cnnlab.compare.comparison import Configuration
from cnnlab.registry import CnnlabError, nearest
from cnnlab.text import as_typed


def find_reference(wanted: str | None, rows: Sequence[Configuration]) -> str | None:
    """The label of the one row that ``wanted`` names; None for None.

    Args:
        wanted: a label, or options and their values: ``model=lenet5 optim.lr=0.1``.

    Raises:
        CnnlabError: no row or several are named so.
    """
    if wanted is None:
        return None
    labels = [row.label for row in rows]
    if wanted in labels:
        return wanted
    conditions = [word.partition("=") for word in wanted.replace(",", " ").split()]
    if any(not equals for _, equals, _ in conditions) or not conditions:
        raise CnnlabError(f"--reference {wanted}: no such row{nearest(wanted, labels)}")
    for key, _, _ in conditions:
        known = [name for row in rows for name in row.shown]
        if key not in known:
            raise CnnlabError(f"--reference {wanted}: no option '{key}'{nearest(key, known)}")
    matching = [
        row
        for row in rows
        if all(as_typed(row.shown.get(key, ...)) == value for key, _, value in conditions)
    ]
    trained = [row for row in matching if row.runs and not row.members]
    found = [row.label for row in (trained or matching)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CnnlabError(
            f"--reference {wanted}: {len(found)} rows match ({'; '.join(found[:3])}); name one"
        )
    key, _, value = conditions[0]
    values = [as_typed(row.shown[key]) for row in rows if key in row.shown]
    raise CnnlabError(f"--reference {wanted}: no row has it{nearest(value, values)}")
