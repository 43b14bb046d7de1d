// Recordings: WAV files read as asd/recordings/audio.py reads them, others by the browser; mono, windows, resampling.

import { Problem } from "./problem.js";

export const SAMPLE_RATE = 16000; // Hz, of the features
const FRAME_LENGTH = 400; // samples at that rate, the shortest that has features
const SAME = 0.05; // share of the length by which a recording may differ and still be one window
const LONGEST = 2 ** 27; // samples
const [LOWEST_RATE, HIGHEST_RATE] = [1000, 10_000_000]; // Hz
const MOST_CHANNELS = 1024;
const ROUNDING = 1e-6; // relative; less is what adding up channels leaves of a constant signal

// A recording as {name, rate, channels, frames, at: (frame, channel) => sample in [-1, 1)}.
export async function openRecording(name, content) {
  const found = parseWav(name, content) ?? (await decoded(name, content));
  if (found.rate < LOWEST_RATE || found.rate > HIGHEST_RATE) throw new Problem("rate", { name, rate: found.rate });
  if (found.channels < 1 || found.channels > MOST_CHANNELS) {
    throw new Problem("channels", { name, channels: found.channels });
  }
  if (Math.max(found.frames, (found.frames * SAMPLE_RATE) / found.rate) > LONGEST) throw new Problem("long", { name });
  return { name, ...found };
}

// A recording from blocks of samples, as a microphone gives them: [block][channel] -> Float32Array.
export function fromBlocks(name, rate, blocks) {
  const channels = blocks.reduce((fewest, block) => Math.min(fewest, block.length), Infinity); // it may change
  const joined = Array.from({ length: channels }, (_, channel) => joinedBlocks(blocks.map((block) => block[channel])));
  return { name, rate, channels, frames: joined[0].length, at: (frame, channel) => joined[channel][frame] };
}

function joinedBlocks(blocks) {
  const all = new Float32Array(blocks.reduce((total, block) => total + block.length, 0));
  let position = 0;
  for (const block of blocks) {
    all.set(block, position);
    position += block.length;
  }
  return all;
}

// null if it is no WAV file, or one with samples that the browser may know
function parseWav(name, content) {
  const view = new DataView(content);
  const word = (place) => String.fromCharCode(...new Uint8Array(content, place, 4));
  if (content.byteLength < 12 || word(0) !== "RIFF" || word(8) !== "WAVE") return null;
  let format = null;
  for (let place = 12; place + 8 <= content.byteLength; ) {
    const [chunk, size] = [word(place), view.getUint32(place + 4, true)];
    const start = place + 8;
    if (chunk === "fmt " && start + 16 <= content.byteLength) {
      let tag = view.getUint16(start, true);
      if (tag === 0xfffe && size >= 26) tag = view.getUint16(start + 24, true);
      const bits = view.getUint16(start + 14, true);
      format = { tag, bits, channels: view.getUint16(start + 2, true), rate: view.getUint32(start + 4, true) };
    } else if (chunk === "data") {
      return format && samplesOfWav(name, view, format, start, size);
    }
    place = start + size + (size % 2);
  }
  throw new Problem("truncated", { name });
}

const READERS = {
  "1/8": (view) => (place) => (view.getUint8(place) - 128) / 128,
  "1/16": (view) => (place) => view.getInt16(place, true) / 32768,
  "1/24": (view) => (place) => (view.getUint16(place, true) + view.getInt8(place + 2) * 65536) / 8388608,
  "1/32": (view) => (place) => view.getInt32(place, true) / 2147483648,
  "3/32": (view) => (place) => view.getFloat32(place, true),
  "3/64": (view) => (place) => view.getFloat64(place, true),
};

function samplesOfWav(name, view, { tag, bits, channels, rate }, start, size) {
  const reader = READERS[`${tag}/${bits}`];
  if (!reader || channels === 0) return null;
  const there = view.byteLength - start;
  const unknown = size >= 0xffffff00; // a stream, whose length nobody knew when it began
  if (size > there && !unknown) throw new Problem("truncated", { name });
  const bytes = bits / 8;
  const frames = Math.floor((unknown ? there : size) / (bytes * channels));
  const read = reader(view);
  return { rate, channels, frames, at: (frame, channel) => read(start + (frame * channels + channel) * bytes) };
}

async function decoded(name, content) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, SAMPLE_RATE).decodeAudioData(content.slice(0));
    const data = Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
    return {
      rate: buffer.sampleRate,
      channels: data.length,
      frames: buffer.length,
      at: (frame, channel) => data[channel][frame],
    };
  } catch {
    throw new Problem("noAudio", { name });
  }
}

// Windows of a recording, each as long as the training clips, as {start, end, samples} or {start, end, problem}; the
// last one ends where the recording does (asd/scoring/windows.py).
export function windowsOf(recording, about) {
  const { name, rate, channels, frames } = recording;
  if (about.channel !== "mean" && about.channel >= channels) {
    throw new Problem("channel", { name, channels, wanted: about.channel });
  }
  if (frames * SAMPLE_RATE < FRAME_LENGTH * rate) throw new Problem("short", { name, seconds: frames / rate });
  const whole = about.seconds === null || frames <= (1 + SAME) * about.seconds * rate;
  const length = whole ? frames : Math.round(about.seconds * rate);
  const starts = [];
  for (let start = 0; start + length <= frames; start += length) starts.push(start);
  if ((frames % length) * SAMPLE_RATE >= FRAME_LENGTH * rate) starts.push(frames - length);
  return starts.map((start) => {
    const times = { start: start / rate, end: (start + length) / rate };
    try {
      const mono = monoOf(recording, about.channel, start, length);
      return { ...times, samples: resample(mono, rate, SAMPLE_RATE) };
    } catch (problem) {
      if (problem instanceof Problem) return { ...times, problem };
      throw problem;
    }
  });
}

function monoOf({ name, channels, at }, channel, start, length) {
  const samples = new Float32Array(length);
  let [low, high] = [Infinity, -Infinity];
  for (let frame = 0; frame < length; frame += 1) {
    let value = 0;
    if (channel === "mean") {
      for (let each = 0; each < channels; each += 1) value += at(start + frame, each);
      value /= channels;
    } else {
      value = at(start + frame, channel);
    }
    if (!Number.isFinite(value)) throw new Problem("notFinite", { name });
    samples[frame] = value;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (high - low <= ROUNDING * Math.max(Math.abs(low), Math.abs(high))) throw new Problem("silent", { name });
  return samples;
}

// Band-limited interpolation by the kernel of soxr's high quality, which the package uses: a sinc in a Kaiser window that
// passes 91 % of what is below the lower Nyquist frequency, and 126 dB less above it.  The numbers are fitted to soxr's.
const CUTOFF = 0.956872; // of the lower Nyquist frequency
const BETA = 13.04009;
const REACH = 96.8335; // samples of the lower rate on each side

export function resample(samples, from, to) {
  if (from === to) return samples;
  const divisor = greatestDivisor(from, to);
  const [steps, phases] = [from / divisor, to / divisor];
  const scale = Math.min(1, to / from); // of the lower sample rate, in samples of the input
  const reach = Math.ceil(REACH / scale);
  const kernels = new Map();
  const found = new Float32Array(Math.round((samples.length * to) / from));
  for (let index = 0; index < found.length; index += 1) {
    const [centre, phase] = [Math.floor((index * steps) / phases), (index * steps) % phases];
    if (!kernels.has(phase)) kernels.set(phase, kernelAt(phase / phases, reach, scale));
    const kernel = kernels.get(phase);
    const first = centre - reach;
    const last = Math.min(samples.length - 1, centre + reach);
    let sum = 0;
    for (let place = Math.max(0, first); place <= last; place += 1) sum += samples[place] * kernel[place - first];
    found[index] = sum;
  }
  return found;
}

const greatestDivisor = (one, other) => (other ? greatestDivisor(other, one % other) : one);

// Weights of the samples around one, for a place so far behind it.
function kernelAt(behind, reach, scale) {
  return Float64Array.from({ length: 2 * reach + 1 }, (_, number) => {
    const place = Math.abs(number - reach - behind) * scale;
    if (place >= REACH) return 0;
    const angle = Math.PI * CUTOFF * place;
    const sinc = place === 0 ? 1 : Math.sin(angle) / angle;
    return (scale * CUTOFF * sinc * bessel(BETA * Math.sqrt(1 - (place / REACH) ** 2))) / bessel(BETA);
  });
}

// Modified Bessel function of the first kind and order 0.
function bessel(value) {
  let [sum, term] = [1, 1];
  for (let order = 1; term > 1e-17 * sum; order += 1) {
    term *= (value / 2 / order) ** 2;
    sum += term;
  }
  return sum;
}

// In what a recording differs from those that trained the model, as kinds of text with their values.
export function remarksOf({ rate, channels, frames }, about) {
  const remarks = [];
  const seconds = frames / rate;
  if (about.seconds !== null && seconds < (1 - SAME) * about.seconds) {
    remarks.push(["shorter", { seconds, wanted: about.seconds }]);
  }
  if (about.channels !== null && channels !== about.channels) {
    remarks.push(["otherChannels", { channels, wanted: about.channels }]);
  }
  if (about.sample_rate === null) {
    if (rate < SAMPLE_RATE) remarks.push(["lowRate", { rate }]);
  } else if (rate !== about.sample_rate && Math.min(rate, about.sample_rate) < SAMPLE_RATE) {
    remarks.push(["otherRate", { rate, wanted: about.sample_rate }]);
  }
  return remarks;
}

// 16-bit WAV of mono samples, to listen to.
export function toWav(samples, rate = SAMPLE_RATE) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const put = (place, text) => [...text].forEach((letter, number) => view.setUint8(place + number, letter.charCodeAt(0)));
  put(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  put(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, number) => {
    view.setInt16(44 + 2 * number, Math.max(-32768, Math.min(32767, Math.round(32768 * value))), true);
  });
  return new Blob([view.buffer], { type: "audio/wav" });
}
