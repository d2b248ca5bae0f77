/** The little that is needed of any SDK client and any of its commands. */
interface AnyCommand {
  readonly input: object;
}
type Send = (command: AnyCommand) => Promise<unknown>;

/** One call that was made, and how it ended. */
export interface RecordedCall {
  readonly service: string;
  readonly command: string;
  readonly input: object;
  /** `ok`, or the name of the error. */
  readonly outcome: () => string;
  readonly answer: () => unknown;
  /** Makes the same call again with another input, through the same client. */
  readonly repeat: (input: object) => Promise<unknown>;
}

export type Recorder = (call: RecordedCall) => void;

/** Names of errors that an emulator sends and the SDK gives no class. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}

function record(service: string, send: Send, command: AnyCommand, tell: Recorder): Promise<unknown> {
  let outcome = 'under way';
  let answer: unknown;
  const repeat = async (input: object): Promise<unknown> => {
    const again: unknown = Reflect.construct(command.constructor, [input]);
    if (!isCommand(again)) throw new TypeError(`${command.constructor.name} cannot be built again`);
    return send(again);
  };
  tell({ service, command: command.constructor.name, input: structuredClone(command.input), outcome: () => outcome, answer: () => answer, repeat });
  return send(command).then(
    (value) => {
      outcome = 'ok';
      answer = value;
      return value;
    },
    (error: unknown) => {
      outcome = nameOf(error);
      throw error;
    },
  );
}

const isCommand = (value: unknown): value is AnyCommand => typeof value === 'object' && value !== null && 'input' in value;
const isSend = (value: unknown): value is Send => typeof value === 'function';

/** A client that tells of every call before it makes it. */
export function recording<Client extends object>(service: string, client: Client, tell: Recorder): Client {
  return new Proxy(client, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== 'send' || !isSend(value)) return value;
      const send: Send = value.bind(target);
      return (command: AnyCommand) => record(service, send, command, tell);
    },
  });
}

/** The outcome of a call that is made again. */
export async function outcomeOf(call: () => Promise<unknown>): Promise<{ readonly outcome: string; readonly answer: unknown }> {
  try {
    return { outcome: 'ok', answer: await call() };
  } catch (error) {
    return { outcome: nameOf(error), answer: undefined };
  }
}
