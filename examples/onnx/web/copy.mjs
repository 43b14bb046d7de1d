// Puts beside the page what it needs: npm run copy -- MODEL.onnx ...
//
// ONNX Runtime from node_modules goes to ort/, the models to models/ (listed in models.json), and the features.onnx that
// lies above the first model, as in results/models, beside the page.  Without models, just ONNX Runtime is copied.

import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, "node_modules", "onnxruntime-web", "dist");

// of onnxruntime-web 1.30.0; with another version in package.json, these are others
const FILES = {
  "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
  "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
  "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
};

function stop(message) {
  console.error(message);
  process.exit(1);
}

function copyRuntime() {
  if (!existsSync(DIST)) stop("onnxruntime-web is not there: run npm install first.");
  mkdirSync(join(HERE, "ort"), { recursive: true });
  for (const [name, expected] of Object.entries(FILES)) {
    const found = createHash("sha256").update(readFileSync(join(DIST, name))).digest("hex");
    if (found !== expected) stop(`${name} is not that of onnxruntime-web 1.30.0: remove node_modules, npm install again.`);
    copyFileSync(join(DIST, name), join(HERE, "ort", name));
  }
}

// results/models/fan/nf0.7_seed0_strict/snr6_id_00.onnx -> fan_nf0.7_seed0_strict_snr6_id_00.onnx
function nameOf(model) {
  return resolve(model).split(/[\\/]/).slice(-3).join("_");
}

function extractorAbove(model) {
  for (let folder = dirname(resolve(model)), up = 0; up < 4; up += 1, folder = dirname(folder)) {
    if (existsSync(join(folder, "features.onnx"))) return join(folder, "features.onnx");
  }
  return stop(`There is no features.onnx in the folder of ${model} or above it.`);
}

const models = process.argv.slice(2);
for (const model of models) {
  if (!existsSync(model) || basename(model) === "features.onnx") stop(`${model}: is no model file.`);
}
copyRuntime();
if (models.length) {
  copyFileSync(extractorAbove(models[0]), join(HERE, "features.onnx"));
  rmSync(join(HERE, "models"), { recursive: true, force: true });
  mkdirSync(join(HERE, "models"));
  for (const model of models) copyFileSync(model, join(HERE, "models", nameOf(model)));
  writeFileSync(join(HERE, "models.json"), JSON.stringify(models.map((model) => `models/${nameOf(model)}`), null, 2));
}
console.log(`ONNX Runtime and ${models.length} model(s) are beside the page. Now: python -m http.server`);
