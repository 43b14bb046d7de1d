// Some seconds of what a microphone hears, without the processing that browsers add for speech.

import { fromBlocks } from "./audio.js";
import { Problem } from "./problem.js";

const SETTLING = 0.2; // seconds that are left out at the start, in which many microphones click

// Resolves to a recording; `progress` gets the share that is done and the level of the last block, 0 to 1.
export async function record(name, seconds, progress, stopped) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Problem("insecure");
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
  } catch (error) {
    throw new Problem(error.name === "NotFoundError" ? "noMicrophone" : "noPermission", { why: error.message });
  }
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule("recorder.js");
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    const blocks = await new Promise((resolve, reject) => {
      const wanted = Math.round(seconds * context.sampleRate);
      let [skipped, taken] = [0, 0];
      const found = [];
      recorder.port.onmessage = ({ data }) => {
        if (skipped < SETTLING * context.sampleRate) {
          skipped += data[0].length;
          return;
        }
        const block = data.map((channel) => channel.subarray(0, wanted - taken));
        found.push(block);
        taken += block[0].length;
        progress(taken / wanted, block[0].reduce((most, value) => Math.max(most, Math.abs(value)), 0));
        if (taken >= wanted) {
          recorder.port.onmessage = null;
          resolve(found);
        }
      };
      stopped.addEventListener("abort", () => reject(new Problem("stopped")), { once: true });
      stream.getAudioTracks()[0].addEventListener("ended", () => reject(new Problem("unplugged")), { once: true });
      context.createMediaStreamSource(stream).connect(recorder);
    });
    return fromBlocks(name, context.sampleRate, blocks);
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
  }
}
