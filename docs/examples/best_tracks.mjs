// The best unplayed tracks of one listener, from the files of a bundle alone, without this project's code:
//   node best_tracks.mjs BUNDLE ROW [K]
// BUNDLE is the folder bundles/<candidate> of a store, ROW the listener's row. Prints column and score of each track.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TYPES = { "<f4": Float32Array, "<f8": Float64Array, "<i4": Int32Array, "<i8": BigInt64Array };

function npy(file) { // https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0, C order
  const bytes = readFileSync(file), length = bytes.readUInt16LE(8);
  const header = bytes.subarray(10, 10 + length).toString("latin1");
  const type = TYPES[/'descr': '([^']+)'/.exec(header)[1]];
  const shape = /'shape': \(([^)]*)\)/.exec(header)[1].split(",").filter((n) => n.trim()).map(Number);
  const data = bytes.buffer.slice(bytes.byteOffset + 10 + length, bytes.byteOffset + bytes.length);
  return { data: new type(data), shape };
}

const [bundle, row, k] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4] ?? 10)];
const users = join(bundle, readdirSync(bundle).find((name) => name.startsWith("users-")));
const vectors = npy(join(users, "user_vectors.npy")), factors = npy(join(bundle, "gated", "ranked_factors.npy"));
const columns = npy(join(bundle, "gated", "rank_cols.npy")).data;
const ends = npy(join(users, "indptr.npy")).data, cols = npy(join(users, "cols.npy")).data;
const played = new Set(Array.from(cols.subarray(Number(ends[row]), Number(ends[row + 1])), Number));
const width = vectors.shape[1], own = vectors.data.subarray(row * width, (row + 1) * width);
const scored = [];
for (let rank = 0; rank < factors.shape[0]; rank++) {
  if (played.has(columns[rank])) continue;
  let score = 0;
  for (let n = 0; n < width; n++) score += own[n] * factors.data[rank * width + n];
  scored.push([columns[rank], score]);
}
scored.sort((a, b) => b[1] - a[1]);
console.log(JSON.stringify(scored.slice(0, k)));
