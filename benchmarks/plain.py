"""The method as one would first write it down: one process, librosa clip by clip, an ordinary torch loop, scikit-learn.

This is what the workflow is measured against, so it shares no code with it, and nothing here is slow on purpose.  As a
program it is one run of a script: all IDs and SNRs of a machine at one noise factor, from feature caches to figures.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

KINDS = ("normal", "abnormal")


def read(path: str | Path) -> NDArray[np.float32]:
    """The recording as one signal at 16 kHz, the way of librosa."""
    import librosa

    return librosa.load(path, sr=16_000, mono=True)[0]


def read_in_double_precision(path: str | Path) -> NDArray[np.float64]:
    """The same with soundfile, whose samples are float64 unless one asks for others, and NumPy."""
    import librosa
    import soundfile

    samples, rate = soundfile.read(path, always_2d=True)
    y = samples.mean(axis=1)
    return y if rate == 16_000 else librosa.resample(y, orig_sr=rate, target_sr=16_000)


def extract(
    path: str | Path, read: Callable[[str | Path], NDArray[np.floating]] = read, *, temporal: bool = False
) -> NDArray[np.float32]:
    """The features of one recording, float32 [136], with the temporal ones [648]."""
    import librosa
    import scipy.fft
    import scipy.stats

    y = read(path)
    mel = librosa.feature.melspectrogram(
        y=y, sr=16_000, n_fft=512, win_length=400, hop_length=160, pad_mode="constant", n_mels=128
    )
    log_mel = np.log(mel + 1e-8)
    mfcc = scipy.fft.dct(log_mel, type=2, axis=0, norm="ortho").mean(axis=1)
    rms = np.sqrt(np.mean(y**2) + 1e-12)
    density, _ = np.histogram(y, bins=256, density=True)
    density = density[density > 0]
    basic = [
        rms,
        scipy.stats.kurtosis(y),
        scipy.stats.skew(y),
        np.ptp(y),
        (np.max(np.abs(y)) + 1e-12) / (rms + 1e-12),
        np.mean(y),
        np.std(y),
        -np.sum(density * np.log2(density + 1e-12)),
    ]
    features = [mfcc, basic]
    if temporal:
        median, high = np.percentile(log_mel, [50, 99], axis=1)
        delta = np.abs(np.diff(log_mel, axis=1)).mean(axis=1)
        features += [log_mel.std(axis=1), high - median, delta, log_mel.max(axis=1)]
    return np.concatenate(features).astype(np.float32)


def scale(rows: NDArray[np.float32], normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """`rows` scaled by the minimum and maximum of the columns of `normals`, float32 [clips, 136]."""
    low, high = normals.min(axis=0), normals.max(axis=0)
    return ((rows - low) / (high - low + 1e-8)).astype(np.float32)


def mfcc_network():  # type: ignore[no-untyped-def]
    """128-64-32-16-8 and back."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 8),  # the code layer: linear
        nn.Linear(8, 16),
        nn.ReLU(),
        nn.Linear(16, 32),
        nn.ReLU(),
        nn.Linear(32, 64),
        nn.ReLU(),
        nn.Linear(64, 128),
        nn.Sigmoid(),
    )


def basic_network():  # type: ignore[no-untyped-def]
    """8-16-32-64-128 and back: over-complete."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(8, 16),
        nn.ReLU(),
        nn.Linear(16, 32),
        nn.ReLU(),
        nn.Linear(32, 64),
        nn.ReLU(),
        nn.Linear(64, 128),  # the code layer: linear
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 8),
        nn.Sigmoid(),
    )


def train_network(network, x, noise_factor, epochs, batch_size, learning_rate):  # type: ignore[no-untyped-def]
    """Train on the rows of the tensor `x`; returns the mean loss of each epoch."""
    import torch
    from torch import nn

    sigma = x.std(dim=0) + 1e-12
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    criterion = nn.MSELoss()
    curve = []
    for _ in range(epochs):
        permutation = torch.randperm(len(x))
        total = 0.0
        for start in range(0, len(x), batch_size):
            clean = x[permutation[start : start + batch_size]]
            noisy = torch.clamp(clean + noise_factor * sigma * torch.randn_like(clean), 0.0, 1.0)
            optimizer.zero_grad()
            loss = criterion(network(noisy), clean)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(clean)
        curve.append(total / len(x))
    return curve


def train(scaled, noise_factor, epochs, batch_size, learning_rate, seed):  # type: ignore[no-untyped-def]
    """Both networks after training on `scaled` rows, float32 [clips, 136], and the loss of each epoch."""
    import torch

    x = torch.tensor(scaled, dtype=torch.float32)
    settings = (noise_factor, epochs, batch_size, learning_rate)
    torch.manual_seed(seed)
    networks, curves = {}, {}
    for name, build, columns in (
        ("mfcc", mfcc_network, slice(0, 128)),
        ("basic", basic_network, slice(128, 136)),
    ):
        networks[name] = build()
        curves[name] = train_network(networks[name], x[:, columns], *settings)
    return networks, curves


def denoise(networks, scaled):  # type: ignore[no-untyped-def]
    """Denoised features of scaled ones, float32 [clips, 136] both."""
    import torch

    x = torch.tensor(scaled)
    with torch.no_grad():
        return torch.cat([networks["mfcc"](x[:, :128]), networks["basic"](x[:, 128:])], dim=1).numpy()


def map_components(rows: NDArray[np.float32]) -> int:
    """Number of components by the MAP test."""
    z = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-12)
    correlation = np.corrcoef(z, rowvar=False)
    values, vectors = np.linalg.eigh(correlation)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    scores = []
    for m in range(1, min(20, rows.shape[1])):
        partial = correlation - (vectors[:, :m] * values[:m]) @ vectors[:, :m].T
        root = np.sqrt(np.maximum(np.diag(partial), 1e-12))
        partial = partial / np.outer(root, root)
        np.fill_diagonal(partial, 0.0)
        scores.append(np.mean(partial**2))
    return min(int(np.argmin(scores)) + 1, len(rows) - 1)


def run(
    caches: str,
    snrs: Sequence[str],
    reference_snr: str,
    split: dict[str, tuple[int, int, int]],
    noise_factor: float,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    output: Path,
) -> None:
    """Training, detection, table and confusion matrices of one noise factor.

    Parameters
    ----------
    caches
        Pattern of the feature caches with ``{snr}``, ``{id}`` and ``{kind}``.
    split
        ID -> clips that train the DDAE, train the detectors, and test them.
    output
        Folder of ``auc.csv`` and the figures.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import confusion_matrix, roc_auc_score
    from sklearn.neighbors import LocalOutlierFactor
    from sklearn.svm import OneClassSVM

    features = {
        (snr, name, kind): np.load(caches.format(snr=snr, id=name, kind=kind))
        for snr, name, kind in product(snrs, split, KINDS)
    }
    normals = np.concatenate([features[reference_snr, name, "normal"] for name in split])
    rows = np.concatenate([features[reference_snr, name, "normal"][:ddae] for name, (ddae, _, _) in split.items()])
    networks, _ = train(scale(rows, normals), noise_factor, epochs, batch_size, learning_rate, seed)

    output.mkdir(parents=True, exist_ok=True)
    table = []
    for snr in snrs:
        totals: dict[str, NDArray[np.int64]] = {}
        for name, (_, ad_train, ad_test) in split.items():
            n_abnormal = ad_test // 2
            normal, abnormal = (denoise(networks, scale(features[snr, name, kind], normals)) for kind in KINDS)
            train_rows = normal[:ad_train]
            test_rows = np.concatenate([normal[ad_train : ad_train + ad_test - n_abnormal], abnormal[:n_abnormal]])
            labels = np.repeat([0, 1], [ad_test - n_abnormal, n_abnormal])
            blocks = []
            for columns in (slice(0, 128), slice(128, 136)):
                pca = PCA(n_components=map_components(train_rows[:, columns])).fit(train_rows[:, columns])
                blocks.append((pca.transform(train_rows[:, columns]), pca.transform(test_rows[:, columns])))
            x_train, x_test = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
            detectors = {
                "IF": IsolationForest(random_state=seed),
                "OCSVM": OneClassSVM(gamma="scale", nu=0.1),
                "LOF": LocalOutlierFactor(novelty=True),
            }
            for detector, model in detectors.items():
                model.fit(x_train)
                score = model.score_samples if detector == "LOF" else model.decision_function
                train_scores, test_scores = -score(x_train), -score(x_test)
                predicted = test_scores > np.percentile(train_scores, 95)
                table.append((noise_factor, snr, name, detector, roc_auc_score(labels, test_scores)))
                totals[detector] = totals.get(detector, 0) + confusion_matrix(labels, predicted)
        for detector, counts in totals.items():
            figure, axes = plt.subplots(figsize=(4, 3.5))
            sns.heatmap(counts, annot=True, fmt="d", cmap="Blues", ax=axes)
            axes.set(xlabel="Predicted", ylabel="True", title=f"{snr}, {detector}, noise factor {noise_factor}")
            axes.set_xticklabels(["Normal", "Abnormal"])
            axes.set_yticklabels(["Normal", "Abnormal"])
            figure.savefig(output / f"NF{noise_factor}_{snr}_{detector}.png", dpi=150, bbox_inches="tight")
            plt.close(figure)
    with open(output / f"auc_NF{noise_factor}.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["noise_factor", "snr", "id", "detector", "auc"])
        writer.writerows(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--caches", required=True, help="pattern with {snr}, {id} and {kind}")
    parser.add_argument("--snrs", nargs="+", required=True)
    parser.add_argument("--reference-snr", required=True)
    parser.add_argument("--split", nargs="+", required=True, help="id=ddae/ad_train/ad_test")
    parser.add_argument("--noise-factor", type=float, required=True)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = vars(parser.parse_args())
    pairs = (text.split("=") for text in arguments.pop("split"))
    split = {name: tuple(int(count) for count in counts.split("/")) for name, counts in pairs}
    run(split=split, **arguments)


if __name__ == "__main__":
    main()
