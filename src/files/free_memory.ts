/**
 * Frees the memory of a typed array at once; it has no elements afterwards, nor has any other view of its buffer.
 *
 * Why: V8 frees what is dropped when it next collects, and megabytes that come and go by the second make it collect
 * all the time.
 */
export function freeMemory({ buffer }: ArrayBufferView<ArrayBufferLike>): void {
  (buffer as ArrayBuffer).transfer(0);
}
