/** What Emscripten's modules look at when they start, though they are given their bytes: a bundle lacks it. */
export function setDirname(): void {
  (globalThis as { __dirname?: string }).__dirname ??= import.meta.dirname;
}
