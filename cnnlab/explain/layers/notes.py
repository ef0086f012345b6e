"""Notes on a network for learners: pixels never read, kernels too large, one dominating layer."""

from collections.abc import Iterator, Sequence

from cnnlab.explain.layers.formulas import by
from cnnlab.explain.trace.operations import Window
from cnnlab.explain.trace.recorder import Call

_DOMINATING = 0.5  # of all parameters
_MAX_NAMES = 3  # layers that a note names; it counts the others


def layer_notes(calls: Sequence[Call]) -> list[str]:
    """One line for each finding; layers with the same finding share a line."""
    findings: dict[str, list[tuple[str, str]]] = {}  # consequence -> layers and their numbers
    for call in calls:
        for window in (step for step in call.steps if isinstance(step, Window)):
            for numbers, consequence in _of_window(window):
                findings.setdefault(consequence, []).append((call.path or call.word, numbers))
    notes = []
    for consequence, layers in findings.items():
        (name, numbers), *others = layers
        notes.append(f"{name}: {numbers}: {consequence}{_also([n for n, _ in others])}")
    return [*notes, *_unknown_field(calls), *_dominating_layer(calls)]


def _also(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    if not names:
        return ""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"; also in {', '.join(names[:_MAX_NAMES])}{more}"


def _of_window(window: Window) -> Iterator[tuple[str, str]]:
    """The findings about a window: its numbers, and their consequence."""
    if window.transposed:
        return
    kernel, size = window.effective_kernel, window.in_size
    if kernel[0] < window.stride[0] or kernel[1] < window.stride[1]:
        seen = [min(f / s, 1) for f, s in zip(kernel, window.stride, strict=True)]
        yield (
            f"stride {_one(window.stride)} is wider than kernel {_one(window.kernel)}",
            f"about {seen[0] * seen[1]:.0%} of the map is read, the rest skipped",
        )
    elif max(window.remainder) > 0:
        yield _dropped(window)
    if size[0] < kernel[0] or size[1] < kernel[1]:
        yield (
            f"kernel {by(window.kernel)} is larger than its map of {by(size)}",
            "every window includes padding",
        )


def _dropped(window: Window) -> tuple[str, str]:
    side = 0 if window.remainder[0] > 0 else 1
    size, kernel = window.in_size[side], window.effective_kernel[side]
    border = sum(window.border[side])
    numbers = (
        f"stride {window.stride[side]} does not divide "
        f"{size} - {kernel} + {border} = {size - kernel + border}"
    )
    unread = [
        max(n - after, 0) for n, (_, after) in zip(window.remainder, window.border, strict=True)
    ]
    if max(unread) > 0:
        return numbers, f"{_lines(unread)} of the map dropped, never read"
    return numbers, f"only padding is dropped ({_lines(window.remainder)})"


def _lines(counts: Sequence[int]) -> str:
    """``the last row and the last 2 columns``"""
    named = zip(counts, ("row", "column"), strict=True)
    texts = [f"the last {word if n == 1 else f'{n} {word}s'}" for n, word in named if n > 0]
    return " and ".join(texts)


def _one(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if sizes[0] == sizes[1] else by(sizes)


def _unknown_field(calls: Sequence[Call]) -> Iterator[str]:
    for call in calls:
        field = call.receptive_field
        if call.in_shape and call.out_shape and (field is None or field.pixels is None):
            yield (
                f"{call.path or call.word}: field ?: receptive fields are not tracked through "
                "maps that are split into windows, shifted or indexed"
            )
            return


def _dominating_layer(calls: Sequence[Call]) -> Iterator[str]:
    counts = [sum(p.numel() for p in call.parameters.values()) for call in calls]
    total, most = sum(counts), max(counts, default=0)
    if most > _DOMINATING * total and sum(map(bool, counts)) > 1:
        name = calls[counts.index(most)].path or "the model itself"
        yield f"{name}: {most:,} of {total:,} parameters, {most / total:.1%}, are in this layer"
