"""The two networks: structure, training, checkpoint, and the same networks without torch."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import asd
from asd.ddae import model, training
from asd.ddae.denoiser import ACTIVATIONS, Denoiser
from asd.ddae.loss import Curve, complaints_of, read_loss, write_loss
from asd.ddae.model import (
    ENCODER_WIDTHS,
    TrainedDDAE,
    TrainingSettings,
    build_network,
    train,
    train_machine,
)
from asd.ddae.scaling import MinMaxScaling
from asd.ddae.settings import CHECK_EVERY, LEARNED, batch_size_of
from asd.ddae.training import train_network
from asd.errors import UserError
from asd.files.integrity import read_archive, sealed, write_archive
from benchmarks import plain
from plain_method import plain_scale

PLAIN_NETWORKS = {"mfcc": plain.mfcc_network, "basic": plain.basic_network}
COLUMNS = {"mfcc": slice(0, 128), "basic": slice(128, 136)}


def random_features(rows: int, seed: int) -> np.ndarray:
    """Features of no particular scale, with columns that depend on each other."""
    generator = np.random.default_rng(seed)
    hidden = generator.normal(size=(rows, 5)) @ generator.normal(size=(5, 136))
    values = hidden + 0.5 * generator.normal(size=(rows, 136))
    return (values * np.linspace(0.1, 20.0, 136) + np.linspace(-30.0, 30.0, 136)).astype(np.float32)


def settings(**changes) -> TrainingSettings:
    values = {"noise_factor": 0.7, "epochs": 3, "batch_size": 64, "learning_rate": 1e-3, "seed": 0}
    return TrainingSettings(**(values | changes))


def trained_on(features: np.ndarray, **changes) -> TrainedDDAE:
    return train(MinMaxScaling.fit([features]), features, settings(**changes))


def weights(trained: TrainedDDAE) -> np.ndarray:
    parameters = [value for network in trained.networks.values() for value in network.parameters()]
    return torch.cat([value.detach().flatten() for value in parameters]).numpy()


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return random_features(100, 0)


@pytest.fixture(scope="module")
def trained(features) -> TrainedDDAE:
    return trained_on(features)


# --- structure ---


@pytest.mark.parametrize("name", ["mfcc", "basic"])
def test_layers_are_those_of_the_method(name):
    got = [repr(module) for module in build_network(ENCODER_WIDTHS[name])]
    assert got == [repr(module) for module in PLAIN_NETWORKS[name]()]


@pytest.mark.parametrize("name", ["mfcc", "basic"])
def test_no_relu_follows_the_code_layer_or_precedes_the_sigmoid(name):
    widths = ENCODER_WIDTHS[name]
    modules = list(build_network(widths))
    linear = [number for number, module in enumerate(modules) if isinstance(module, nn.Linear)]
    code, last = linear[len(widths) - 2], linear[-1]
    assert modules[code].out_features == widths[-1]
    assert isinstance(modules[code + 1], nn.Linear)
    assert isinstance(modules[last + 1], nn.Sigmoid)
    assert last + 2 == len(modules)
    for number in set(linear) - {code, last}:
        assert isinstance(modules[number + 1], nn.ReLU)


def test_the_code_is_smaller_than_the_mfcc_block_and_larger_than_the_basic_block():
    assert ENCODER_WIDTHS == {"mfcc": (128, 64, 32, 16, 8), "basic": (8, 16, 32, 64, 128)}


# --- training ---


@pytest.mark.parametrize("noise_factor", [0.0, 0.7])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("rows", "batch_size"), [(100, 64), (11, 64), (12, 4), (2, 1)])
def test_weights_and_loss_equal_those_of_the_plain_loop(rows, batch_size, seed, noise_factor):
    data = random_features(rows, 10)
    got = trained_on(data, batch_size=batch_size, seed=seed, noise_factor=noise_factor)
    with torch.random.fork_rng():
        networks, loss = plain.train(plain_scale(data, data), noise_factor, 3, batch_size, 1e-3, seed)
    for name, expected in networks.items():
        ours = [module for module in got.networks[name] if isinstance(module, nn.Linear)]
        theirs = [module for module in expected if isinstance(module, nn.Linear)]
        for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            torch.testing.assert_close(our.weight, their.weight, rtol=0, atol=1e-5, msg=f"{name} {number} weight")
            torch.testing.assert_close(our.bias, their.bias, rtol=0, atol=1e-5, msg=f"{name} {number} bias")
        assert got.loss[name].training == pytest.approx(loss[name], rel=1e-4)


def test_weights_of_a_real_training_are_those_of_the_plain_loop_to_the_last_bits(fan_caches):
    """Rounding grows from step to step: only the same operations in the same order stay this close for 300 steps."""
    rows = np.load(fan_caches / "snr6_id_00_normal.npy")[:640]
    got = trained_on(rows, batch_size=64, epochs=30, learning_rate=1e-4)
    with torch.random.fork_rng():
        networks, _ = plain.train(MinMaxScaling.fit([rows]).apply(rows), 0.7, 30, 64, 1e-4, 0)
    for name, expected in networks.items():
        for our, their in zip(got.networks[name].parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(our, their, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "modules",
    [
        [nn.Linear(4, 4), nn.ELU()],
        [nn.Linear(4, 4), nn.LeakyReLU(0.2), nn.Linear(4, 4)],
        [nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4)],
        [nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 4)],
        [nn.Linear(4, 4), nn.ReLU(), nn.Sigmoid()],
        [nn.ReLU(), nn.Linear(4, 4)],
        [nn.Linear(4, 4, bias=False)],
        [nn.Sequential(nn.Linear(4, 4), nn.ReLU())],
    ],
    ids=lambda modules: "-".join(type(module).__name__ for module in modules),
)
def test_layers_whose_gradients_are_not_written_out_are_refused(modules):
    network = nn.Sequential(*modules)
    before = [parameter.clone() for parameter in network.parameters()]
    with pytest.raises(TypeError, match="no layer that this training knows"):
        train_network(network, torch.rand(6, 4), settings(), torch.device("cpu"))
    assert all(map(torch.equal, before, network.parameters()))


def test_each_epoch_has_a_loss_and_the_loss_falls(features):
    loss = trained_on(features, epochs=40).loss
    assert list(loss) == ["mfcc", "basic"]
    for curve in loss.values():
        assert (len(curve.training), curve.validation, curve.kept) == (40, [], 39)
        assert np.mean(curve.training[-5:]) < 0.9 * np.mean(curve.training[:5])


def test_the_same_seed_gives_the_same_weights(features, trained):
    assert np.array_equal(weights(trained_on(features)), weights(trained))


def test_another_seed_gives_other_weights(features, trained):
    assert not np.allclose(weights(trained_on(features, seed=1)), weights(trained))


def test_another_noise_factor_gives_other_weights(features, trained):
    assert not np.array_equal(weights(trained_on(features, noise_factor=0.0)), weights(trained))


def test_random_numbers_drawn_before_do_not_matter(features, trained):
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        torch.rand(7)
        again = trained_on(features)
    assert np.array_equal(weights(again), weights(trained))


def test_the_random_state_of_torch_and_numpy_is_left_as_it_was(features):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    trained_on(features, epochs=1, seed=99)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before[1])  # noqa: NPY002


def test_the_features_are_left_as_they_were():
    data = random_features(10, 1)
    copy = data.copy()
    trained_on(data, epochs=1)
    assert np.array_equal(data, copy)


# --- as many steps as it takes ---

MOST_STEPS, PATIENCE, STEPS_WITHOUT_VALIDATION = 500, 100, 50


@pytest.fixture
def fewer_steps(monkeypatch):
    for name in ("MOST_STEPS", "PATIENCE", "STEPS_WITHOUT_VALIDATION"):
        monkeypatch.setattr(training, name, globals()[name])


def plain_steps(network: nn.Sequential, rows: torch.Tensor, held: torch.Tensor, noise_factor: float, rate: float):
    """The same with autograd and torch's optimizer: the losses at each check, and the number of the check that is kept
    together with its weights."""
    sigma = noise_factor * (rows.std(dim=0) + 1e-12)

    def fixed(clean: torch.Tensor):
        clean = clean.repeat(-(-256 // len(clean)), 1)
        noisy = torch.clamp(clean + sigma * torch.randn(clean.shape), 0, 1)
        return lambda: nn.functional.mse_loss(network(noisy), clean).item()

    trained, of_held = [fixed(rows)()], fixed(held)
    validation = [of_held()]
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    size, seen, candidates = batch_size_of("auto", len(rows)), [], []
    while True:
        order = torch.randperm(len(rows))
        batches = [order[start : start + size] for start in range(0, len(rows), size)]
        draws = [torch.randn(len(batch), rows.shape[1]) for batch in batches]
        for batch, noise in zip(batches, draws, strict=True):
            clean = rows[batch]
            loss = nn.functional.mse_loss(network(torch.clamp(clean + sigma * noise, 0, 1)), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
            if len(seen) % CHECK_EVERY:
                continue
            trained.append(np.mean(seen[-CHECK_EVERY:]))
            validation.append(of_held())
            if candidates or trained[-1] < LEARNED * trained[0]:
                weights = torch.cat([value.detach().flatten() for value in network.parameters()])
                candidates.append((validation[-1], len(seen) // CHECK_EVERY, weights))
            best = min(candidates, default=None, key=lambda one: one[0])
            if len(seen) >= MOST_STEPS or (best and len(seen) - best[1] * CHECK_EVERY >= PATIENCE):
                return trained, validation, best


@pytest.mark.usefixtures("fewer_steps")
@pytest.mark.parametrize(("rows", "noise_factor", "rate"), [(15, 0.3, 1e-2), (60, 0.0, 3e-3)])
def test_weights_that_are_kept_are_those_of_a_plain_loop_that_compares_all_of_them(rows, noise_factor, rate):
    generator = torch.Generator().manual_seed(1)
    hidden = torch.rand(rows + 6, 2, generator=generator)
    data = torch.sigmoid((hidden - 0.5) @ torch.randn(2, 6, generator=generator) * 4)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network, plain_network = build_network((6, 8, 2)), build_network((6, 8, 2))
    plain_network.load_state_dict(network.state_dict())
    chosen = settings(noise_factor=noise_factor, epochs="auto", batch_size="auto", learning_rate=rate)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        curve = train_network(network, data[:rows], chosen, torch.device("cpu"), data[rows:])
        torch.manual_seed(3)
        trained, validation, (_, kept, expected) = plain_steps(
            plain_network, data[:rows], data[rows:], noise_factor, rate
        )
    got = torch.cat([value.flatten() for value in network.parameters()])
    assert (curve.kept, curve.held_out, curve.every) == (kept, 6, CHECK_EVERY)
    assert curve.training == pytest.approx(trained, rel=1e-3)
    assert curve.validation == pytest.approx(validation, rel=1e-3)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-3)


@pytest.mark.usefixtures("fewer_steps")
def test_a_tenth_of_the_clips_is_held_out_by_the_seed():
    data = random_features(40, 2)
    auto = {"epochs": "auto", "batch_size": "auto", "learning_rate": 1e-2}
    curves = [trained_on(data, **auto, seed=seed).loss for seed in (0, 0, 1)]
    assert curves[0] == curves[1] != curves[2]
    for curve in curves[0].values():
        assert curve.held_out == 4
        assert len(curve.training) == len(curve.validation)
        assert curve.training[curve.kept] < LEARNED * curve.training[0]
        assert curve.places[-1] == min(curve.places[curve.kept] + PATIENCE, MOST_STEPS)


@pytest.mark.usefixtures("fewer_steps")
def test_too_few_clips_to_hold_one_out_train_for_a_fixed_number_of_steps_and_the_log_says_so(caplog):
    curves = trained_on(random_features(4, 2), epochs="auto", batch_size="auto").loss
    for curve in curves.values():
        assert (curve.validation, curve.held_out) == ([], 0)
        assert curve.places[curve.kept] == curve.places[-1] == STEPS_WITHOUT_VALIDATION
    assert "4 clips are too few to hold one out" in caplog.text


# --- whether it went well ---


@pytest.fixture(scope="module")
def sixteen() -> np.ndarray:
    return random_features(16, 5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 100, "learning_rate": 1e-4}, ["its loss fell by", "its output varies"]),
        ({"epochs": 60, "learning_rate": 1e-5}, ["its loss fell by", "its output varies"]),
        ({"epochs": "auto", "batch_size": "auto"}, []),
    ],
)
def test_a_training_that_did_nothing_is_said_and_no_other(sixteen, caplog, changes, said):
    curves = trained_on(sixteen, **changes).loss
    assert all(part in complaint for part in said for complaint in complaints_of(curves))
    assert [complaint.split()[0] for complaint in complaints_of(curves)] == ["mfcc", "basic"] * bool(said)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [warning.split()[0] for warning in warnings] == ["mfcc", "basic"] * bool(said)


def test_an_output_that_collapses_is_said_though_the_loss_fell():
    """The clips lie far from one half, where an untrained network puts them."""
    data = random_features(30, 5)
    scaling = MinMaxScaling(data.min(axis=0), data.min(axis=0) + 20 * np.ptp(data, axis=0))
    curves = train(scaling, data, settings(epochs=150, learning_rate=1e-3)).loss
    assert curves["mfcc"].training[-1] < 0.1 * curves["mfcc"].training[0]
    assert "its output varies" in complaints_of(curves)[0]
    assert "loss" not in complaints_of(curves)[0]


@pytest.mark.parametrize(("held_out", "said"), [(4, []), (5, ["its loss on held-out clips did not fall (0.1 to 0.2)"])])
def test_the_loss_of_enough_held_out_clips_decides_and_of_few_that_of_the_training(held_out, said):
    assert Curve([0.1, 0.01], [0.1, 0.2], 25, 1, held_out, 0.5).complaints() == said


def test_columns_that_do_not_vary_say_nothing_of_the_output():
    data = np.repeat(random_features(1, 5), 8, axis=0)
    curves = train(MinMaxScaling.fit([random_features(9, 1)]), data, settings(epochs=1)).loss
    assert [curve.spread for curve in curves.values()] == [None, None]


# --- widths and activations ---


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_another_activation_and_other_widths_train_as_with_autograd_and_are_the_same_without_torch(
    tmp_path, features, activation
):
    widths = {"mfcc": [20, 4], "basic": [6]}
    got = trained_on(features, encoder_widths=widths, activation=activation, epochs=2, batch_size=32)
    scaled = torch.from_numpy(got.scaling.apply(features))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, columns in COLUMNS.items():
            width = columns.stop - columns.start
            network = build_network((width, *widths[name]), activation)
            plain.train_network(network, scaled[:, columns], 0.7, 2, 32, 1e-3)
            for our, their in zip(got.networks[name].parameters(), network.parameters(), strict=True):
                torch.testing.assert_close(our, their, rtol=0, atol=1e-6)
    with torch.no_grad():
        expected = torch.hstack([got.networks[name](scaled[:, COLUMNS[name]]) for name in COLUMNS]).numpy()
    got.denoiser().save(tmp_path / "w.npz")
    loaded = Denoiser.load(tmp_path / "w.npz")
    assert loaded.activation == activation
    assert loaded.denoise(features) == pytest.approx(expected, abs=1e-6)


def rewritten(path: Path, change) -> None:
    """The weights with other arrays, by whoever knows how they are written."""
    arrays = read_archive(path)
    change(arrays)
    write_archive(path, arrays)


@pytest.mark.parametrize("value", [np.array("gelu"), np.array(["relu"]), np.array(1.0)])
def test_an_unknown_activation_is_refused(archive, value):
    rewritten(archive, lambda arrays: arrays.update(activation=value))
    with pytest.raises(UserError, match=r"weights\.npz.*activation .* is none of relu, leaky_relu, silu, tanh"):
        Denoiser.load(archive)


def test_weights_without_an_activation_are_those_of_earlier_versions_with_relu(archive, trained, features):
    rewritten(archive, lambda arrays: arrays.pop("activation"))
    assert np.array_equal(Denoiser.load(archive).denoise(features), trained.denoiser().denoise(features))


# --- a machine: scaling and order of the rows ---


def test_first_rows_of_each_id_are_stacked_in_the_order_of_the_ids_and_scaled_over_all_normals():
    normal = {"id_06": random_features(9, 1), "id_00": 3.0 * random_features(12, 2), "id_02": random_features(5, 3)}
    rows = {"id_06": np.arange(7), "id_00": np.arange(4), "id_02": np.arange(5)}
    got = train_machine(normal, rows, settings(batch_size=6))
    everything = np.vstack(list(normal.values()))
    stacked = np.vstack([normal["id_06"][:7], normal["id_00"][:4], normal["id_02"][:5]])
    assert np.array_equal(got.scaling.minimum, everything.min(axis=0))
    assert np.array_equal(got.scaling.maximum, everything.max(axis=0))
    with torch.random.fork_rng():
        networks, _ = plain.train(plain_scale(stacked, everything), 0.7, 3, 6, 1e-3, 0)
    for name, network in networks.items():
        expected = torch.cat([value.flatten() for value in network.parameters()])
        ours = torch.cat([value.flatten() for value in got.networks[name].parameters()])
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_under_the_strict_protocol_clips_that_do_not_train_have_no_influence():
    normal = {"id_00": random_features(12, 2), "id_02": random_features(8, 3)}
    rows = {"id_00": np.array([1, 4, 5, 11]), "id_02": np.array([0, 7])}
    got = train_machine(normal, rows, settings(), protocol="strict")
    stacked = np.vstack([normal[name][chosen] for name, chosen in rows.items()])
    assert np.array_equal(got.scaling.minimum, stacked.min(axis=0))
    assert np.array_equal(got.scaling.maximum, stacked.max(axis=0))
    poisoned = {name: np.full_like(features, 1e6) for name, features in normal.items()}
    for name, chosen in rows.items():
        poisoned[name][chosen] = normal[name][chosen]
    again = train_machine(poisoned, rows, settings(), protocol="strict")
    assert np.array_equal(again.scaling.maximum, got.scaling.maximum)
    for name, network in got.networks.items():
        for ours, theirs in zip(network.parameters(), again.networks[name].parameters(), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("counts", [{"id_00": 1}, {"id_00": 1, "id_02": 0}, {"id_00": 0}])
def test_fewer_than_two_rows_are_refused(counts):
    normal = {name: random_features(4, 1) for name in counts}
    with pytest.raises(UserError, match="at least 2 clips"):
        train_machine(normal, {name: np.arange(count) for name, count in counts.items()}, settings())


def test_loss_curves_are_read_back_exactly(tmp_path):
    trained = trained_on(random_features(10, 1))
    write_loss(trained.loss, tmp_path / "loss.csv")
    assert read_loss(tmp_path / "loss.csv") == trained.loss
    assert len(trained.loss["mfcc"].training) == 3


def test_loss_curves_are_a_table_with_a_checksum_in_its_last_line(tmp_path):
    curves = {"mfcc": Curve([0.5, 0.25], [], 0, 1, spread=0.5), "basic": Curve([1.5, 1e-9], [], 0, 1)}
    write_loss(curves, tmp_path / "loss.csv")
    header, first, last = (tmp_path / "loss.csv").read_text(encoding="utf-8").splitlines()
    assert (header, first) == ("epoch,mfcc,basic,about,origin,checksum", "1,0.5,1.5,,,")
    assert last.startswith('2,0.25,1e-09,"{""mfcc"": {""every"": 0, ""kept"": 1, ""held_out"": 0, ""spread"": 0.5}, ')
    assert len(last.rsplit(",", 1)[1]) == 8


def test_curves_of_different_lengths_with_held_out_clips_are_read_back_exactly(tmp_path):
    curves = {
        "mfcc": Curve([0.5, 0.25, 0.1], [0.6, 0.3, 0.4], 25, 1, 2, 0.75),
        "basic": Curve([0.5, 0.1], [0.6, 1e-9], 25, 1, 2),
    }
    write_loss(curves, tmp_path / "loss.csv")
    assert read_loss(tmp_path / "loss.csv") == curves
    header, *_, last = (tmp_path / "loss.csv").read_text(encoding="utf-8").splitlines()
    assert header == "step,mfcc,basic,mfcc_validation,basic_validation,about,origin,checksum"
    assert last.startswith("50,0.1,,0.4,,")


@pytest.mark.parametrize(
    "changes", [{"kept": 3}, {"kept": -1}, {"every": 0}, {"validation": [0.5]}, {"training": [0.5, float("inf"), 0.1]}]
)
def test_curves_that_do_not_fit_together_are_refused(tmp_path, changes):
    curve = Curve([0.5, 0.25, 0.1], [0.6, 0.3, 0.4], 25, 1, 2)
    write_loss({"mfcc": replace(curve, **changes), "basic": curve}, tmp_path / "loss.csv")
    with pytest.raises(UserError, match=r"loss\.csv: no loss curves.*Delete the file and run again"):
        read_loss(tmp_path / "loss.csv")


@pytest.mark.parametrize("text", ["", "epoch,mfcc\n1,0.5\n", "epoch,mfcc,basic\n1,0.5\n", "epoch,mfcc,basic\n1,a,b\n"])
@pytest.mark.parametrize("with_checksum", [False, True])
def test_damaged_loss_curves_are_named(tmp_path, text, with_checksum):
    (tmp_path / "loss.csv").write_text(sealed(text) if with_checksum else text)
    if text or not with_checksum:
        with pytest.raises(UserError, match=r"loss\.csv: no loss curves.*Delete the file and run again"):
            read_loss(tmp_path / "loss.csv")


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_loss_curves_cut_at_the_end_of_a_line_are_named(tmp_path, lines):
    curves = {"mfcc": Curve([0.5, 0.25, 0.1], [], 0, 2), "basic": Curve([1.5, 1.0, 0.5], [], 0, 2)}
    write_loss(curves, tmp_path / "loss.csv")
    whole = (tmp_path / "loss.csv").read_text().splitlines(keepends=True)
    (tmp_path / "loss.csv").write_text("".join(whole[:lines]))
    with pytest.raises(UserError, match=r"loss\.csv: no loss curves"):
        read_loss(tmp_path / "loss.csv")


# --- checkpoint ---

CONFIGURATION = {"machine": "팬", "noise_factor": 0.7, "seed": 0, "ids": ["id_00", "id_02"], "split": {"ddae": 3}}


@pytest.fixture
def checkpoint(trained, tmp_path) -> Path:
    path = tmp_path / "ddae.pt"
    model.save_checkpoint(trained, CONFIGURATION, path)
    return path


def test_checkpoint_is_read_by_torch_with_weights_only(checkpoint, trained):
    content = torch.load(checkpoint, weights_only=True)
    assert set(content) == {"networks", "scaling", "configuration", "loss"}
    assert set(content["networks"]) == {"mfcc", "basic"}
    assert content["configuration"] == CONFIGURATION
    assert content["loss"] == {name: asdict(curve) for name, curve in trained.loss.items()}
    assert np.array_equal(content["scaling"]["minimum"].numpy(), trained.scaling.minimum)
    assert np.array_equal(content["scaling"]["maximum"].numpy(), trained.scaling.maximum)


def test_loaded_checkpoint_gives_the_same_outputs(checkpoint, trained, features):
    content = torch.load(checkpoint, weights_only=True)
    networks = {name: build_network(widths) for name, widths in ENCODER_WIDTHS.items()}
    for name, network in networks.items():
        network.load_state_dict(content["networks"][name])
    scaling = MinMaxScaling(*(content["scaling"][key].numpy() for key in ("minimum", "maximum")))
    loaded = TrainedDDAE(scaling, networks, {name: Curve(**curve) for name, curve in content["loss"].items()})
    assert np.array_equal(weights(loaded), weights(trained))
    assert np.array_equal(loaded.denoiser().denoise(features), trained.denoiser().denoise(features))


def test_checkpoint_folder_is_made_and_holds_nothing_else(trained, tmp_path):
    path = tmp_path / "new" / "folder" / "ddae.pt"
    model.save_checkpoint(trained, {}, path)
    assert os.listdir(path.parent) == ["ddae.pt"]


def test_interrupted_saving_keeps_the_old_checkpoint_and_leaves_nothing_half_written(checkpoint, trained, monkeypatch):
    old = checkpoint.read_bytes()

    def breaks_off(content, target):
        target.write(old[:1000])
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", breaks_off)
    with pytest.raises(OSError, match="disk full"):
        model.save_checkpoint(trained, {}, checkpoint)
    with pytest.raises(OSError, match="disk full"):
        model.save_checkpoint(trained, {}, checkpoint.with_name("other.pt"))
    assert os.listdir(checkpoint.parent) == ["ddae.pt"]
    assert checkpoint.read_bytes() == old


# --- the networks without torch ---


def steep(trained: TrainedDDAE) -> TrainedDDAE:
    """The same networks with larger weights, so that their outputs spread over (0, 1)."""
    networks = {}
    for name, network in trained.networks.items():
        networks[name] = build_network(ENCODER_WIDTHS[name])
        networks[name].load_state_dict({key: 2.0 * value for key, value in network.state_dict().items()})
    return TrainedDDAE(trained.scaling, networks, trained.loss)


@pytest.mark.parametrize("change", [lambda trained: trained, steep], ids=["as trained", "steep"])
def test_denoiser_equals_the_forward_pass_of_torch(trained, change):
    model = change(trained)
    features = np.vstack([random_features(50, 0), 2.0 * random_features(20, 1)])
    scaled = torch.from_numpy(model.scaling.apply(features))
    with torch.no_grad():
        expected = torch.hstack([model.networks[name](scaled[:, COLUMNS[name]]) for name in ("mfcc", "basic")])
    got = model.denoiser().denoise(features)
    assert got.dtype == np.float32
    assert got == pytest.approx(expected.numpy(), abs=1e-6)


def test_denoiser_scales_before_it_denoises(trained, features):
    assert trained.denoiser().scale(features) == pytest.approx(plain_scale(features, features), abs=2e-5)


def test_later_training_does_not_change_a_denoiser(features):
    model = trained_on(features, epochs=1)
    denoiser = model.denoiser()
    before = denoiser.denoise(features)
    with torch.no_grad():
        for network in model.networks.values():
            for value in network.parameters():
                value.add_(1.0)
    assert np.array_equal(denoiser.denoise(features), before)


@pytest.fixture
def archive(trained, tmp_path) -> Path:
    path = tmp_path / "weights.npz"
    trained.denoiser().save(path)
    return path


def test_denoiser_is_read_back_exactly(archive, trained, features):
    denoiser, loaded = trained.denoiser(), Denoiser.load(archive)
    assert os.listdir(archive.parent) == ["weights.npz"]
    assert np.array_equal(loaded.scaling.minimum, denoiser.scaling.minimum)
    assert np.array_equal(loaded.scaling.maximum, denoiser.scaling.maximum)
    assert list(loaded.networks) == ["mfcc", "basic"]
    for name, layers in denoiser.networks.items():
        assert len(loaded.networks[name]) == len(layers) == 8
        for (weight, bias), (loaded_weight, loaded_bias) in zip(layers, loaded.networks[name], strict=True):
            assert np.array_equal(loaded_weight, weight)
            assert np.array_equal(loaded_bias, bias)
    assert np.array_equal(loaded.denoise(features), denoiser.denoise(features))


def npz_bytes(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"\x93garbage" * 500,
        lambda data: pickle.dumps([1, 2, 3]),
        lambda data: npz_bytes(other=np.zeros(3)),
        lambda data: npz_bytes(minimum=np.zeros(136), maximum=np.ones(136)),
        lambda data: npy_bytes(np.zeros((4, 136), np.float32)),
    ],
    ids=["half", "last byte lost", "empty", "garbage", "pickle", "other arrays", "no networks", "a plain array"],
)
def test_damaged_weights_are_an_error_that_names_the_file(archive, damage):
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(UserError, match=r"weights\.npz"):
        Denoiser.load(archive)


def test_missing_weights_are_an_error_that_names_the_file(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.npz"):
        Denoiser.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("missing", ["mfcc.7.bias", "mfcc.0.weight", "basic.3.weight", "maximum"])
def test_weights_without_one_of_the_arrays_are_refused(archive, missing):
    with np.load(archive) as arrays:
        kept = {key: arrays[key] for key in arrays.files if key != missing}
    archive.write_bytes(npz_bytes(**kept))
    with pytest.raises(UserError, match=r"weights\.npz"):
        Denoiser.load(archive)


def test_weights_with_a_layer_of_another_shape_are_refused(archive):
    with np.load(archive) as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    changed["mfcc.3.weight"] = changed["mfcc.3.weight"][:, :-1]
    archive.write_bytes(npz_bytes(**changed))
    with pytest.raises(UserError, match=r"weights\.npz"):
        Denoiser.load(archive)


class Malicious:
    """Unpickled without care, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_weights_file_is_not_executed(archive, tmp_path):
    trap = tmp_path / "executed"
    with np.load(archive) as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    changed["minimum"] = np.array([Malicious(trap)], dtype=object)
    archive.write_bytes(npz_bytes(**changed))
    assert not trap.exists()
    with pytest.raises(UserError, match=r"weights\.npz"):
        Denoiser.load(archive)
    assert not trap.exists()


def flipped(data: bytes, position: int, mask: int) -> bytes:
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]


def test_flipped_bytes_in_a_weights_file_are_found_or_harmless(archive, trained, features):
    data = archive.read_bytes()
    directory = data.index(b"PK\x01\x02")
    first_array = data.index(b"\x93NUMPY")
    positions = {
        "data of an array": range(1000, directory, 9973),
        "header of the first array": range(first_array, first_array + 80, 3),
        "first entry of the directory": range(directory, directory + 57),
        "rest of the directory": range(directory + 57, len(data), 31),
    }
    expected = trained.denoiser().denoise(features)
    wrong = []
    for place, numbers in positions.items():
        for position in numbers:
            for mask in (0x01, 0xFF):
                archive.write_bytes(flipped(data, position, mask))
                try:
                    loaded = Denoiser.load(archive).denoise(features)
                    if not np.array_equal(loaded, expected):
                        wrong.append(f"{place}, byte {position}: other weights, no error")
                except UserError:
                    pass
                except Exception as error:
                    wrong.append(f"{place}, byte {position}: {type(error).__name__}: {error}")
    assert not wrong, f"{len(wrong)} flips, for example: " + "; ".join(wrong[:: max(1, len(wrong) // 6)])


# --- what jobs need not import ---


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("asd.ddae.denoiser", "torch"),
        ("asd.detection.scoring", "torch"),
        ("asd.ddae.model", "scipy"),
        ("asd.classification.training", "scipy"),
    ],
)
def test_module_does_not_import_package(module, package):
    code = f"import sys, {module}; print({package!r} in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(asd.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
