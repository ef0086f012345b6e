"""Lists of words as people type, mistype and maltreat them behind ``cnnlab train``.

A list is drawn from a random source: real options, groups and values of the registries, and noise.
The torture run draws from a seed, the property test from hypothesis.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache

from cnnlab.app.overrides import CONF
from cnnlab.config import schema
from cnnlab.config.options import GROUPS, LISTS, TrainerConfig
from cnnlab.config.parse import run_defaults
from cnnlab.discovery import discover
from cnnlab.text import as_typed

Source = random.Random

LIGHT = {  # a list is checked in a moment: a network of 200 layers takes seconds to check
    "model": ("mlp", "lenet5", "lenet5_1998", "resnet20", "conv_stack", "autoencoder", "alexnet"),
    "data": ("mnist5k", "digits", "mnist", "cifar10", "synthetic", "folder"),
}
RUN_LEVEL_GROUPS = ("trainer", "experiment", "debug")
HYDRAS = (
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.job.chdir", "hydra.verbose", "hydra.searchpath"),
    *("hydra.launcher.n_jobs", "hydra.sweeper.n_trials", "hydra.sweeper.sampler", "hydra.job.name"),
    *("hydra/launcher", "hydra/sweeper", "hydra/job_logging", "hydra", "hydra.output_subdir"),
)
NUMBERS = (
    *("0", "1", "-1", "2", "3", "64", "0.1", "1e-3", "-0.0", "1e400", "nan", "inf", "-inf", ".5"),
    *("007", "1_000", "2026_11_24", "1.10", "0x10", "1e3", "2147483648", "4294967296"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 30, "9" * 400),
    *("1" + "0" * 30, "1e18", "1e30", "-5", "1.5", "128", "999999"),
)
TEXTS = (
    *("null", "None", "true", "False", "yes", "auto", "???", "", "''", '""', "a", "größe", "日本"),
    *("a b", " a", "a\tb", "a\\b", "a'b", 'a"b', "'a", "a=b", "=", ":", ",", "a,", ",a", "a,,b"),
    *(
        "..",
        ".",
        "/",
        "~",
        "*",
        "-",
        "--",
        "-1x",
        "@",
        "#",
        "%s",
        "{}",
        "[]",
        "()",
        "$",
        "\\",
        "$x",
    ),
    *("\ud800", "\x7f", "\x1b[31m", "e\u0301", "\u202e", "🙂", "a\nb", "x" * 300, "é" * 130),
    *("2026-11-24", "10:30", "90s", "10m", "1.5h", "0s", "bf16", "val_loss", "last", "balanced"),
)
PATHS = (
    *("runs", "/dev/null", "/dev/null/x", "/etc/hostname", "/proc/x", "../x", "a/b/c", "file://x"),
    *("nowhere", "~/x", "~nobody/x", "pkg://nothing", "[nowhere]", "[/nowhere]", "x.pth", "a,b"),
)
INTERPOLATIONS = (
    *("${nope}", "${seed}", "${batch_size}", "${optim.lr}", "${model}", "${oc.env:NOPE}", "${"),
    *("${oc.decode:x}", "${oc.decode:'[1,'}", "${oc.env:HOME}", "${oc.create:x}", "${foo:bar}"),
    *("${}", "${.lr}", "${..seed}", "${oc.select:nope,3}", "${hydra:runtime.cwd}", "\\${seed}"),
    *("${oc.dict.keys:model}", "${oc.deprecated:seed}", "a${seed}b", "${${seed}}", "${model.name}"),
)
SWEEPS = (
    *(
        "0,1",
        "1,2,x",
        "choice(1,2)",
        "choice()",
        "choice(a,b)",
        "range(3)",
        "range(0)",
        "range(1,4)",
    ),
    *("range(3,1)", "range(1,3,0)", "range(0,1,0.5)", "range(100000)", "range(1000000000000)"),
    *("range(0,1,1e-300)", "interval(0,1)", "interval(1,0)", "tag(log,interval(1e-3,1))"),
    *("int(interval(1,9))", "interval(-inf,inf)", "glob(lenet5*)", "glob(zzz*)", "glob([)"),
    *("shuffle(1,2)", "sort(2,1,reverse=true)", "sort(a,1)", "shuffle(range(3))", "tag(a,b)"),
    *("int(3.5)", "int(x)", "float(1)", "str(1,2)", "bool(2)", "foo(1)", "choice(choice(1))"),
    *("[1,2],[3]", "{a:1},{b:2}", "range(nan,1)", "range(0,inf)", "range(1e308,1e309)", "glob(*)x"),
)
FLAGS: tuple[tuple[str, ...], ...] = (
    *(("--cfg", "job"), ("--cfg", "all"), ("--cfg=hydra",), ("--cfg", "nope"), ("--cfg",)),
    *(("--info", "defaults"), ("--info", "searchpath"), ("--resolve",), ("--package", "model")),
    *(("--cfg", "job", "--resolve"), ("--cfg", "job", "-p", "nope"), ("-c", "job", "-p", "optim")),
    *(("--mulitrun",), ("--config-dir", "nowhere"), ("-cd=x",), ("--help", "x"), ("-x",), ("--",)),
    *(("--plan",), ("--verbose",), ("--import", "no_such_module"), ("--plan=1",), ("-",)),
    *(
        ("--hydra-help",),
        ("-m=1",),
        ("--plam",),
        ("--run",),
        ("--config-name", "x"),
        ("-sc", "install=bash"),
        ("--cfg", ""),
    ),
)


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """What can be chosen in each group."""
    discover()
    registered = {kind: [e.name for e in r] for kind, r in (GROUPS | LISTS).items()}
    groups = (*registered, *RUN_LEVEL_GROUPS)
    files = {kind: [file.stem for file in sorted((CONF / kind).glob("*.yaml"))] for kind in groups}
    return {kind: (*registered.get(kind, ()), *files[kind]) for kind in groups}


@cache
def _options() -> dict[str, tuple[str, ...]]:
    """Every option, and of each its defaults as typed."""
    found: dict[str, list[str]] = {}
    for kind, registry in (GROUPS | LISTS).items():
        for entry in registry:
            prefix = f"{kind}.{entry.name}" if kind in LISTS else kind
            _collect(f"{prefix}.", schema.defaults(entry), found)
    _collect("", run_defaults(), found)
    _collect("trainer.", dict(schema.to_dict(TrainerConfig())), found)
    return {key: tuple(dict.fromkeys(values)) for key, values in found.items()}


def _collect(prefix: str, node: dict[str, object], found: dict[str, list[str]]) -> None:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            _collect(f"{prefix}{key}.", value, found)
        found.setdefault(f"{prefix}{key}", []).append(as_typed(value))


def draw_words(source: Source, runs: Sequence[str] = ()) -> list[str]:
    """One list of words; ``runs`` are folders of runs to resume or start from."""
    words = [
        _mistyped(source, _word(source, runs))
        for _ in range(source.choice((0, 1, 1, 1, 2, 2, 3, 5)))
    ]
    if source.random() < 0.25:
        words.insert(source.randint(0, len(words)), "-m")
    if source.random() < 0.1:
        words[source.randint(0, len(words)) :] = source.choice(FLAGS)
    if source.random() < 0.1 and words:
        words.append(source.choice(words))
    return words


def _word(source: Source, runs: Sequence[str]) -> str:
    draw = source.random()
    if draw < 0.3:
        group = source.choice(sorted(_names()))
        names = LIGHT[group] if group in LIGHT and source.random() < 0.9 else _names()[group]
        return _assigned(source, group, lambda: source.choice(names or ("x",)))
    if draw < 0.8:
        key = source.choice(sorted(_options()))
        return _assigned(source, key, lambda: source.choice(_options()[key]))
    if draw < 0.87:
        return _assigned(source, source.choice(HYDRAS), lambda: source.choice(("joblib", "optuna")))
    if draw < 0.93 and runs:
        key = source.choice(("resume", "init.from"))
        return _assigned(source, key, lambda: source.choice(runs))
    if draw < 0.96:
        return _assigned(
            source, source.choice(("sweep.name", "runs_dir", "data.root")), lambda: "x"
        )
    return _value(source, 2)


def _assigned(source: Source, key: str, sensible: Callable[[], str]) -> str:
    """The key, as it should be or not, with a sensible value or another."""
    if source.random() < 0.1:
        key = source.choice(
            (f"+{key}", f"++{key}", f"~{key}", f"{key}@x", f"{key}.", key.upper(), "", f"{key}.x")
        )
    draw = source.random()
    if draw < 0.03:
        return key
    value = sensible() if draw < 0.6 else _value(source, 3)
    if draw < 0.05:
        value = f"{value},{sensible()}"
    return f"{key}={value}"


def _value(source: Source, depth: int) -> str:
    kind = source.choice(
        (NUMBERS, NUMBERS, TEXTS, TEXTS, PATHS, INTERPOLATIONS, SWEEPS, None, None)
    )
    if kind is not None:
        return source.choice(kind)
    if depth == 0:
        return "[" * 200 + "]" * 200 if source.random() < 0.2 else ""
    items = [_value(source, depth - 1) for _ in range(source.randint(0, 3))]
    if source.random() < 0.6:
        return f"[{','.join(items)}]"
    keys = [source.choice(("a", "name", "lr", "1", "crop", "depth", "")) for _ in items]
    return "{" + ",".join(f"{key}:{item}" for key, item in zip(keys, items, strict=True)) + "}"


def _mistyped(source: Source, word: str) -> str:
    """The word, one time in eight with a character lost, doubled, changed or added."""
    if not word or source.random() > 0.08:
        return word
    at = source.randrange(len(word))
    change = source.choice(("", word[at] * 2, source.choice("=.,[]{}()'\"\\$+~@:*é "), word[at:]))
    return word[:at] + change + word[at + 1 :]
