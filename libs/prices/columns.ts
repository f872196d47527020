/** A typed array at least so long, with what it held: doubled, so that growing costs nothing on average. */
export function grownFloats(array: Float64Array, length: number): Float64Array {
  if (length <= array.length) return array;
  const grown = new Float64Array(Math.max(length, 2 * array.length, 16));
  grown.set(array);
  return grown;
}

export function grownInts(array: Int32Array, length: number): Int32Array {
  if (length <= array.length) return array;
  const grown = new Int32Array(Math.max(length, 2 * array.length, 16));
  grown.set(array);
  return grown;
}

export function grownFlags(array: Uint8Array, length: number): Uint8Array {
  if (length <= array.length) return array;
  const grown = new Uint8Array(Math.max(length, 2 * array.length, 16));
  grown.set(array);
  return grown;
}
