"""Whoever trains on images, or steps by ADMM in a loop of their own, does not wait for transformers."""

import subprocess
import sys

TRAINING = """
import sys
sys.modules.update(dict.fromkeys(("transformers", "tokenizers", "accelerate", "gguf")))  # these cannot be imported
import tamis_torch as tt
method = tt.vision.Safe(sparsity=0.8, epochs=1, batch_size=500)
print(tt.train_sparse("mlp", "digits", method, out=sys.argv[1]).results["status"])
"""
STEP = """
import sys
sys.modules["transformers"] = None
import torch, tamis_torch as tt
network = torch.nn.Linear(8, 4)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
optimizer = tt.ADMM(optimizer, tt.vision.prunable(network), tt.vision.Admm(sparsity=0.5).iteration(4))
network(torch.ones(1, 8)).sum().backward()
optimizer.step()
optimizer.finalize()
print(int((network.weight == 0).sum()))
"""


def output_of(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_whole_training_does_without_it(tmp_path):
    assert output_of(TRAINING, tmp_path / "run").endswith("complete")
    assert (tmp_path / "run" / "report.html").exists()


def test_a_step_does_without_it():
    assert output_of(STEP).splitlines()[-1] == "16"  # half of 8 x 4
