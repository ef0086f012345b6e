"""Numbers as people read them."""


def si(value: float) -> str:
    """269722 -> ``269.7k``, 40551808 -> ``40.6M``."""
    if abs(value) < 999.5:
        return f"{value:.0f}"
    thousands = value / 1000
    for unit in ("k", "M", "G"):
        if abs(thousands) < 999.95:
            return f"{thousands:.1f}{unit}"
        thousands /= 1000
    return f"{thousands:.1f}T"


def duration(seconds: float) -> str:
    """12.34 -> ``12.3 s``, 750 -> ``12.5 min``, 9000 -> ``2.5 h``."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5997 else f"{seconds / 3600:.1f} h"
