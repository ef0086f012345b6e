"""Predictions as CSV and JSON."""

import csv
import io
import json
from collections.abc import Sequence

from cnnlab.inference.predict import Prediction

DIGITS = 6  # of a probability


def as_csv(predictions: Sequence[Prediction]) -> str:
    """A line for each picture: file, class_1, probability_1, class_2 and so on, and notes."""
    most = max((len(prediction.classes) for prediction in predictions), default=1)
    ranks = range(1, most + 1)
    heads = [f"{column}_{rank}" for rank in ranks for column in ("class", "probability")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *heads, "notes"])
    for each in predictions:
        pairs = zip(each.classes, each.probabilities, strict=True)
        guesses = [cell for name, p in pairs for cell in (name, f"{p:.{DIGITS}f}")]
        writer.writerow([each.file, *guesses, ", ".join(each.notes)])
    return text.getvalue().rstrip("\n")


def as_json(predictions: Sequence[Prediction]) -> str:
    """A list of {file, guesses: [{class, probability}], notes: [...]}."""
    content = [
        {
            "file": each.file,
            "guesses": [
                {"class": name, "probability": round(probability, DIGITS)}
                for name, probability in zip(each.classes, each.probabilities, strict=True)
            ],
            "notes": list(each.notes),
        }
        for each in predictions
    ]
    return json.dumps(content, indent=1, ensure_ascii=False)
