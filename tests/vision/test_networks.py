"""The networks are those of the papers, are seeded, and every convolution and linear layer can be pruned."""

import sys

import pytest
import torch
from torch import nn

from tamis_torch import InputError
from tamis_torch.vision import build, load_network, prunable
from tamis_torch.vision.images import Standard
from tamis_torch.vision.saving import Classifier, save_network

PARAMETERS = {  # of the papers and of the authors' code, for CIFAR-10
    "resnet20": 269_722, "resnet32": 464_154, "vgg11": 9_228_362 , "vgg19": 20_035_018, "resnet8": 75_290,
}  # fmt: skip


@pytest.mark.parametrize("arch", PARAMETERS)
def test_the_network_has_the_parameters_of_the_paper_for_cifar(arch):
    """He et al. table 6: 0.27 M and 0.46 M.  ``conv bias=False``; with norms' scale and shift."""
    network = build(arch, (3, 32, 32), 10)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[arch]
    if "resnet" in arch:
        assert len(prunable(network)) == int(arch.removeprefix("resnet"))  # all layers with weights
    else:
        assert len(prunable(network)) == {"vgg11": 9, "vgg19": 17}[arch]


@pytest.mark.parametrize("arch", ["resnet8", "vgg11", "mlp"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_any_size_of_image_goes_through(arch, shape):
    assert build(arch, shape, 7)(torch.randn(2, *shape)).shape == (2, 7)


def test_a_shortcut_takes_every_second_pixel_and_zeros_for_new_channels():
    network = build("resnet8", (3, 8, 8), 10).eval()
    block = network[4]
    nn.init.zeros_(block.norm2.weight)  # F = 0
    x = torch.rand(2, 16, 8, 8)
    found = block(x)
    assert torch.equal(found[:, :16], x[:, :, ::2, ::2]) and not found[:, 16:].any()


def test_the_seed_decides_the_weights_and_nothing_else_is_drawn_from():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    networks = [build("resnet8", (1, 8, 8), 10, seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(3), expected)
    states = [torch.cat([p.flatten() for p in network.parameters()]) for network in networks]
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


def test_biases_and_norms_are_not_pruned_and_patterns_choose():
    network = build("resnet8", (1, 8, 8), 10)
    names = list(prunable(network))
    assert names[0] == "0.weight" and names[-1] == "8.weight" and len(names) == 8
    assert all(weight.ndim in (2, 4) for weight in prunable(network).values())
    assert "0.weight" not in prunable(network, skip="0,8") and len(prunable(network, "*.conv1")) == 3
    with pytest.raises(InputError, match="layers must match"):
        prunable(network, "*.attention")
    with pytest.raises(InputError, match="no convolution"):
        prunable(nn.Sequential(nn.ReLU()))


def test_a_users_function_is_called_and_what_is_none_is_refused(tmp_path, monkeypatch):
    (tmp_path / "mine_of_a_test.py").write_text(
        "from torch import nn\nnumber = 3\n"
        "def net(shape, classes): return nn.Sequential(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))\n"
        "def none(shape, classes): return None\n"
        "def fails(shape, classes): raise ValueError('not so')\n"
        "def lacks(shape, classes): return {}['width']\n"
    )
    (tmp_path / "broken_of_a_test.py").write_text("def (")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert build("mine_of_a_test:net", (1, 4, 4), 3)(torch.zeros(2, 1, 4, 4)).shape == (2, 3)
    for arch, message in {
        "mine_of_a_test:none": "must return a torch.nn.Module",
        "mine_of_a_test:fails": r"fails for shape \(1, 4, 4\) and 3 classes: not so",
        "mine_of_a_test:lacks": "3 classes: KeyError: 'width'",
        "mine_of_a_test:number": "not callable",
        "broken_of_a_test:net": "cannot be imported: invalid syntax",
        "mine_of_a_test:other": "cannot be imported",
        "not_there_at_all:net": "cannot be imported",
        "resnet9": "must be one of resnet8",
    }.items():
        with pytest.raises(InputError, match=message):
            build(arch, (1, 4, 4), 3)
    with pytest.raises(InputError, match="needs images"):
        build("resnet8", (64,), 3)


def test_a_saved_network_comes_back_with_its_zeros_and_its_standard(tmp_path):
    network = build("resnet8", (1, 8, 8), 10, seed=3)
    with torch.no_grad():
        network[0].weight[0] = 0
    standard = Standard(torch.full((1, 1, 1), 0.25), torch.full((1, 1, 1), 0.5))
    names = tuple("abcdefghij")
    save_network(tmp_path / "model", Classifier(network, standard, 10, (1, 8, 8), names), "resnet8")
    again = load_network(tmp_path / "model")
    assert again.class_names == names and again.shape == (1, 8, 8)
    assert all(torch.equal(again.network.state_dict()[k], v) for k, v in network.state_dict().items())
    assert again.standard.mean.item() == 0.25 and again.classes == 10 and not again.network.training


def test_a_saved_network_of_a_user_needs_theirs_and_damage_is_named(tmp_path):
    mine = nn.Linear(4, 2)
    standard = Standard(torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    save_network(tmp_path / "model", Classifier(mine, standard, 2, (4,)), "mine:net")
    with pytest.raises(InputError, match="network must be given.*mine:net"):
        load_network(tmp_path / "model")
    assert torch.equal(load_network(tmp_path / "model", nn.Linear(4, 2)).network.weight, mine.weight)
    with pytest.raises(InputError, match="does not fit"):
        load_network(tmp_path / "model", nn.Linear(5, 2))
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(InputError, match="not a saved classifier"):
        load_network(tmp_path / "model", nn.Linear(4, 2))
