// A model file: its seal, and what it says of itself, as in asd/models/files.py.
//
// onnxruntime-web does not give the metadata of a model.  An ONNX file is a protocol buffer; its last two fields are
// metadata_props "asd" (JSON) and "asd_seal" (the SHA-256 of all bytes before it).

import { Problem } from "./problem.js";

export const MEL_BANDS = 128;
export const PUBLISHED = 136; // features without the temporal ones
const FORMAT = 1;
const METADATA_FIELD = 14;
const SEAL_LENGTH = 78;

// A file as {about, graph, kind: "model" | "features", checked}; `checked` is false where browsers can't tell.
export async function readModelFile(name, graph) {
  let entries;
  try {
    entries = Object.fromEntries(metadataEntries(graph));
  } catch {
    throw new Problem("noModel", { name });
  }
  if (!("asd" in entries) || !("asd_seal" in entries)) throw new Problem("noModel", { name });
  const checked = await matchesItsSeal(graph);
  if (checked === false) throw new Problem("seal", { name });
  let about;
  try {
    about = JSON.parse(entries.asd);
  } catch {
    throw new Problem("noModel", { name });
  }
  if (about?.format !== FORMAT) throw new Problem("format", { name, found: about?.format, known: FORMAT });
  const kind = about.kind === "features" ? "features" : "model";
  if (!(kind === "features" ? isExtractor(about) : isModel(about))) throw new Problem("incomplete", { name });
  return { name, graph, about, kind, checked: checked === true };
}

// true or false; null where the page is neither on https nor on localhost, and browsers have no SHA-256
async function matchesItsSeal(content) {
  const body = content.subarray(0, content.length - SEAL_LENGTH);
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const expected = entry("asd_seal", hex);
  const found = content.subarray(content.length - SEAL_LENGTH);
  return expected.length === found.length && expected.every((byte, place) => byte === found[place]);
}

// A field metadata_props; all lengths are below 128, so that each takes one byte.
function entry(key, value) {
  const encoder = new TextEncoder();
  const field = (number, content) => [(number << 3) | 2, content.length, ...content];
  return field(METADATA_FIELD, [...field(1, encoder.encode(key)), ...field(2, encoder.encode(value))]);
}

function* metadataEntries(content) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (const [number, value] of fields(content)) {
    if (number !== METADATA_FIELD) continue;
    const pair = Object.fromEntries(fields(value));
    yield [decoder.decode(pair[1]), decoder.decode(pair[2])];
  }
}

// Numbers and contents of the fields of a protocol buffer; those of numbers are left out.
function* fields(content) {
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 64 && position < content.length; shift += 7) {
      const byte = content[position++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number ends behind the file");
  };
  while (position < content.length) {
    const tag = varint();
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) {
      varint();
      continue;
    }
    if (![1, 2, 5].includes(kind)) throw new RangeError(`field ${number} is of kind ${kind}`);
    const length = kind === 2 ? varint() : kind === 1 ? 8 : 4;
    if (position + length > content.length) throw new RangeError(`field ${number} ends behind the file`);
    if (kind === 2) yield [number, content.subarray(position, position + length)];
    position += length;
  }
}

const areNumbers = (values, count) =>
  Array.isArray(values) && (count === undefined || values.length === count) && values.every(Number.isFinite);

function isExtractor(about) {
  return Array.isArray(about.names) && about.names.length >= PUBLISHED && areNumbers(about.mel_centres, MEL_BANDS);
}

function isModel(about) {
  const columns = about.normal?.features?.mean?.length;
  const detectors = Object.values(about.detectors ?? {});
  return (
    areNumbers(about.normal?.features?.mean) &&
    areNumbers(about.normal?.features?.spread, columns) &&
    areNumbers(about.normal?.log_mel?.mean, MEL_BANDS) &&
    areNumbers(about.normal?.log_mel?.spread, MEL_BANDS) &&
    Object.hasOwn(about.detectors ?? {}, about.detector) &&
    detectors.every((one) => Number.isFinite(one.threshold) && one.calibration.length > 0 && areNumbers(one.calibration)) &&
    (about.channel === "mean" || (Number.isInteger(about.channel) && about.channel >= 0)) &&
    (about.seconds === null || about.seconds > 0)
  );
}
