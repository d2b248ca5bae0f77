import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { utf8Bytes } from '../../core/records/limits.ts';
import { callAws } from './aws-errors.ts';

const MAX_BYTES = 5 * 1024 * 1024;

/** Reads the compiled catalog that a deploy has put into S3. */
export class S3CatalogAsset {
  readonly #client: S3Client;

  constructor(client: S3Client) {
    this.#client = client;
  }

  /** @returns the text of the object; `PermanentError` when it is missing, empty or larger than 5 MB */
  read(bucket: string, key: string): Promise<string> {
    const name = `s3://${bucket}/${key}`;
    return callAws(`read the catalog ${name}`, async () => {
      // The range bounds what is transferred even if the object is huge; one byte more shows that it is.
      const answer = await this.#client.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=0-${MAX_BYTES}` }));
      const text = (await answer.Body?.transformToString('utf-8')) ?? '';
      const bytes = utf8Bytes(text);
      if (bytes === 0) throw new PermanentError(`The catalog ${name} is empty: deploy again.`);
      if (bytes > MAX_BYTES) throw new PermanentError(`The catalog ${name} is larger than ${MAX_BYTES} bytes: split it into several apps.`);
      if (answer.ContentLength !== undefined && answer.ContentLength !== bytes) {
        throw new RetryableError(`The catalog ${name} came with ${bytes} of ${answer.ContentLength} bytes; try again.`);
      }
      return text;
    });
  }
}
