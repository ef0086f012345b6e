"""Names, comments and messages use the field's words; no config decides what is called."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from source_tree import (
    ROOT,
    assert_none,
    parse,
    plugin_files,
    python_files,
    short,
    write_tree,
)

# The first edition's own words, and what says the same. Anywhere in a file, in any form.
PHRASES = {
    r"hand(s|ed|ing)?[_ ]outs?": "dispatch",
    r"going_on": "expand_resume",
    r"shield(s|ed)?": "quote_values",
    r"settle[sd]?": "resolve, record_outcome",
    r"(carve[sd]?|carving)": "split",
    r"is at it": "is already being run by",
    r"(came|come|comes) to": "its final state",
    r"anew": "again",
    r"afresh": "again",
    r"in its place": "instead",
    r"(dealt|(deals?|dealing) out)": "assign, partition",
    r"more_is_better": "higher_is_better",
    r"(?<!\")tall(y|ies)": "RunningMeans",  # "tally" remains a key of checkpoints
    r"refuse_beyond": "check_length",
    # What a native reader stumbled on.
    r"(go(es)?|gone|going|went) on": "continue",
    r"(lies?|lay|lying) (alone|at|below|beside|in|inside|on|there|with|within)": "is in, is at",
    r"by heart": "memorise",
    r"so many": "this number of",
    r"asked for": "request",
    r"((is|was|are|were|be|been|not) begun|begun (by|with))": "started",
    r"passed over": "ignored, skipped",
    r"a person's|of one's own": "the user's, your own",
    r"submitted again": "resubmitted",
    r"done already": "already done",
    r"(trie[sd]|try) again": "retry",
    r"unasked": "without asking",
    r"must be a text": "must be text",
    r"made again": "regenerate",
    r"one (format|of them|question) at a time": "cannot be combined",
    r"out of one": "from one",
    r"divides? among": "divisible by",
    r"wherefrom|whereof|wherein|whereon|thereof|therein|thereon": "from which, in which",
    r"in all between|all in all": "in total",
    r"comes? on top": "takes extra time",
    r"say to each other": "communicate",
    r"is (no|not)[,;] or": "is missing or",
    r"(it|they) (has|have) not": "it does not have",
    r"at hand": "available",
    r"in sight": "needed",
    r"equal to the bit": "bit-identical",
}

# The same for the names of functions, classes, arguments and variables.
NAMES = {
    "Assignment": "WorkItem",
    "Ticket": "WorkItem",
    "Shares": "GpuSlots",
    "Measure": "Metric",
    "OFF": "NO_AUGMENT",
    "reach": "effective_kernel",
    "share_kept": "mix_lambda",
    "borrowed": "external",
    "Ownership": "TrialLeases",
    "Standing": "SweepProgress",
    "standing": "progress",
    "at_a_time": "max_parallel",
    "AFFORDABLE": "MAX_MACS",
    "GENTLE": "NOISE_LR",
    "PAIRS": "NUM_PAIRS",
    "SHOWN": "MAX_LINES",
    "LOOK": "POLL_SECONDS",
    "subject": "workload",
    "instrument": "timing",
    "usual": "standard",
    "given": "the name of the thing",
    "held": "the name of the thing",
    "told": "the name of the thing",
    "asked": "the name of the thing",
}

# The same for the names of functions and classes alone: ``rest`` may be what is left of a list.
FUNCTIONS = {
    "work": "run_work_item",
    "admit": "check_jobs",
    "publish": "register_configs",
    "locate": "run_dir_for",
    "take": "acquire, select",
    "exhausted": "finished",
    "evaluating": "eval_mode",
    "rest": "remainder",
    "whole": "total_work",
    "_go_on": "_restore_position",
    "ends_of": "check_corners",
    "propose": "make_trial_job",
    "beating": "heartbeat",
    "room": "max_parallel",
    "plain": "to_dict",
    "counted": "plural",
}

# A saved config is data: nothing in it is called, imported or evaluated.
CALLS = ("_target_", "hydra.utils", "instantiate(", "cfg.get(", "eval(", "exec(")


# What people read beside the program's own messages. LOG.md keeps its entries as they were written.
PAGES = ("*.md", "Makefile", "docs/*.md", "conf/**/*.yaml", "experiments/**/README.md")


def coined_phrases(root: Path) -> list[str]:
    pages = sorted(file for pattern in PAGES for file in root.glob(pattern))
    return [
        f"{short(file, root)}:{line} {said!r}: write {better}"
        for file in [*python_files(root), *plugin_files(root), *pages]
        for better, line, said in _phrases(file.read_text(encoding="utf-8"))
    ]


def _phrases(text: str) -> Iterator[tuple[str, int, str]]:
    gap = r"(?:\s+(?:#\s*)?)"  # a phrase may go over the end of a line
    for phrase, better in PHRASES.items():
        pattern = rf"(?<![a-z]){phrase.replace(' ', gap)}(?![a-z])"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield better, text[: match.start()].count("\n") + 1, " ".join(match[0].split())


def coined_names(root: Path) -> list[str]:
    return [
        f"{short(file, root)}:{line} {name}: write {better[name]}"
        for file in [*python_files(root), *plugin_files(root)]
        for line, name, better in _defined(parse(file))
        if name in better
    ]


def _defined(tree: ast.Module) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Line and name of every definition, and the words that it must not be."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name, NAMES | FUNCTIONS
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg, NAMES
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id, NAMES
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr, NAMES


def calls_from_configs(root: Path) -> list[str]:
    """Calls by which a config could decide what is called, also ``from builtins import eval``."""
    return [
        f"{short(file, root)} {word}"
        for file in python_files(root)
        for word in CALLS
        if re.search(r"(?<![\w.])" + re.escape(word), file.read_text(encoding="utf-8"))
    ]


def unsafe_loads(root: Path) -> list[str]:
    """Files that load a checkpoint which could hold more than tensors and plain data."""
    return [
        f"{short(file, root)}:{node.lineno}"
        for file in python_files(root)
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func) == "torch.load" and "weights_only=True" not in ast.unparse(node)
    ]


@pytest.mark.parametrize("rule", [coined_phrases, coined_names])
def test_words_are_the_fields_own(rule):
    assert_none(rule(ROOT))


@pytest.mark.parametrize("rule", [calls_from_configs, unsafe_loads])
def test_what_is_loaded_calls_nothing(rule):
    assert_none(rule(ROOT))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def hand_out(): ...", "1 'hand_out': write dispatch"),
        ("# the GPUs are dealt out", "1 'dealt': write assign, partition"),
        ('"""What it has come\n    # to."""', "1 'come # to': write its final state"),
        ("x = f'{process} is at it'", "1 'is at it': write is already being run by"),
        ("\n\nclass Tally:\n    ...", "3 'Tally': write RunningMeans"),
        ("more_is_better = True", "1 'more_is_better': write higher_is_better"),
        ("training = 'Anew'", "1 'Anew': write again"),
        ('"""The data lie\n    on it."""', "1 'lie on': write is in, is at"),
        ("raise CnnlabError('it was not begun')", "1 'not begun': write started"),
        ("x = 'this run goes on'", "1 'goes on': write continue"),
        (
            "x = f'{a} and {b}: one of them at a time'",
            "1 'one of them at a time': write cannot be combined",
        ),
    ],
)
def test_planted_phrases_are_found(tmp_path, text, said):
    write_tree(tmp_path, {"cnnlab/runs/claim.py": text})
    assert coined_phrases(tmp_path) == [f"runs/claim.py:{said}"]


@pytest.mark.parametrize(
    "page",
    ["README.md", "Makefile", "docs/data.md", "conf/trainer/gpu.yaml", "experiments/README.md"],
)
def test_planted_phrases_are_found_on_pages(tmp_path, page):
    write_tree(tmp_path, {page: "# Files\n# that are passed over\n"})
    assert coined_phrases(tmp_path) == [f"{page}:2 'passed over': write ignored, skipped"]


def test_words_within_words_are_not_found(tmp_path):
    text = "ideal, dealer, metallic, totally, canewood, handout_ = 1, 2, 3, 4, 5, 6"
    write_tree(tmp_path, {"cnnlab/runs/claim.py": text})
    assert coined_phrases(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        "def admit(): ...",
        "class Measure: ...",
        "def f(given): ...",
        "def f(*, at_a_time=1): ...",
        "for held in (): ...",
        "self.subject = 1",
        "class A:\n    told: int = 3",
        "OFF = 3",
    ],
)
def test_planted_names_are_found(tmp_path, text):
    write_tree(
        tmp_path, {"hydra_plugins/launcher.py": text, "cnnlab/spec.py": "a.given(OFF)\nroom = 1"}
    )
    (found,) = coined_names(tmp_path)
    assert found.startswith("hydra_plugins/launcher.py:")


@pytest.mark.parametrize(
    "text",
    [
        "from hydra.utils import get_class\nhydra.utils.call(x)",
        "instantiate(config)",
        "x = {'_target_': 1}",
        "cfg.get('lr', 0.1)",
        "eval('1')",
        "exec(text)",
    ],
)
def test_planted_calls_are_found(tmp_path, text):
    write_tree(tmp_path, {"cnnlab/runs/claim.py": text, "cnnlab/data/a.py": "model.eval()"})
    assert len(calls_from_configs(tmp_path)) == 1


def test_planted_loads_are_found(tmp_path):
    text = "torch.load(f)\ntorch.load(f, weights_only=True)\ntorch.load(f, weights_only=False)"
    write_tree(tmp_path, {"cnnlab/runs/weights.py": text})
    assert unsafe_loads(tmp_path) == ["runs/weights.py:1", "runs/weights.py:3"]
