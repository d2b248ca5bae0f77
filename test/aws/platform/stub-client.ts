/** The part of an SDK client that the stub needs. */
interface StubbableClient<Input extends object> {
  readonly middlewareStack: {
    add(middleware: (next: unknown, context: { readonly commandName?: string }) => (args: { input: Input }) => Promise<never>, options: object): void;
  };
}

/** One call that reached the stub: the command and its input as it would have been sent. */
export interface RecordedCall {
  readonly command: string;
  readonly input: unknown;
}

type Answer = (input: unknown, call: number) => unknown;

/**
 * Makes a real client answer from a function instead of the network, behind its own input handling.
 *
 * @param answer gives the output, or throws what AWS would answer; `call` counts from 1
 * @returns the calls so far
 */
export function stubClient<Input extends object>(client: StubbableClient<Input>, answer: Answer): readonly RecordedCall[] {
  const calls: RecordedCall[] = [];
  const middleware = (_next: unknown, context: { readonly commandName?: string }) => async (args: { input: Input }) => {
    await Promise.resolve();
    calls.push({ command: context.commandName ?? '', input: args.input });
    const output: unknown = answer(args.input, calls.length);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK's own union of outputs can not be named here
    return { output, response: {} } as never;
  };
  client.middlewareStack.add(middleware, { step: 'initialize', priority: 'low', name: 'stub' });
  return calls;
}

/** One property of a recorded input. */
export function fieldOf(input: unknown, name: string): unknown {
  return typeof input === 'object' && input !== null ? Reflect.get(input, name) : undefined;
}

/** What the SDK throws for an error of a service that has no class of its own. */
export function serviceError(name: string, httpStatusCode = 400): Error {
  return Object.assign(new Error(`${name} by the stub`), { name, $metadata: { httpStatusCode } });
}

/** Every stub needs a Region and keys; nothing is ever sent. */
export const stubOptions = { region: 'eu-central-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } } as const;
