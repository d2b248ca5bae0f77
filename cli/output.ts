/** Where the command line writes; a test passes its own. */
export interface Output {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Whole standard input as text. */
  readonly readInput: () => Promise<string>;
}

/** 0 ok, 1 error, 2 "no" as an answer (design section 9). */
export type ExitCode = 0 | 1 | 2;

/** What a command answers: data for programs, text for people. */
export interface Answer {
  readonly json: unknown;
  readonly text: string;
  readonly exitCode: ExitCode;
}

export function ok(json: unknown, text: string): Answer {
  return { json, text, exitCode: 0 };
}

/** Rows as aligned columns; long cells are cut to 60 characters. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cut = (cell: string): string => (cell.length > 60 ? `${cell.slice(0, 59)}…` : cell);
  const all = [header, ...rows.map((row) => row.map(cut))];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}
