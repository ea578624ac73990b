/** The kernel's advisory lock on a file: it dies with the process, so that no stale one is ever left behind. */

/** Takes the lock for this process, trying for half a second: who only looks holds it for a moment. Returns whether it is held. */
export async function acquireLock(file: Deno.FsFile): Promise<boolean> {
  for (let left = 10;; left--) {
    if (await file.tryLock(true)) return true;
    if (left === 0) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
