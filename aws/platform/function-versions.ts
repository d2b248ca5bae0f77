import { DeleteFunctionCommand, type LambdaClient, paginateListVersionsByFunction, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import { PermanentError } from '../../core/environment/errors.ts';
import type { FunctionVersion, FunctionVersions } from '../../core/remediation/reaper/function-versions.ts';
import { callAws } from './aws-errors.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html: fifty a page is the most. */
const PAGE_VERSIONS = 50;
const MAX_PAGES = 20;

/** A published version; `$LATEST` is none, nor is anything else that is no number. */
const VERSION_NUMBER = /^[1-9]\d*$/;
const VERSION_ARN = /:function:[^:]+:[1-9]\d*$/;

/** Versions of functions on Lambda. */
export class LambdaFunctionVersions implements FunctionVersions {
  readonly #client: LambdaClient;

  constructor(client: LambdaClient) {
    this.#client = client;
  }

  async list(functionArn: string): Promise<readonly FunctionVersion[]> {
    return callAws(`list the versions of ${functionArn}`, async () => {
      const numbers: number[] = [];
      let pages = 0;
      for await (const page of paginateListVersionsByFunction({ client: this.#client, pageSize: PAGE_VERSIONS }, { FunctionName: functionArn })) {
        numbers.push(...(page.Versions ?? []).flatMap(({ Version = '' }) => (VERSION_NUMBER.test(Version) ? [Number(Version)] : [])));
        pages += 1;
        // What lies behind waits until these are gone.
        if (pages >= MAX_PAGES) break;
      }
      return numbers.toSorted((left, right) => left - right).map((number) => ({ arn: `${functionArn}:${number}`, functionArn, number }));
    });
  }

  /**
   * Names the version within the ARN, which the role is limited to by `function:<name>:*`: without it the call would delete the
   * whole function (https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html).
   */
  async delete({ arn }: FunctionVersion): Promise<void> {
    if (!VERSION_ARN.test(arn)) throw new PermanentError(`${arn} names no published version of a function; nothing was deleted.`);
    await callAws(`delete the version ${arn}`, async () => {
      try {
        await this.#client.send(new DeleteFunctionCommand({ FunctionName: arn }));
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      }
    });
  }
}
