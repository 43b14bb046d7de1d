"""The classifier of machine IDs: its training against one network after the other, and what detection makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import nn

from asd.classification.classifier import Classifier, Networks
from asd.classification.clips import ClipsOfId
from asd.classification.training import (
    EPSILON,
    ClassifierSettings,
    _backpropagate,
    _initial,
    _order,
    _shares,
    _views,
    rows_outside_folds,
    train_classifier,
    train_networks,
)
from asd.ddae.denoiser import Denoiser
from asd.ddae.scaling import MinMaxScaling
from asd.detection.detectors import Detector, complete
from asd.detection.scoring import detect
from asd.detection.units import UnitClips
from asd.errors import UserError
from asd.features.caches import Cache, ClipRecord, empty_cache
from asd.files.origin import Origin
from asd.splits import Split, fold_numbers

COLUMNS = 136
IDS = Detector(**complete("IDS"))


def clips(number: int, rows: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Features of an ID, float32 [rows, 136]: IDs differ in a few directions, and faults move along others' ones."""
    own = np.random.default_rng(number).normal(size=COLUMNS)
    other = np.random.default_rng((number + 1) % 3).normal(size=COLUMNS)
    noise = np.random.default_rng([number, seed]).normal(size=(rows, COLUMNS))
    return (own + shift * other + noise).astype(np.float32)


def of_id(number: int, rows: int, snr: str = "snr6") -> ClipsOfId:
    return ClipsOfId(snr, f"ID {number}", clips(number, rows, 0), [f"{row}.wav" for row in range(rows)])


@pytest.mark.parametrize("silent", [False, True])
def test_gradients_are_those_of_automatic_differentiation_to_the_last_bit(silent: bool) -> None:
    """Also where an embedding has no length."""
    generator = torch.Generator().manual_seed(0)
    initial = _initial(3, COLUMNS, 4, generator)
    if silent:
        for bias_or_weight in initial[-4:-2]:
            bias_or_weight[0] = 0.0
    x, share = torch.randn(3, 50, COLUMNS, generator=generator), _shares(torch.Size([3, 50]), generator)
    of_both = torch.randint(4, (3, 50, 2), generator=generator)
    vector = torch.cat([array.reshape(-1) for array in initial])
    gradient = torch.full_like(vector, torch.nan)
    loss = _backpropagate(_views(vector, initial), _views(gradient, initial), x, of_both, share)

    *hidden, weight, bias, class_weight, class_bias = leaves = [array.clone().requires_grad_() for array in initial]
    for w, b, gain, shift in (hidden[:4], hidden[4:]):
        x = nn.functional.layer_norm(torch.baddbmm(b, x, w), (128,), eps=EPSILON)
        x = nn.functional.silu(x * gain + shift)
    embedding = 8.0 * nn.functional.normalize(torch.baddbmm(bias, x, weight), dim=-1)
    likely = torch.log_softmax(torch.baddbmm(class_bias, embedding, class_weight), dim=-1).gather(2, of_both)
    expected = -torch.lerp(likely[:, :, 1], likely[:, :, 0], share)
    expected.mean(dim=1).sum().backward()
    assert torch.equal(loss, expected.detach())
    for found, leaf in zip(_views(gradient, initial), leaves, strict=True):
        assert torch.equal(found, leaf.grad)


class OneNetwork(nn.Module):
    """136-128-128-64 with normalised hidden layers, and a layer of classes."""

    def __init__(self, weights: list[torch.Tensor]) -> None:
        super().__init__()
        w1, b1, g1, s1, w2, b2, g2, s2, w3, b3, w4, b4 = weights
        self.layers = nn.ModuleList(nn.Linear(len(w), w.shape[1]) for w in (w1, w2, w3, w4))
        self.norms = nn.ModuleList(nn.LayerNorm(128) for _ in range(2))
        with torch.no_grad():
            for layer, weight, bias in zip(self.layers, (w1, w2, w3, w4), (b1, b2, b3, b4), strict=True):
                layer.weight.copy_(weight.T)
                layer.bias.copy_(bias[0])
            for norm, gain, shift in zip(self.norms, (g1, g2), (s1, s2), strict=True):
                norm.weight.copy_(gain[0])
                norm.bias.copy_(shift[0])

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = nn.functional.silu(norm(layer(x)))
        x = self.layers[2](x)
        return 8 * x / x.norm(dim=-1, keepdim=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers[3](self.embed(x))


def initial_weights(networks: int, classes: int, generator: torch.Generator) -> list[list[torch.Tensor]]:
    """Those of each network, drawn layer by layer for all of them at once."""
    drawn: list[torch.Tensor] = []
    for inputs, outputs in ((136, 128), (128, 128), (128, 64), (64, classes)):
        for rows in (inputs, 1):
            drawn.append(
                torch.empty(networks, rows, outputs).uniform_(-(inputs**-0.5), inputs**-0.5, generator=generator)
            )
        if outputs == 128:
            drawn += [torch.ones(networks, 1, outputs), torch.zeros(networks, 1, outputs)]
    return [[array[number] for array in drawn] for number in range(networks)]


def test_networks_trained_together_are_those_trained_one_after_the_other() -> None:
    features = np.concatenate([clips(number, rows, 0) for number, rows in ((0, 9), (1, 14))])
    labels = np.repeat([0, 1], [9, 14])
    chosen = [np.arange(23), np.arange(23), np.array([0, 1, 2, 5, 9, 10, 12, 13, 20, 21, 22])]
    found, losses = train_networks(features, labels, chosen, ClassifierSettings(networks=2, epochs=3, seed=5))

    generator = torch.Generator().manual_seed(5)
    networks = [OneNetwork(weights) for weights in initial_weights(3, 2, generator)]
    optimizers = [torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2) for network in networks]
    rows = [torch.from_numpy(one) for one in chosen]
    scaled = [torch.from_numpy((features - features[one].mean(axis=0)) / features[one].std(axis=0)) for one in chosen]
    numbers = torch.from_numpy(labels)
    curve = []
    for _ in range(3):
        orders = [_order(of_network, 33, generator) for of_network in rows]  # three batches of 11
        total = 0.0
        for start in (0, 11, 22):
            shares = _shares(torch.Size((3, 11)), generator)
            for number, (network, optimizer, order) in enumerate(zip(networks, optimizers, orders, strict=True)):
                first = order[start : start + 11]
                second = torch.cat([first[-1:], first[:-1]])
                share = shares[number]
                mixed = share[:, None] * scaled[number][first] + (1 - share[:, None]) * scaled[number][second]
                logits = network(mixed)
                each = [nn.functional.cross_entropy(logits, numbers[of], reduction="none") for of in (first, second)]
                loss = (share * each[0] + (1 - share) * each[1]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) / 3
        curve.append(total / 3)
    assert losses == pytest.approx(curve, rel=1e-5)
    for network, one, rows_seen in zip(found, networks, scaled, strict=True):
        with torch.no_grad():
            expected = one.embed(rows_seen).numpy()
        assert network.embed(features) == pytest.approx(expected, abs=1e-4)


def test_an_embedding_has_the_length_it_is_said_to_have_and_constant_columns_say_nothing() -> None:
    features = np.concatenate([clips(0, 20, 0), clips(1, 20, 0)])
    features[:, 7] = 3.5
    ids = [ClipsOfId("snr6", str(number), features[start : start + 20], []) for number, start in ((0, 0), (1, 20))]
    ((networks,),) = train_classifier(ids, ["snr6"], ClassifierSettings(3, 2, 0)).of_snr.values()
    embedded = networks.embed(features)
    assert embedded.shape == (40, 192)
    assert embedded.dtype == np.float32
    assert np.linalg.norm(embedded.reshape(40, 3, 64), axis=2) == pytest.approx(np.full((40, 3), 8.0), rel=1e-5)
    changed = features.copy()
    changed[:, 7] = 99
    assert np.array_equal(networks.embed(changed), embedded)


def test_temporal_columns_count_as_much_as_for_detectors() -> None:
    features = np.random.default_rng(0).normal(3, 2, (40, 648)).astype(np.float32)
    ids = [ClipsOfId("snr6", str(number), features[start : start + 20], []) for number, start in ((0, 0), (1, 20))]
    ((networks,),) = train_classifier(ids, ["snr6"], ClassifierSettings(1, 1, 0)).of_snr.values()
    variance = ((features - networks.mean) * networks.scale).var(axis=0)
    assert variance[:136].sum() == pytest.approx(136, rel=1e-3)
    assert variance[136:].sum() == pytest.approx(64, rel=1e-3)


def test_shares_of_a_mixture_have_the_beta_distribution() -> None:
    drawn = _shares(torch.Size((20_000,)), torch.Generator().manual_seed(0)).numpy()
    assert stats.kstest(drawn, stats.beta(0.5, 0.5).cdf).pvalue > 0.01


def test_clips_of_a_fold_train_none_of_its_networks() -> None:
    ids = [of_id(0, 10), of_id(1, 7)]
    rows = rows_outside_folds(ids, 3, 1)
    assert len(rows) == 3
    folds = [fold_numbers(one.recordings, 3, 1, "") for one in ids]
    for fold in range(3):
        kept = [row for row in range(10) if folds[0][row] != fold]
        kept += [10 + row for row in range(7) if folds[1][row] != fold]
        assert rows[fold].tolist() == kept
    few = [of_id(0, 10), of_id(1, 2)]  # of two, both train, as in detection
    assert all({10, 11} <= set(part.tolist()) for part in rows_outside_folds(few, 2, 0))  # of two, both train


def test_the_same_seed_gives_the_same_networks() -> None:
    ids = [of_id(0, 12), of_id(1, 12)]
    settings = ClassifierSettings(2, 2, 3)
    one, same = (train_classifier(ids, ["snr6"], settings, 2).of_snr["snr6"] for _ in range(2))
    other = train_classifier(ids, ["snr6"], replace(settings, seed=4), 2).of_snr["snr6"]
    assert all(np.array_equal(*pair) for pair in zip(one[0].weights, same[0].weights, strict=True))
    assert not np.array_equal(one[0].weights[0], other[0].weights[0])
    assert [len(networks.weights[0]) for networks in one] == [2, 1, 1]  # of all clips, and outside of each fold


# ------------------------------------------------------------------------------------------------------------ files


@pytest.fixture
def classifier() -> Classifier:
    ids = [of_id(number, 8, snr) for snr in ("loud", "quiet") for number in (0, 1)]
    return train_classifier(ids, ["loud", "quiet"], ClassifierSettings(2, 1, 0), 2)


def test_a_classifier_is_read_back_as_it_was_written(classifier: Classifier, tmp_path: Path) -> None:
    path, whose = tmp_path / "c.npz", Origin("fan", seed="0", settings="s")
    classifier.save(path, whose)
    read = Classifier.load(path, ["loud", "quiet"], whose)
    features = clips(0, 5, 9)
    for snr, networks in classifier.of_snr.items():
        for one, other in zip(networks, read.of_snr[snr], strict=True):
            assert np.array_equal(one.embed(features), other.embed(features))
    with pytest.raises(UserError, match=r"c\.npz: this ID classifier can't be used .*of seed 0, not 1"):
        Classifier.load(path, ["loud", "quiet"], replace(whose, seed="1"))
    with pytest.raises(UserError, match="there are other arrays in it"):
        Classifier.load(path, ["a", "b", "c", "d"], whose)
    with pytest.raises(UserError, match="Delete the file"):
        Classifier.load(tmp_path / "none.npz", ["loud"])


@pytest.mark.parametrize("damage", ["shape", "infinite", "type", "count"])
def test_a_classifier_with_other_arrays_is_refused(classifier: Classifier, tmp_path: Path, damage: str) -> None:
    networks, *_ = classifier.of_snr["loud"]
    weights = [array.copy() for array in networks.weights]
    match damage:
        case "shape":
            weights[4] = weights[4][:, :64]
        case "infinite":
            weights[1][0, 0, 0] = np.inf
        case "type":
            weights[1] = weights[1].astype(np.float64)
        case "count":
            weights[2] = weights[2][:-1]
    path = tmp_path / "c.npz"
    Classifier({"loud": [Networks(networks.mean, networks.scale, weights)]}).save(path)
    with pytest.raises(UserError, match="this ID classifier can't be used"):
        Classifier.load(path, ["loud"])


# -------------------------------------------------------------------------------------------------------- detection


def test_detection_hears_a_clip_that_sounds_like_another_id_and_thresholds_hold_for_new_clips() -> None:
    """Faults move a clip towards another ID, by less than what normal clips scatter."""
    rows = 80
    split = Split(np.arange(60), np.arange(60, 80), np.arange(30), np.arange(0))
    units = []
    for number in (0, 1, 2):
        kinds = (clips(number, rows, 0), clips(number, 30, 1, shift=0.6))
        caches = [Cache(values, [ClipRecord(f"{row}.wav") for row in range(len(values))]) for values in kinds]
        units.append(UnitClips("snr6", str(number), *caches, empty_cache(COLUMNS), split))
    classifier = train_classifier([unit.of_id() for unit in units], ["snr6"], ClassifierSettings(2, 25, 0), 4)
    identity = [(np.zeros((3, width), np.float32), np.zeros(3, np.float32)) for width in (128, 8)]
    back = [(np.zeros((width, 3), np.float32), np.zeros(width, np.float32)) for width in (128, 8)]
    layers = [list(pair) for pair in zip(identity, back, strict=True)]
    denoiser = Denoiser(MinMaxScaling.fit([units[0].train()]), dict(zip(("mfcc", "basic"), layers, strict=True)))
    aucs, flagged = [], []
    for unit in units:
        options = {"threshold_percentile": 90.0, "folds": 4, "seed": 0}
        networks = classifier.of_snr["snr6"]
        found = detect(unit, denoiser, [IDS], networks=networks, protocol="strict", **options).scores["IDS"]
        aucs.append(roc_auc_score(np.repeat([0, 1], [20, 30]), found.test))
        flagged.append((found.test[:20] > found.threshold).mean())
        in_sample = detect(unit, denoiser, [IDS], networks=networks, protocol="paper", **options).scores["IDS"]
        assert np.array_equal(in_sample.test, found.test)
        assert in_sample.threshold < found.threshold  # networks that have seen a clip take it for more normal
    assert np.mean(aucs) > 0.9
    assert np.mean(flagged) <= 0.25
