import type { FleetRequest } from './requests.ts';

/** One call that reached the fleet, for tests and for the comparison with the synthesised policies. */
export interface FleetCall {
  /** ISO 8601. */
  readonly at: string;
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly userAgent: string;
  readonly statusCode: number;
  /** Form fields without user data, which may hold secrets; empty for SSM, whose parameters are not kept. */
  readonly parameters: Readonly<Record<string, string>>;
}

const MAX_CALLS = 20_000;

/** The latest calls, oldest first. */
export class CallLog {
  readonly #calls: FleetCall[] = [];

  add(request: FleetRequest, statusCode: number, at: string): void {
    const { service, action, region, accessKeyId, userAgent } = request;
    const parameters = Object.fromEntries([...request.parameters].filter(([key]) => !key.includes('UserData')));
    this.#calls.push({ at, service, action, region, accessKeyId, userAgent, statusCode, parameters });
    if (this.#calls.length > MAX_CALLS) {
      this.#calls.shift();
    }
  }

  calls(): readonly FleetCall[] {
    return this.#calls;
  }
}
