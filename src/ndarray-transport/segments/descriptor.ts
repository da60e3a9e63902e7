/** What tells another process of the host where bytes lie in shared memory: plain data, for the wire. */

export interface SliceDescriptor {
  /** The process that owns the segment, and the number of its file there. */
  readonly pid: number;
  readonly fd: number;
  /** The file's own number. A descriptor that is out of date does not reach another file. */
  readonly inode: number;
  /** Where the bytes begin in the file. */
  readonly offset: number;
  readonly byteLength: number;
  /** Which use of the segment is meant; the segment itself says which one it is in. */
  readonly generation: number;
}

/**
 * The first page of a segment is its header. It says in which use the segment is, as a float64. Numbers begin at random
 * in each process, so that two segments hardly ever have the same one.
 */
export const GENERATION_AT = 0;

/** What a receiver looks for before it opens a file of another process. */
export const MEMORY_LINK = "/memfd:ndparallel";

/** Some of the bytes of a slice. */
export function partOf(descriptor: SliceDescriptor, byteOffset: number, byteLength: number): SliceDescriptor {
  if (byteOffset < 0 || byteOffset + byteLength > descriptor.byteLength) {
    throw new RangeError(`bytes ${byteOffset} to ${byteOffset + byteLength} are not in ${descriptor.byteLength}`);
  }
  return { ...descriptor, offset: descriptor.offset + byteOffset, byteLength };
}
