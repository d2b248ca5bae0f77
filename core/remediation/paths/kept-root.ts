/** The call that tags a root volume which was replaced: the record's half of what the reaper asks for. */
export function keptRootCall(volumeId: string): string {
  return `keep-root:${volumeId}`;
}
