// What the page says, in English and Korean.

const number = (value, digits = 3) => {
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 1e6 ? rounded.toExponential() : String(rounded);
};
const percent = (share) => `${number(100 * share, 2)} %`;
const decibels = (value) => (Math.abs(value) >= 10 ? Math.abs(value).toFixed(0) : number(Math.abs(value), 2));

function hertz(low, high) {
  if (high < 1000) return `${low.toFixed(0)}–${high.toFixed(0)} Hz`;
  const digits = low >= 1000 && high - low >= 200 ? 1 : 2;
  return `${(low / 1000).toFixed(digits)}–${(high / 1000).toFixed(digits)} kHz`;
}

const ENGLISH = {
  title: "Does it sound normal?",
  language: "Language",
  privacy: "Everything is computed on this computer. No recording leaves it.",
  loading: "Loading …",
  model: "Model",
  detector: "Detector",
  otherModel: "Open a model file …",
  noModelYet: "No model yet: drop a model (.onnx) and features.onnx here, or open them.",
  noExtractorYet: "Computing features takes features.onnx: drop it here, or open it. It lies in results/models.",
  facts: ({ clips, seconds, calibrated }) =>
    `Learned from ${clips} normal clips${seconds === null ? "" : ` of ${number(seconds)} s`}; calibrated on ${calibrated}.`,
  auc: ({ value, low, high }) =>
    `AUC in its test ${value.toFixed(3)}${low === null ? "" : ` (95 %: ${low.toFixed(3)}–${high.toFixed(3)})`}.`,
  unchecked: "Whether the file is undamaged was not checked: browsers can do so only on https and on localhost.",
  drop: "Drop recordings here",
  dropHint: "WAV with any sample rate and number of channels; a model file (.onnx), too",
  choose: "Choose files …",
  record: ({ seconds }) => `Record ${number(seconds)} s`,
  stop: "Stop",
  microphone: ({ time }) => `Microphone, ${time}`,
  working: ({ name }) => `Listening to ${name} …`,
  clear: "Remove all",
  normal: "normal",
  anomalous: "anomalous",
  error: "no verdict",
  times: ({ start, end }) => `${number(start, 5)}–${number(end, 5)} s`,
  windows: ({ anomalous, count }) => `${anomalous} of ${count} parts anomalous`,
  score: "Score",
  threshold: "threshold",
  pValue: "p-value",
  pMeaning: ({ atOrAbove, count, pValue }) =>
    atOrAbove === 0
      ? `None of the ${count} normal clips of the calibration scored as high. With so many, a p-value can't be smaller than ${number(pValue, 2)}.`
      : `${atOrAbove} of the ${count} normal clips of the calibration scored as high or higher: of normal sounds, about ${percent(pValue)} would.`,
  pHolds: "It holds for the same machine, load, microphone and surroundings as in training.",
  calibration: "Scores of normal clips, and of this one",
  here: "this clip",
  bands: "Frequency bands, in standard deviations of normal clips",
  shortSounds: "Short sounds in the bands, in standard deviations of normal clips",
  mostUnusual: "Most unusual",
  region: ({ low, high, level, short }) =>
    `${hertz(low, high)}, ${short ? "short sounds " : ""}${decibels(level)} dB ${level > 0 ? "above" : "below"} normal`,
  deviation: ({ value }) => `${number(value, 2)} standard deviations`,
  nothingUnusual: "No band differs from normal clips.",
  took: ({ milliseconds }) => `computed in ${number(milliseconds / 1000, 2)} s`,
  remark: {
    shorter: ({ seconds, wanted }) =>
      `${number(seconds)} s long, the training clips have ${number(wanted)} s: the score scatters more, and the p-value is approximate.`,
    otherChannels: ({ channels, wanted }) =>
      `${channels} channel(s), the training recordings have ${wanted}: another microphone?`,
    lowRate: ({ rate }) => `${rate} Hz: there is nothing above ${number(rate / 2000)} kHz.`,
    otherRate: ({ rate, wanted }) =>
      `${rate} Hz, the training recordings have ${wanted} Hz: bands above half of the lower one are missing.`,
  },
  problem: {
    noRuntime: () => "ONNX Runtime is not beside this page. In its folder, run: npm install, then npm run copy.",
    noModel: ({ name }) => `${name} is no model of this project. Models lie in results/models.`,
    seal: ({ name }) => `${name} is damaged, or no model of this project: its seal does not match. Copy it again.`,
    format: ({ name, found, known }) =>
      `${name} is of format ${found}, and this page reads format ${known}. Take the page of the version that made it.`,
    incomplete: ({ name }) => `${name}: what it says of itself is incomplete. Make it again with the workflow.`,
    cannotRun: ({ name, why }) => `${name} can't be run: ${why}`,
    fewFeatures: ({ name, model, missing }) =>
      `${model} takes ${missing} features more than ${name} computes. Take the features.onnx of the same results.`,
    missing: ({ name }) => `${name} could not be loaded.`,
    changed: ({ name }) => `${name} was changed or removed since it was chosen. Choose it again.`,
    noAudio: ({ name }) => `${name} can't be read as audio. WAV files always can.`,
    truncated: ({ name }) => `${name} is truncated: it is shorter than its header says.`,
    silent: ({ name }) => `${name} is silent: every sample is the same. If its channels cancel each other, take one of them.`,
    notFinite: ({ name }) => `${name} has samples that are no finite numbers. Record or export it again.`,
    short: ({ name, seconds }) => `${name} is ${number(seconds)} s long; it takes at least 0.025 s.`,
    long: ({ name }) => `${name} is too long. Cut it into shorter ones.`,
    rate: ({ name, rate }) => `${name} has a sample rate of ${rate} Hz; 1000 to 10000000 Hz can be used.`,
    channels: ({ name, channels }) => `${name} has ${channels} channels; 1 to 1024 can be used.`,
    channel: ({ name, channels, wanted }) =>
      `${name} has ${channels} channel(s), numbered from 0, but the model was trained on number ${wanted}.`,
    tooLarge: () => "Its features are not finite: the samples are too large.",
    noScore: () => "The model's score is no finite number.",
    insecure: () => "Browsers give the microphone only to pages on https and on localhost.",
    noMicrophone: () => "There is no microphone.",
    noPermission: ({ why }) => `The microphone can't be used: ${why}`,
    unplugged: () => "The microphone is gone.",
    stopped: () => "The recording was stopped.",
    unexpected: ({ why }) => `Something unexpected went wrong: ${why}`,
  },
};

const KOREAN = {
  title: "정상 소리인가요?",
  language: "언어",
  privacy: "모든 계산은 이 컴퓨터에서 합니다. 녹음은 밖으로 나가지 않습니다.",
  loading: "불러오는 중 …",
  model: "모델",
  detector: "탐지기",
  otherModel: "모델 파일 열기 …",
  noModelYet: "아직 모델이 없습니다: 모델(.onnx)과 features.onnx를 여기에 끌어다 놓거나 여세요.",
  noExtractorYet: "특징을 계산하려면 features.onnx가 필요합니다: 끌어다 놓거나 여세요. results/models에 있습니다.",
  facts: ({ clips, seconds, calibrated }) =>
    `${seconds === null ? "" : `${number(seconds)}초짜리 `}정상 클립 ${clips}개로 학습하고, ${calibrated}개로 보정했습니다.`,
  auc: ({ value, low, high }) =>
    `시험 AUC ${value.toFixed(3)}${low === null ? "" : ` (95 %: ${low.toFixed(3)}–${high.toFixed(3)})`}.`,
  unchecked: "파일이 손상되지 않았는지는 확인하지 못했습니다: 브라우저는 https나 localhost에서만 확인할 수 있습니다.",
  drop: "녹음 파일을 여기에 놓으세요",
  dropHint: "WAV, 샘플레이트와 채널 수는 상관없습니다. 모델 파일(.onnx)도 됩니다",
  choose: "파일 고르기 …",
  record: ({ seconds }) => `${number(seconds)}초 녹음`,
  stop: "멈춤",
  microphone: ({ time }) => `마이크, ${time}`,
  working: ({ name }) => `${name} 듣는 중 …`,
  clear: "모두 지우기",
  normal: "정상",
  anomalous: "이상",
  error: "판정 없음",
  times: ({ start, end }) => `${number(start, 5)}–${number(end, 5)}초`,
  windows: ({ anomalous, count }) => `${count}개 구간 가운데 ${anomalous}개 이상`,
  score: "점수",
  threshold: "임계값",
  pValue: "p값",
  pMeaning: ({ atOrAbove, count, pValue }) =>
    atOrAbove === 0
      ? `보정에 쓴 정상 클립 ${count}개 가운데 점수가 이만큼 높은 것은 없었습니다. 이 개수로는 p값이 ${number(pValue, 2)}보다 작을 수 없습니다.`
      : `보정에 쓴 정상 클립 ${count}개 가운데 ${atOrAbove}개의 점수가 이만큼 높거나 더 높았습니다: 정상 소리라도 약 ${percent(pValue)}는 그렇습니다.`,
  pHolds: "기계, 부하, 마이크, 주변이 학습 때와 같을 때 맞는 값입니다.",
  calibration: "정상 클립들의 점수와 이 클립의 점수",
  here: "이 클립",
  bands: "주파수 대역, 정상 클립의 표준편차 단위",
  shortSounds: "대역마다 짧은 소리, 정상 클립의 표준편차 단위",
  mostUnusual: "가장 다른 대역",
  region: ({ low, high, level, short }) =>
    `${hertz(low, high)}, ${short ? "짧은 소리가 " : ""}정상보다 ${decibels(level)} dB ${level > 0 ? "높음" : "낮음"}`,
  deviation: ({ value }) => `표준편차의 ${number(value, 2)}배`,
  nothingUnusual: "정상 클립과 다른 대역이 없습니다.",
  took: ({ milliseconds }) => `계산 ${number(milliseconds / 1000, 2)}초`,
  remark: {
    shorter: ({ seconds, wanted }) =>
      `길이가 ${number(seconds)}초이고 학습 클립은 ${number(wanted)}초입니다: 점수가 더 흩어지고 p값은 어림값입니다.`,
    otherChannels: ({ channels, wanted }) => `${channels}채널이고 학습 녹음은 ${wanted}채널입니다: 다른 마이크인가요?`,
    lowRate: ({ rate }) => `${rate} Hz: ${number(rate / 2000)} kHz 위로는 아무것도 없습니다.`,
    otherRate: ({ rate, wanted }) =>
      `${rate} Hz이고 학습 녹음은 ${wanted} Hz입니다: 낮은 쪽의 절반보다 높은 대역이 없습니다.`,
  },
  problem: {
    noRuntime: () => "ONNX Runtime이 이 페이지 옆에 없습니다. 페이지의 폴더에서 npm install, 그다음 npm run copy를 실행하세요.",
    noModel: ({ name }) => `${name}: 이 프로젝트의 모델이 아닙니다. 모델은 results/models에 있습니다.`,
    seal: ({ name }) => `${name}: 손상되었거나 이 프로젝트의 모델이 아닙니다(봉인이 맞지 않음). 다시 복사하세요.`,
    format: ({ name, found, known }) =>
      `${name}: 형식 ${found}인데 이 페이지는 형식 ${known}을 읽습니다. 모델을 만든 버전의 페이지를 쓰세요.`,
    incomplete: ({ name }) => `${name}: 모델의 설명이 온전하지 않습니다. 워크플로로 다시 만드세요.`,
    cannotRun: ({ name, why }) => `${name}: 실행할 수 없습니다: ${why}`,
    fewFeatures: ({ name, model, missing }) =>
      `${model}에는 ${name}이 계산하는 것보다 ${missing}개 많은 특징이 필요합니다. 같은 결과의 features.onnx를 쓰세요.`,
    missing: ({ name }) => `${name}: 불러올 수 없습니다.`,
    changed: ({ name }) => `${name}: 고른 뒤에 바뀌었거나 지워졌습니다. 다시 고르세요.`,
    noAudio: ({ name }) => `${name}: 소리로 읽을 수 없습니다. WAV 파일은 언제나 됩니다.`,
    truncated: ({ name }) => `${name}: 잘렸습니다. 헤더에 적힌 것보다 짧습니다.`,
    silent: ({ name }) => `${name}: 소리가 없습니다(모든 샘플이 같음). 채널끼리 상쇄된다면 한 채널만 쓰세요.`,
    notFinite: ({ name }) => `${name}: 유한한 수가 아닌 샘플이 있습니다. 다시 녹음하거나 내보내세요.`,
    short: ({ name, seconds }) => `${name}: 길이가 ${number(seconds)}초입니다. 적어도 0.025초여야 합니다.`,
    long: ({ name }) => `${name}: 너무 깁니다. 더 짧게 자르세요.`,
    rate: ({ name, rate }) => `${name}: 샘플레이트가 ${rate} Hz입니다. 1000에서 10000000 Hz까지 쓸 수 있습니다.`,
    channels: ({ name, channels }) => `${name}: ${channels}채널입니다. 1에서 1024채널까지 쓸 수 있습니다.`,
    channel: ({ name, channels, wanted }) =>
      `${name}: ${channels}채널(0부터 셈)인데 모델은 ${wanted}번 채널로 학습했습니다.`,
    tooLarge: () => "특징이 유한한 수가 아닙니다: 샘플이 너무 큽니다.",
    noScore: () => "모델의 점수가 유한한 수가 아닙니다.",
    insecure: () => "브라우저는 https나 localhost의 페이지에만 마이크를 허락합니다.",
    noMicrophone: () => "마이크가 없습니다.",
    noPermission: ({ why }) => `마이크를 쓸 수 없습니다: ${why}`,
    unplugged: () => "마이크가 빠졌습니다.",
    stopped: () => "녹음을 멈췄습니다.",
    unexpected: ({ why }) => `예상하지 못한 문제가 생겼습니다: ${why}`,
  },
};

export const LANGUAGES = { en: ENGLISH, ko: KOREAN };

let current = navigator.languages?.find((name) => name.slice(0, 2) in LANGUAGES)?.slice(0, 2) ?? "en";

export const language = () => current;
export const setLanguage = (name) => {
  current = name;
};

// Text of a key such as "title" or "problem.silent", with its values.
export function say(key, values = {}) {
  const found = key.split(".").reduce((texts, part) => texts[part], LANGUAGES[current]);
  return typeof found === "function" ? found(values) : found;
}

export { number };
