/** Typed arrays on shared memory: another thread can be given a view of a table without a copy. */

export function sharedInts(length: number, fill = 0): Int32Array<SharedArrayBuffer> {
  const ints = new Int32Array(new SharedArrayBuffer(4 * length));
  return fill === 0 ? ints : ints.fill(fill);
}

export function sharedFloats(length: number, fill = 0): Float64Array<SharedArrayBuffer> {
  const floats = new Float64Array(new SharedArrayBuffer(8 * length));
  return fill === 0 ? floats : floats.fill(fill);
}

/** A longer table with the same beginning. Views that others hold keep showing the old one. */
export function grown(table: Int32Array<SharedArrayBuffer>, length: number, fill = 0): Int32Array<SharedArrayBuffer> {
  const longer = sharedInts(length);
  longer.set(table);
  return fill === 0 ? longer : longer.fill(fill, table.length);
}

/** As `grown`, for what is one thread's own. */
export function longer(ints: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(ints);
  return copy;
}

/** In single precision, for bounds: `roundedUp` keeps them bounds. */
export const sharedBounds = (length: number): Float32Array<SharedArrayBuffer> => new Float32Array(new SharedArrayBuffer(4 * length));

export function grownBounds(table: Float32Array<SharedArrayBuffer>, length: number): Float32Array<SharedArrayBuffer> {
  const longer = sharedBounds(length);
  longer.set(table);
  return longer;
}

/** What is stored of this in single precision is not below it. */
export const roundedUp = (value: number): number => value * (1 + 1.2e-7);

export const roundedDown = (value: number): number => value * (1 - 1.2e-7);
