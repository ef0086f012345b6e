"""What is minimised: values by hand, and of equal losses by torch's own."""

import pytest
import torch
import torch.nn.functional as F

from cnnlab.config.schema import build
from cnnlab.registry import LOSSES
from cnnlab.spec import ImageSpec
from cnnlab.training.losses import Focal, MeanSquaredError, balanced_weights

SPEC = ImageSpec(1, 8, 8, 4)
LOGITS = torch.tensor([[2.0, 0.0, -1.0, 0.5], [0.1, 0.2, 0.3, 0.4], [1.0, 3.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 1, 1])
SHARES = torch.tensor([[0.7, 0.3, 0, 0], [0, 0.4, 0.6, 0], [0, 0.1, 0.9, 0]])
WEIGHTS = balanced_weights(LABELS, 4)


def test_focal_by_hand() -> None:
    """Two classes of probabilities 0.8 and 0.2: -(0.2)^2 ln 0.8 and -(0.8)^2 ln 0.2, halved."""
    spec, logits = ImageSpec(1, 8, 8, 2), torch.tensor([[0.8, 0.2], [0.8, 0.2]]).log()
    loss = Focal(spec, torch.tensor([0, 1]))(logits, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((0.04 * 0.2231436 + 0.64 * 1.6094379) / 2, rel=1e-6)
    weighted = Focal(spec, torch.tensor([0, 0, 0, 1]), class_weights="balanced")
    expected = (2 / 3 * 0.04 * 0.2231436 + 2 * 0.64 * 1.6094379) / (2 / 3 + 2)
    assert weighted(logits, torch.tensor([0, 1])).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("targets", [LABELS, SHARES], ids=["classes", "shares"])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_focal_without_gamma_is_torchs_cross_entropy(targets, class_weights) -> None:
    options = {"label_smoothing": 0.1, "class_weights": class_weights}
    weights = WEIGHTS if class_weights == "balanced" else None
    expected = F.cross_entropy(LOGITS, targets, weights, label_smoothing=0.1)
    focal = Focal(SPEC, LABELS, gamma=0.0, **options)(LOGITS, targets)
    assert focal.item() == pytest.approx(expected.item(), rel=1e-6)
    plain = build(LOSSES, {"name": "cross_entropy", **options}, SPEC, LABELS)
    assert plain(LOGITS, targets).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_gradient_where_the_answer_is_certain(gamma: float) -> None:
    logits = torch.tensor([[500.0, 0.0, 0.0, 0.0]], requires_grad=True)
    loss = Focal(SPEC, LABELS, gamma=gamma)(logits, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()


def test_mean_squared_error_by_torch() -> None:
    """Summed over the four classes, where torch takes the mean."""
    p, one_hot = LOGITS.softmax(1), F.one_hot(LABELS, 4).float()
    loss = MeanSquaredError(SPEC, LABELS)
    assert loss(LOGITS, LABELS).item() == pytest.approx(4 * F.mse_loss(p, one_hot).item())
    assert loss(LOGITS, SHARES).item() == pytest.approx(4 * F.mse_loss(p, SHARES).item())
    smooth = MeanSquaredError(SPEC, LABELS, label_smoothing=0.2)(LOGITS, LABELS)
    assert smooth.item() == pytest.approx(4 * F.mse_loss(p, 0.8 * one_hot + 0.05).item())
    errors, weights = (p - one_hot).square().sum(1), WEIGHTS[LABELS]
    balanced = MeanSquaredError(SPEC, LABELS, class_weights="balanced")
    expected = (weights * errors).sum() / weights.sum()
    assert balanced(LOGITS, LABELS).item() == pytest.approx(expected.item())
    assert balanced.image_weights is not None
    assert torch.equal(balanced.image_weights(LABELS), weights)
    mixed = ((p - SHARES).square().sum(1) * (SHARES @ WEIGHTS)).mean()
    assert balanced(LOGITS, SHARES).item() == pytest.approx(mixed.item())
