"""The loss along a direction is that of the moved network, which comes back as it was."""

import copy
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from tamis_torch.errors import InputError
from tamis_torch.vision.curvature import support, top_eigenvalue
from tamis_torch.vision.landscape import loss_along, mean_loss, random_direction
from tamis_torch.vision.landscape_chart import landscape_svg


def network(dtype=torch.float64):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(3 * 9, 4)
    ).double()
    net(torch.randn(20, 1, 5, 5, dtype=torch.float64) + 1)
    return net.to(dtype)


def batches(size=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(11, 1, 5, 5, generator=generator, dtype=torch.float64).to(dtype)
    labels = torch.randint(0, 4, (11,), generator=generator)
    return list(zip(images.split(size), labels.split(size), strict=True))


def moved(net, direction, distance):
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        for name, step in direction.items():
            net.get_parameter(name).add_(distance * step)
    return net


def test_each_loss_is_that_of_all_samples_with_the_weights_moved_in_evaluation_mode():
    net, direction = network(), random_direction(network())
    (everything,) = batches(11)
    distances = [0.0, -0.5, 2.0]
    losses = loss_along(net, batches(), direction, distances)
    for distance, found in zip(distances, losses, strict=True):
        there = moved(net, direction, distance)
        assert found == pytest.approx(cross_entropy(there(everything[0]), everything[1]).item())
    assert len(set(losses)) == 3


def test_another_loss_is_used_where_it_is_given():
    pairs = [(x, torch.nn.functional.one_hot(y, 4).double()) for x, y in batches()]
    assert loss_along(network(), pairs, {}, [0.0], loss=mse_loss) == [
        mean_loss(network().eval(), pairs, mse_loss)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_modes_and_statistics_come_back_bit_for_bit_in_the_same_memory(dtype):
    net = network(dtype).train()
    net[2].eval()
    before = copy.deepcopy(net.state_dict())
    places = [p.data_ptr() for p in net.parameters()]
    loss_along(net, batches(dtype=dtype), random_direction(net), [-0.37, 0.21, 1e30])
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [p.data_ptr() for p in net.parameters()] == places
    assert [module.training for module in net] == [True, True, False, True, True]


def test_they_come_back_after_an_exception_too():
    net = network().train()
    before = copy.deepcopy(net.state_dict())

    def failing(outputs, targets):
        assert not torch.equal(net[0].weight, before["0.weight"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loss_along(net, batches(), random_direction(net), [1.0], loss=failing)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training and net[1].training


def test_along_the_top_eigenvector_the_loss_bends_by_the_top_eigenvalue():
    top = top_eigenvalue(network(), batches(), tolerance=1e-6, most=100)
    step = 1e-3
    below, here, above = loss_along(network(), batches(), top.vector, [-step, 0.0, step])
    assert (above - 2 * here + below) / step**2 == pytest.approx(top.value, rel=1e-3)


def test_each_filter_of_a_random_direction_is_as_long_as_the_networks_and_vectors_stay():
    net = network()
    with torch.no_grad():
        net[0].weight[1] = 0
    direction = random_direction(net)
    assert list(direction) == ["0.weight", "4.weight"]
    for name, step in direction.items():
        wanted = net.get_parameter(name).detach().flatten(1).norm(dim=1)
        torch.testing.assert_close(step.flatten(1).norm(dim=1), wanted)
    assert not direction["0.weight"][1].any() and direction["0.weight"].isfinite().all()


def test_a_filter_scaled_scales_its_part_of_the_direction():
    net = network()
    first = random_direction(net)
    with torch.no_grad():
        net[0].weight[2] *= 10
    scaled = random_direction(net)
    torch.testing.assert_close(scaled["0.weight"][2], 10 * first["0.weight"][2])
    torch.testing.assert_close(scaled["0.weight"][:2], first["0.weight"][:2])


def test_in_a_mask_the_direction_keeps_the_zeros_and_the_lengths():
    net = network()
    with torch.no_grad():
        for layer in (net[0], net[4]):
            layer.weight *= layer.weight.abs() > layer.weight.abs().median()
        net[4].weight[1] = 0  # a filter of which nothing is left
    mask = support(net)
    for name, step in random_direction(net, mask=mask).items():
        assert not step[~mask[name]].any() and step[mask[name]].all()
        wanted = net.get_parameter(name).detach().flatten(1).norm(dim=1)
        torch.testing.assert_close(step.flatten(1).norm(dim=1), wanted)


def test_the_same_seed_gives_the_same_direction_another_another_one():
    first, again, other = (random_direction(network(), seed=seed)["4.weight"] for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(
    "direction, pairs, said",
    [
        ({"w": torch.zeros(1)}, batches(), "direction must name parameters (0.weight, 0.bias"),
        ({"4.bias": torch.zeros(3)}, batches(), "direction of 4.bias must have shape (4,), got (3,)"),
        ({}, iter(batches()), "batches must be readable again and again"),
        ({}, [], "batches must hold at least one sample"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(direction, pairs, said):
    with pytest.raises(InputError) as error:
        loss_along(network(), pairs, direction, [0.0])
    assert said in str(error.value)


def test_a_mask_of_something_else_is_refused():
    with pytest.raises(InputError, match="mask must name parameters"):
        random_direction(network(), mask={"w": torch.ones(1, dtype=torch.bool)})


def points_of(svg):
    """Return the drawn points of each curve by its label."""
    paths = [p for p in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path") if len(p)]
    return {p[0].text: p.get("d") for p in paths}


def test_the_drawing_has_a_curve_a_network_through_its_points_and_names_in_the_legend():
    svg = landscape_svg(
        {"safe <&>": [(-1, 0.0), (0, 1.0), (1, 0.0)], "admm": [(-1, 2.0), (1, 2.0)]}, x="steps"
    )
    drawn = points_of(svg)
    assert list(drawn) == ["safe <&>", "admm"]
    safe, admm = ([tuple(map(float, p.split())) for p in d[1:].split("L")] for d in drawn.values())
    assert [x for x, _ in safe] == [66, 286, 506] and [x for x, _ in admm] == [66, 506]
    assert safe[0][1] == safe[2][1] > safe[1][1] > admm[0][1] == admm[1][1]
    assert svg.count("safe &lt;&amp;&gt;") == 3  # title of the file, of the curve, legend
    assert ">steps<" in svg and ">loss<" in svg


def test_ticks_between_whole_distances_are_named():
    svg = landscape_svg({"a": [(-0.1, 1.0), (0.1, 2.0)]})
    assert all(f">{tick}<" in svg for tick in ("-0.10", "-0.05", "0.00", "0.05", "0.10"))


@pytest.mark.parametrize("bad", [float("inf"), float("nan"), 0.0])
def test_a_loss_that_cannot_be_drawn_leaves_a_gap(bad):
    curve = [(0, 1.0), (1, 2.0), (2, bad), (3, 4.0), (4, 5.0)]
    (path,) = points_of(landscape_svg({"a": curve}, log=True)).values()
    assert path.count("M") == 2 and path.count("L") == 2


@pytest.mark.parametrize(
    "curves, said",
    [
        ({}, "curves must be 1 to 8, got 0"),
        ({str(i): [(0, 1.0), (1, 1.0)] for i in range(9)}, "curves must be 1 to 8, got 9"),
        ({"a": [(0, 1.0)]}, "two distances or more"),
        ({"a": [(0, float("nan")), (1, float("inf"))]}, "losses to draw"),
        ({"a": []}, "losses to draw"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(curves, said):
    with pytest.raises(InputError) as error:
        landscape_svg(curves)
    assert said in str(error.value)
