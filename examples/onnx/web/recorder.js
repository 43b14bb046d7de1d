// Runs where the sound is: hands on what the microphone gives, block by block.
class Recorder extends AudioWorkletProcessor {
  process([input]) {
    if (input.length) this.port.postMessage(input.map((channel) => channel.slice()));
    return true;
  }
}
registerProcessor("recorder", Recorder);
