"""Score recordings with a model, with ONNX Runtime and NumPy alone:

python score.py features.onnx model.onnx RECORDING.wav ...     (16-bit WAV at 16 kHz, any number of channels)
"""

import io
import json
import sys
import wave

import numpy as np
import onnxruntime

RATE, SHORTEST = 16_000, 400  # Hz and samples, of the features


def read(path, channel):
    """A recording as one channel, float32 [samples] in [-1, 1)."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    if content[20:22] == b"\xfe\xff":  # format tag of more than two channels, new to `wave` in Python 3.12
        content[20:22] = b"\x01\x00"
    with wave.open(io.BytesIO(content)) as file:
        if (file.getsampwidth(), file.getframerate()) != (2, RATE):
            raise SystemExit(f"{path}: 16-bit samples at {RATE} Hz are wanted")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    mono = samples.mean(axis=1) if channel == "mean" else samples[:, channel]
    return (mono / 32768).astype(np.float32)


def windows(samples, seconds):
    """Parts as long as the training clips; the last one ends where the recording does."""
    length = round((seconds or len(samples) / RATE) * RATE)
    if len(samples) <= 1.05 * length:
        return [(0, samples)]
    starts = list(range(0, len(samples) - length + 1, length))
    if len(samples) % length >= SHORTEST:
        starts.append(len(samples) - length)
    return [(start, samples[start : start + length]) for start in starts]


extractor, model = (onnxruntime.InferenceSession(path) for path in sys.argv[1:3])
about = json.loads(model.get_modelmeta().custom_metadata_map["asd"])
name, columns = about["detector"], model.get_inputs()[0].shape[1]
record = about["detectors"][name]  # its threshold, and its scores of normal clips

for path in sys.argv[3:]:
    for start, samples in windows(read(path, about["channel"]), about["seconds"]):
        if len(samples) < SHORTEST or samples.min() == samples.max():
            print(f"{path}: silent, or shorter than 0.025 s")
            continue
        features = extractor.run(["features"], {"samples": samples})[0][np.newaxis, :columns]
        score = float(model.run([f"score_{name}"], {"features": features})[0][0])
        p_value = (1 + np.sum(np.array(record["calibration"]) >= score)) / (1 + len(record["calibration"]))
        verdict = "anomalous" if score > record["threshold"] else "normal"
        times = f"{start / RATE:g}-{(start + len(samples)) / RATE:g} s"
        print(f"{path} {times}: {verdict}, score {score:.5g}, threshold {record['threshold']:.5g}, p = {p_value:.2g}")
