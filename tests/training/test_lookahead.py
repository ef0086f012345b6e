"""Lookahead by hand; its slow weights are kept, and a resumed run goes on bit for bit."""

import pytest
import torch
from lightning.pytorch import Callback
from small_run import AccidentError, CrashAt, assert_same

from cnnlab.training.callback_options import lookahead


class ByHand(Callback):
    """The paper's algorithm 1 on every tensor of floats, of the same training."""

    def __init__(self, every: int, alpha: float) -> None:
        self.every, self.alpha, self.steps = every, alpha, 0

    def on_train_start(self, _, module) -> None:
        self.fast = {n: t for n, t in module.model.state_dict().items() if t.is_floating_point()}
        self.slow = {name: tensor.clone() for name, tensor in self.fast.items()}
        module.optimizer.register_step_post_hook(self.count)

    def count(self, *_) -> None:
        self.steps += 1
        if self.steps % self.every == 0:
            for name, fast in self.fast.items():
                self.slow[name] += self.alpha * (fast - self.slow[name])
                fast.copy_(self.slow[name])


def kept(run, file: str) -> dict[str, torch.Tensor]:
    state = torch.load(run.checkpoints / file, weights_only=True)["state_dict"]
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


def test_lookahead_by_hand(run) -> None:
    by_hand = ByHand(3, 0.4)
    expected = run("by_hand", epochs=2, callbacks=(by_hand,)).fit()
    made = run(epochs=2, callbacks=(lookahead(every=3, alpha=0.4),)).fit()
    found, fast = kept(made, "last.ckpt"), dict(made.model.state_dict())
    for name, slow in by_hand.slow.items():
        torch.testing.assert_close(found[name], slow, msg=name)
        torch.testing.assert_close(fast[name], expected.model.state_dict()[name], msg=name)
    assert not torch.equal(found["6.weight"], fast["6.weight"])  # 40 steps: one after a move


def test_a_resumed_run_is_the_same(run) -> None:
    options = {"epochs": 2, "every": 7}
    whole = run("whole", callbacks=(lookahead(every=3),), **options).fit()
    broken = run(
        "broken", callbacks=(lookahead(every=3), CrashAt("on_train_batch_end", 15)), **options
    )
    with pytest.raises(AccidentError):
        broken.fit()
    broken.callbacks = (lookahead(every=3),)
    broken.fit()
    assert_same(kept(broken, "last.ckpt"), kept(whole, "last.ckpt"))
    assert_same(dict(broken.model.state_dict()), dict(whole.model.state_dict()))
