"""transformers' Trainer takes ADMM for its optimiser; a callback makes the weights sparse at the end."""

import pytest
import torch

pytest.importorskip("accelerate")
from transformers import Trainer, TrainingArguments

from tamis_torch import ADMM, Elsa, InputError, prunable
from tamis_torch.trainer import Finalize

pytestmark = pytest.mark.filterwarnings("ignore")  # of a run this short, and of torch's data loader


def trainer_of(model, folder, *, steps: int = 4, elsa_steps: int = 4, **settings) -> tuple[Trainer, ADMM]:
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(320, (32, 16), generator=draw)
    data = [{"input_ids": row, "labels": row} for row in tokens]
    inner = torch.optim.AdamW(model.parameters(), 1e-3)
    optimizer = ADMM(
        inner, prunable(model), Elsa(sparsity=0.9, steps=elsa_steps, interval=2, budget="tensor")
    )
    arguments = TrainingArguments(
        str(folder), max_steps=steps, per_device_train_batch_size=2, report_to=[], use_cpu=True,
        disable_tqdm=True, seed=0, **settings,
    )  # fmt: skip
    chosen = (optimizer, None)
    return Trainer(
        model, arguments, train_dataset=data, optimizers=chosen, callbacks=[Finalize(optimizer)]
    ), optimizer


def test_the_trainer_ends_with_exactly_sparse_weights(tiny_model, tmp_path):
    trainer, optimizer = trainer_of(tiny_model, tmp_path, save_strategy="no", logging_steps=2)
    trainer.train()
    assert optimizer.count == 4 and optimizer.final
    for weight in prunable(tiny_model).values():
        assert torch.count_nonzero(weight) == round(0.1 * weight.numel())
    assert trainer.state.log_history[-2]["residual"] > 0


def test_its_schedule_moves_the_learning_rate(tiny_model, tmp_path):
    trainer, optimizer = trainer_of(tiny_model, tmp_path, save_strategy="no", logging_steps=1)
    trainer.train()
    rates = [line["learning_rate"] for line in trainer.state.log_history if "learning_rate" in line]
    assert rates == sorted(rates, reverse=True) and rates[0] > rates[-1]
    assert optimizer.inner.param_groups[0]["lr"] < 1e-3


def test_its_checkpoint_goes_on_to_the_same_weights(tmp_path):
    from tiny import build_model

    whole = build_model()
    trainer_of(whole, tmp_path / "a", save_strategy="steps", save_steps=2)[0].train()
    resumed = build_model()
    trainer = trainer_of(resumed, tmp_path / "b", save_strategy="no")[0]
    trainer.train(resume_from_checkpoint=str(tmp_path / "a" / "checkpoint-2"))
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_another_number_of_steps_is_refused(tiny_model, tmp_path):
    trainer, _ = trainer_of(tiny_model, tmp_path, elsa_steps=5, save_strategy="no")
    with pytest.raises(InputError, match="steps of Elsa must be the Trainer's 4, got 5"):
        trainer.train()
