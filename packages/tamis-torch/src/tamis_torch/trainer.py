"""Elsa inside ``transformers.Trainer``.

    optimizer = ADMM(AdamW(model.parameters(), lr), prunable(model), Elsa(sparsity=0.9, steps=1000))
    Trainer(model, TrainingArguments(max_steps=1000, ...), train_dataset=...,
            optimizers=(optimizer, None), callbacks=[Finalize(optimizer)]).train()

The Trainer's own schedule, clipping, accumulation and checkpoints work as with any optimiser; the
callback makes the weights sparse at the end and adds the residual to what is logged.
"""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tamis_torch.errors import InputError
from tamis_torch.optimizer import ADMM


class Finalize(TrainerCallback):
    """Project the weights onto their set when the training has ended.

    Parameters
    ----------
    optimizer : ADMM
        The one given to the Trainer.

    Raises
    ------
    InputError
        When the training begins, if the Trainer makes another number of steps than the optimiser's
        settings say, by which sparsity grows and the last update is placed.
    """

    def __init__(self, optimizer: ADMM) -> None:
        self.optimizer = optimizer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Check that both count the same steps."""
        steps = self.optimizer.config.steps
        if state.max_steps != steps:
            raise InputError(
                f"steps of Elsa must be the Trainer's {state.max_steps}, got {steps}; "
                "set max_steps of TrainingArguments"
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add the residual |w - z| / |w| and the mask's change to what is shown and to the history."""
        if self.optimizer.watch is not None:
            for record in (logs, *state.log_history[-1:]):
                (record if record is not None else {}).update(self.optimizer.watch._asdict())

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Make the weights sparse."""
        self.optimizer.finalize()
