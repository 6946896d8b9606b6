"""What a training needs before it is begun: bytes, operations, time, devices."""

from tamis_torch.planning.outcome import Plan, plan

__all__ = ["Plan", "plan"]
