"""The command line as a module, for ``torchrun -m tamis_torch.cli``."""

from tamis_torch.cli import main

main()
