import pytest

from cnnlab.compare.compare import compare
from cnnlab.registry import CnnlabError


@pytest.fixture
def folder(make_run, tmp_path):
    for model in ("mlp", "lenet5"):
        for lr in (0.1, 0.2):
            make_run(**{"model.name": model, "optim.lr": lr})
    return tmp_path


@pytest.mark.parametrize(
    "wanted", ["mlp, lr=0.2", "model=mlp optim.lr=0.2", "optim.lr=0.2,model=mlp"]
)
def test_a_row_is_named_by_its_label_or_options(folder, wanted):
    comparison = compare([folder], reference=wanted)
    assert comparison.reference == "mlp, lr=0.2"
    assert len(comparison.pairs) == 3


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("model=mlp", "2 rows match (mlp, lr=0.1; mlp, lr=0.2); name one"),
        ("model=mpl", "no row has it; did you mean 'mlp'?"),
        ("modle=mlp", "no option 'modle'; did you mean 'model'?"),
        ("mlp", "no such row"),
        ("", "no such row"),
    ],
)
def test_what_names_no_one_row_is_refused(folder, wanted, words):
    with pytest.raises(CnnlabError) as refusal:
        compare([folder], reference=wanted)
    assert words in str(refusal.value)
