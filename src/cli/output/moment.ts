/** An ISO date-time as people read it: `2026-10-05 12:03:04 UTC`. */
export function moment(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
