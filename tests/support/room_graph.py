"""What imports what, room by room: circles, and the longest way down."""

import functools
from collections.abc import Hashable, Mapping
from pathlib import Path

from source_tree import import_graph, room_of


def circles(graph: Mapping[Hashable, set]) -> list[set]:
    """The sets of nodes of which each reaches every other (Tarjan 1972's components)."""
    reached: dict[Hashable, set] = {}
    for start in graph:
        seen: set = set()
        waiting = list(graph[start])
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += graph.get(node, ())
        reached[start] = seen
    components = [
        frozenset(other for other in seen if node in reached.get(other, ()))
        for node, seen in reached.items()
        if node in seen
    ]
    return [set(component) for component in dict.fromkeys(components)]


def room_graph(root: Path) -> dict[str, set[str]]:
    """What each room and loose file imports; the Python API and `python -m cnnlab`, above
    them all, are left out."""
    rooms: dict[str, set[str]] = {}
    for file, others in import_graph(root).items():
        own = room_of(file, root)
        imported = {room_of(other, root) for other in others} - {own}
        rooms.setdefault(own, set()).update(imported)
    for entry in ("__init__", "__main__"):
        rooms.pop(entry, None)
    return rooms


def height(root: Path) -> int:
    """Of the longest chain of imports from room to room, in rooms.

    Raises:
        RecursionError: the rooms import in a circle.
    """
    rooms = room_graph(root)

    @functools.cache
    def floor(room: str) -> int:
        return 1 + max((floor(other) for other in rooms.get(room, ())), default=0)

    return max(map(floor, rooms))
