// What a model says of recordings: features, scores, p-values, and the bands that are unusual.

import { remarksOf, windowsOf } from "./audio.js";
import { MEL_BANDS, PUBLISHED } from "./modelfile.js";
import { Problem } from "./problem.js";

const DECIBELS = 10 / Math.LN10; // in a unit of the natural logarithm of power
const NEIGHBOURS = 0.5; // share of the largest deviation down to which neighbouring bands belong to it
const STANDS_OUT = PUBLISHED + MEL_BANDS; // first column of the temporal ones that say how far short sounds stand out
const HIGHEST_FREQUENCY = 8000; // Hz

let ort = null;

// ONNX Runtime, from the page's own folder, on one thread: more would take headers that plain servers don't send.
export async function loadRuntime() {
  try {
    ort = await import("./ort/ort.wasm.min.mjs");
  } catch {
    throw new Problem("noRuntime");
  }
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  ort.env.logLevel = "error";
}

export async function load(file) {
  try {
    return { ...file, session: await ort.InferenceSession.create(file.graph, { executionProviders: ["wasm"] }) };
  } catch (error) {
    throw new Problem("cannotRun", { name: file.name, why: error.message ?? String(error) });
  }
}

// What is wrong if the extractor does not compute all that the model takes; null if it does.
export function mismatchOf(extractor, model) {
  const missing = columnsOf(model) - extractor.about.names.length;
  return missing > 0 ? new Problem("fewFeatures", { name: extractor.name, model: model.name, missing }) : null;
}

export const columnsOf = (model) => model.about.normal.features.mean.length;

// Float32Array [columns] of mono samples at 16 kHz.
export async function featuresOf(extractor, samples) {
  const found = await extractor.session.run({ samples: new ort.Tensor("float32", samples, [samples.length]) });
  return found.features.data;
}

// What the model says of a recording, as {remarks, record, centres, windows: [{start, end, samples, score, pValue, anomalous, regions, ...}]}; a window
// that can't be scored has a `problem` instead.
export async function judge(recording, extractor, model, detector = model.about.detector) {
  const windows = [];
  for (const window of windowsOf(recording, model.about)) {
    windows.push(window.problem ? window : { ...window, ...(await judgeWindow(window.samples, extractor, model, detector)) });
  }
  const { rate, channels, frames } = recording;
  const remarks = remarksOf(recording, model.about);
  return {
    rate,
    channels,
    frames,
    windows,
    remarks,
    record: model.about.detectors[detector],
    centres: extractor.about.mel_centres,
  };
}

async function judgeWindow(samples, extractor, model, detector) {
  const features = (await featuresOf(extractor, samples)).slice(0, columnsOf(model));
  if (!features.every(Number.isFinite)) return { problem: new Problem("tooLarge") };
  const output = `score_${detector}`;
  const tensor = new ort.Tensor("float32", features, [1, features.length]);
  let score;
  try {
    score = (await model.session.run({ features: tensor }, [output]))[output].data[0];
  } catch (error) {
    throw new Problem("cannotRun", { name: model.name, why: error.message ?? String(error) });
  }
  if (!Number.isFinite(score)) return { problem: new Problem("noScore") };
  const record = model.about.detectors[detector];
  const deviations = deviationsOf(features, model.about.normal);
  return {
    features,
    score,
    ...pValueOf(score, record.calibration),
    anomalous: score > record.threshold,
    deviations,
    regions: unusualRegions(deviations),
  };
}

// Conformal p-value: (1 + number of calibration scores at or above the score) / (1 + their number).
export function pValueOf(score, calibration) {
  const atOrAbove = calibration.filter((one) => one >= score).length;
  return { atOrAbove, pValue: (1 + atOrAbove) / (1 + calibration.length) };
}

// Mean log-mel spectrum of a clip: the inverse of the orthonormal DCT-II that the MFCCs are.
export function logMel(features) {
  return Float64Array.from({ length: MEL_BANDS }, (_, band) => {
    let sum = features[0] / Math.SQRT2;
    for (let number = 1; number < MEL_BANDS; number += 1) {
      sum += features[number] * Math.cos((Math.PI * number * (2 * band + 1)) / (2 * MEL_BANDS));
    }
    return sum * Math.sqrt(2 / MEL_BANDS);
  });
}

// How far the bands are from those of normal clips: of the mean spectrum and, with temporal features, of short sounds.
// [{short, differences, deviations}], natural logarithms and standard deviations of normal clips.
function deviationsOf(features, normal) {
  const compare = (short, values, mean, spread) => {
    const differences = Array.from(values, (value, band) => value - mean[band]);
    return { short, differences, deviations: differences.map((one, band) => one / Math.max(spread[band], 1e-6)) };
  };
  const found = [compare(false, logMel(features), normal.log_mel.mean, normal.log_mel.spread)];
  if (features.length > PUBLISHED) {
    const columns = [STANDS_OUT, STANDS_OUT + MEL_BANDS];
    const { mean, spread } = normal.features;
    found.push(compare(true, features.slice(...columns), mean.slice(...columns), spread.slice(...columns)));
  }
  return found;
}

// The most unusual regions of neighbouring bands that deviate in the same direction, as in asd/scoring/bands.py.
export function unusualRegions(compared, count = 3) {
  const found = compared.flatMap(({ short, differences, deviations }) => regionsOf(differences, deviations, short, count));
  return found.sort((one, other) => Math.abs(other.deviation) - Math.abs(one.deviation)).slice(0, count);
}

function regionsOf(differences, deviations, short, count) {
  const free = deviations.map(() => true);
  const found = [];
  while (found.length < count) {
    let peak = -1;
    deviations.forEach((one, band) => {
      if (free[band] && Math.abs(one) > (peak < 0 ? 0 : Math.abs(deviations[peak]))) peak = band;
    });
    if (peak < 0) break;
    const least = NEIGHBOURS * Math.abs(deviations[peak]);
    const belongs = (band) => free[band] && deviations[band] * Math.sign(deviations[peak]) >= least;
    let [first, last] = [peak, peak];
    while (first > 0 && belongs(first - 1)) first -= 1;
    while (last < deviations.length - 1 && belongs(last + 1)) last += 1;
    const inside = differences.slice(first, last + 1);
    const decibels = (DECIBELS * inside.reduce((sum, one) => sum + one, 0)) / inside.length;
    found.push({ first, last, decibels, deviation: deviations[peak], short });
    free.fill(false, Math.max(first - 1, 0), last + 2);
  }
  return found;
}

// Frequencies in Hz between the mel bands, halfway between their centres.
export function bandLimits(centres) {
  const between = centres.slice(1).map((centre, band) => (centre + centres[band]) / 2);
  return [0, ...between, HIGHEST_FREQUENCY];
}
