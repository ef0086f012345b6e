"""What a learner should see in a network: pixels never read, kernels too large, one heavy layer."""

from collections.abc import Iterator, Sequence

from cnnlab.explain.layers.formulas import by
from cnnlab.explain.trace.operations import Window
from cnnlab.explain.trace.recorder import Call

_HEAVY = 0.5  # share of all parameters
_NAMED = 3  # layers that a note names before it counts the rest


def layer_notes(calls: Sequence[Call]) -> list[str]:
    """One line each; layers of which the same is to be said share a line."""
    findings: dict[str, list[tuple[str, str]]] = {}  # consequence -> layers and their numbers
    for call in calls:
        for window in (step for step in call.steps if isinstance(step, Window)):
            for numbers, consequence in _of_window(window):
                findings.setdefault(consequence, []).append((call.path or call.word, numbers))
    notes = []
    for consequence, found in findings.items():
        (name, numbers), *others = found
        notes.append(f"{name}: {numbers}: {consequence}{_likewise([n for n, _ in others])}")
    return [*notes, *_unfollowed(calls), *_heaviest(calls)]


def _likewise(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"; so in {', '.join(names[:_NAMED])}{more}"


def _of_window(window: Window) -> Iterator[tuple[str, str]]:
    """What is remarkable about a window: its numbers, and what follows from them."""
    if window.transposed:
        return
    if window.reach[0] < window.stride[0] or window.reach[1] < window.stride[1]:
        seen = [min(f / s, 1) for f, s in zip(window.reach, window.stride, strict=True)]
        yield (
            f"stride {_one(window.stride)} is wider than kernel {_one(window.kernel)}",
            f"about {seen[0] * seen[1]:.0%} of the map is read, the rest skipped",
        )
    elif max(window.rest) > 0:
        yield _undivided(window)
    if window.in_size[0] < window.reach[0] or window.in_size[1] < window.reach[1]:
        yield (
            f"kernel {by(window.kernel)} is larger than its map of {by(window.in_size)}",
            "part of every window is border",
        )


def _undivided(window: Window) -> tuple[str, str]:
    side = 0 if window.rest[0] > 0 else 1
    size, reach, border = window.in_size[side], window.reach[side], sum(window.border[side])
    numbers = (
        f"stride {window.stride[side]} does not divide "
        f"{size} - {reach} + {border} = {size - reach + border}"
    )
    lost = [max(r - after, 0) for r, (_, after) in zip(window.rest, window.border, strict=True)]
    if max(lost) > 0:
        return numbers, f"{_lines(lost)} of the map dropped, never read"
    return numbers, f"only border is dropped ({_lines(window.rest)})"


def _lines(counts: Sequence[int]) -> str:
    """``the last row and the last 2 columns``"""
    named = zip(counts, ("row", "column"), strict=True)
    texts = [f"the last {word if n == 1 else f'{n} {word}s'}" for n, word in named if n > 0]
    return " and ".join(texts)


def _one(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if sizes[0] == sizes[1] else by(sizes)


def _unfollowed(calls: Sequence[Call]) -> Iterator[str]:
    for call in calls:
        field = call.receptive_field
        if call.in_shape and call.out_shape and (field is None or field.pixels is None):
            yield (
                f"{call.path or call.word}: field ?: it is not followed beyond maps that are cut "
                "into windows, shifted or picked from by index"
            )
            return


def _heaviest(calls: Sequence[Call]) -> Iterator[str]:
    counts = [sum(p.numel() for p in call.parameters.values()) for call in calls]
    total, most = sum(counts), max(counts, default=0)
    if most > _HEAVY * total and sum(map(bool, counts)) > 1:
        name = calls[counts.index(most)].path or "the model itself"
        yield f"{name}: {most:,} of {total:,} parameters, {most / total:.1%}, are in this layer"
