// The page: a model, recordings dropped or recorded, and what the model says of them.  It fetches its own files only.

import { openRecording, toWav } from "./audio.js";
import { bandsChart, calibrationChart } from "./charts.js";
import { record } from "./microphone.js";
import { readModelFile } from "./modelfile.js";
import { Problem } from "./problem.js";
import { bandLimits, mismatchOf, judge, load, loadRuntime } from "./scoring.js";
import { LANGUAGES, language, number, say, setLanguage } from "./text.js";

const WITHOUT_LENGTH = 10; // seconds to record where the model's clips have no common length
const NAMES = { en: "English", ko: "한국어" };

const state = { extractor: null, model: null, detector: null, problems: [], recordings: [], stop: null };

// Of each recording on the page, what the model says: {name, result} or {name, problem}, the newest first.
export const results = state.recordings;

const $ = (id) => document.getElementById(id);

function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children.filter(Boolean));
  return made;
}

// ------------------------------------------------------------------------------------------------ what is shown

const words = (problem) =>
  problem instanceof Problem
    ? say(`problem.${problem.kind}`, problem.values)
    : say("problem.unexpected", { why: problem?.message ?? String(problem) });

function show() {
  document.documentElement.lang = language();
  document.title = say("title");
  document.querySelectorAll("[data-text]").forEach((one) => {
    one.textContent = say(one.dataset.text);
  });
  document.querySelector(".languages").setAttribute("aria-label", say("language"));
  document.querySelector(".languages").replaceChildren(
    ...Object.keys(LANGUAGES).map((name) => {
      const button = element("button", { type: "button", text: NAMES[name], "aria-pressed": name === language() });
      button.addEventListener("click", () => {
        setLanguage(name);
        state.recordings.forEach((one) => {
          one.card = null;
        });
        show();
      });
      return button;
    }),
  );
  showModel();
  // cards that stay are the same elements, so that a sound plays on
  $("results").replaceChildren(...state.recordings.map((one) => (one.card ??= card(one))));
  $("clear").hidden = !state.recordings.length;
}

function showModel() {
  const { model, extractor, detector } = state;
  const about = model?.about;
  $("model-title").textContent = about ? titleOf(about) : "";
  $("model-facts").textContent = about ? factsOf(model, detector) : "";
  $("models").value = model?.address ?? ""; // nothing is chosen in the list if the model is not of it
  document.querySelector(".detectors").hidden = !about || Object.keys(about.detectors).length < 2;
  if (about) {
    const options = Object.keys(about.detectors).map((name) => element("option", { value: name, text: name }));
    $("detectors").replaceChildren(...options);
    $("detectors").value = detector;
  }
  const missing = !model ? say("noModelYet") : !extractor ? say("noExtractorYet") : "";
  const lines = [...state.problems, mismatch()].filter(Boolean).map(words);
  if (missing && !state.loading) lines.push(missing);
  $("problems").replaceChildren(...lines.map((text) => element("p", { text })));
  $("working").textContent = state.loading ? say("loading") : state.working ? say("working", { name: state.working }) : "";
  $("record").textContent = state.stop ? say("stop") : say("record", { seconds: secondsToRecord() });
  $("record").disabled = !state.stop && !isReady();
  $("recording").hidden = !state.stop;
}

// Why model and extractor don't fit together, if they don't.
function mismatch() {
  const { extractor, model } = state;
  return extractor && model ? mismatchOf(extractor, model) : null;
}

const isReady = () => Boolean(state.extractor && state.model && !mismatch());

const titleOf = (about) => `${about.machine}, ID ${about.id}, SNR ${about.snr_label || about.snr}`;
const secondsToRecord = () => state.model?.about.seconds ?? WITHOUT_LENGTH;

function factsOf({ about, checked }, detector) {
  const record = about.detectors[detector];
  const facts = { clips: about.normal.clips, seconds: about.seconds, calibrated: record.calibration.length };
  return [say("facts", facts), record.auc && say("auc", record.auc), checked ? null : say("unchecked")]
    .filter(Boolean)
    .join(" ");
}

// What the model says of one recording.
function card(one) {
  const made = element("article", { class: "card result" });
  if (one.problem) {
    made.append(header("error", one.name), element("p", { text: words(one.problem) }));
    return made;
  }
  if (!one.result) {
    made.append(element("h2", { text: one.name }));
    return made;
  }
  const { windows } = one.result;
  const shown = windows[one.chosen];
  made.append(header(verdictOf(windows[mostAnomalous(windows)]), one.name, shown));
  if (windows.length > 1) {
    const anomalous = windows.filter((window) => window.anomalous).length;
    made.append(element("p", { class: "quiet", text: say("windows", { anomalous, count: windows.length }) }), parts(one));
  }
  if (shown.problem) made.append(element("p", { text: words(shown.problem) }));
  else made.append(...details(shown, one.result));
  const remarks = one.result.remarks.map(([key, values]) => say(`remark.${key}`, values));
  made.append(...[...remarks, say("took", one)].map((text) => element("p", { class: "quiet", text })));
  return made;
}

const verdictOf = (window) => (window.problem ? "error" : window.anomalous ? "anomalous" : "normal");

function mostAnomalous(windows) {
  const scores = windows.map((window) => window.score ?? -Infinity);
  return scores.indexOf(Math.max(...scores));
}

function header(verdict, name, window) {
  const row = element("div", { class: "row" });
  row.append(element("span", { class: `verdict ${verdict}`, text: say(verdict) }), element("h2", { text: name }));
  if (window) {
    row.append(element("span", { class: "quiet", text: say("times", window) }));
    if (window.samples) row.append(element("audio", { class: "spread", controls: "", src: soundOf(window) }));
  }
  return row;
}

// Made once for each window, for as long as the page is open.
function soundOf(window) {
  window.sound ??= URL.createObjectURL(toWav(window.samples));
  return window.sound;
}

function parts(one) {
  const buttons = one.result.windows.map((window, place) => {
    const pressed = place === one.chosen;
    const text = `${number(window.start, 4)} s`;
    const button = element("button", { type: "button", class: verdictOf(window), text, "aria-pressed": pressed });
    button.addEventListener("click", () => {
      Object.assign(one, { chosen: place, card: null });
      show();
    });
    return button;
  });
  return element("div", { class: "parts" }, ...buttons);
}

function details(window, { record: { calibration, threshold }, centres }) {
  const limits = bandLimits(centres);
  const numbers = element(
    "p",
    { class: "numbers" },
    labelled(say("score"), number(window.score, 4), `${say("threshold")} ${number(threshold, 4)}`),
    labelled(say("pValue"), number(window.pValue, 2)),
  );
  const meaning = say("pMeaning", { ...window, count: calibration.length });
  const reasons = window.regions.map(({ first, last, decibels: level, short, deviation }) => {
    const words = say("region", { low: limits[first], high: limits[last + 1], level, short });
    return element("li", { text: `${words} (${say("deviation", { value: deviation })})` });
  });
  const left = element(
    "div",
    {},
    numbers,
    element("p", { text: meaning }),
    element("p", { class: "quiet", text: say("pHolds") }),
    element("h3", { text: say("calibration") }),
    calibrationChart(calibration, threshold, window.score, window.anomalous),
  );
  const right = element(
    "div",
    {},
    element("h3", { text: say("mostUnusual") }),
    reasons.length ? element("ol", { class: "reasons" }, ...reasons) : element("p", { text: say("nothingUnusual") }),
    ...window.deviations.flatMap((one) => [
      element("h3", { text: say(one.short ? "shortSounds" : "bands") }),
      bandsChart(one, window.regions, centres, window.anomalous),
    ]),
  );
  return [element("div", { class: "columns" }, left, right)];
}

const labelled = (label, value, further) =>
  element("span", {}, `${label} `, element("b", { text: value }), further ? ` (${further})` : "");

// ------------------------------------------------------------------------------------------------ what is done

// One thing after the other, so that no recording is scored by half a model.
let queue = Promise.resolve();

export function enqueue(task) {
  queue = queue.then(task).catch((error) => {
    state.problems.push(error);
    show();
  });
  return queue;
}

// `address` is that of a file beside the page.
async function useModelFile(name, content, address = "") {
  const loaded = { ...(await load(await readModelFile(name, new Uint8Array(content)))), address };
  const before = loaded.kind === "features" ? state.extractor : state.model;
  if (loaded.kind === "features") state.extractor = loaded;
  else Object.assign(state, { model: loaded, detector: loaded.about.detector });
  await before?.session.release();
  await judgeAll();
}

async function judgeAll() {
  for (const one of state.recordings) await judgeOne(one);
  show();
}

async function judgeOne(one) {
  const { extractor, model, detector } = state;
  if (!one.file && !one.recording) return; // a microphone that gave nothing
  forget(one);
  Object.assign(one, { result: null, problem: null, card: null });
  if (!isReady()) return;
  state.working = one.name;
  show();
  await new Promise((resolve) => setTimeout(resolve)); // lets the browser draw
  try {
    one.recording ??= await openRecording(one.name, await contentOf(one.file));
    const started = performance.now();
    one.result = await judge(one.recording, extractor, model, detector);
    one.milliseconds = performance.now() - started;
    one.chosen = mostAnomalous(one.result.windows);
  } catch (problem) {
    one.problem = problem;
  }
  if (one.file) one.recording = null; // which can be large, and is read again if need be
  Object.assign(one, { card: null });
  state.working = null;
  show();
}

async function contentOf(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Problem("changed", { name: file.name });
  }
}

// Frees the sounds of windows that are no longer shown.
function forget(one) {
  one.result?.windows.forEach((window) => window.sound && URL.revokeObjectURL(window.sound));
}

function add(one) {
  state.recordings.unshift(one);
  show();
  return judgeOne(one);
}

function take(files) {
  const all = [...files];
  const models = all.filter((file) => file.name.toLowerCase().endsWith(".onnx"));
  if (models.length) state.problems.length = 0;
  for (const file of models) enqueue(async () => useModelFile(file.name, await contentOf(file)));
  for (const file of all.filter((one) => !models.includes(one))) enqueue(() => add({ name: file.name, file }));
}

async function startRecording() {
  const controller = new AbortController();
  state.stop = () => controller.abort();
  $("recorded").value = 0;
  showModel();
  const name = say("microphone", { time: new Date().toLocaleTimeString(language()) });
  const progress = (share, level) => {
    $("recorded").value = share;
    $("level").value = level;
  };
  try {
    const recording = await record(name, secondsToRecord(), progress, controller.signal);
    enqueue(() => add({ name, recording }));
  } catch (problem) {
    if (problem.kind !== "stopped") state.recordings.unshift({ name, problem });
  } finally {
    state.stop = null;
    show();
  }
}

// A file beside the page; null if there is none.
async function fetched(name) {
  const answer = await fetch(name, { cache: "no-cache" }).catch(() => null);
  return answer?.ok ? answer : null;
}

async function useFileBeside(name) {
  const answer = await fetched(name);
  if (!answer) return false;
  await useModelFile(name.split("/").at(-1), await answer.arrayBuffer(), name);
  return true;
}

async function start() {
  state.loading = true;
  show();
  try {
    await loadRuntime();
    const list = (await (await fetched("models.json"))?.json()) ?? ["model.onnx"];
    await useFileBeside("features.onnx");
    const label = (name) => name.split("/").at(-1).replace(/\.onnx$/, "");
    $("models").replaceChildren(...list.map((name) => element("option", { value: name, text: label(name) })));
    document.querySelector(".models").hidden = list.length < 2;
    await useFileBeside(list[0]);
  } finally {
    state.loading = false;
    show();
  }
}

function listen() {
  const drop = $("drop");
  const files = $("files");
  $("choose").addEventListener("click", () => files.click());
  $("open-model").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    take(files.files);
    files.value = "";
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") take(event.dataTransfer.files);
    });
  }
  $("record").addEventListener("click", () => (state.stop ? state.stop() : startRecording()));
  $("models").addEventListener("change", ({ target }) => {
    state.problems.length = 0;
    enqueue(async () => {
      if (!(await useFileBeside(target.value))) throw new Problem("missing", { name: target.value });
    });
  });
  $("detectors").addEventListener("change", ({ target }) => {
    state.detector = target.value;
    enqueue(judgeAll);
  });
  $("clear").addEventListener("click", () => {
    state.recordings.forEach(forget);
    state.recordings.length = 0;
    show();
  });
}

show();
listen();
enqueue(start);
