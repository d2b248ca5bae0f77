import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

export interface ForwardedAnswer {
  readonly statusCode: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

const MAX_ANSWER_BYTES = 50_000_000;
const TIMEOUT_MILLIS = 60_000;

// Belong to one connection (RFC 9110, 7.6.1) or are written anew.
const DROPPED_REQUEST_HEADERS = new Set(['connection', 'content-length', 'transfer-encoding', 'expect', 'keep-alive', 'accept-encoding']);
const DROPPED_ANSWER_HEADERS = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive']);

/** Sends a request on to moto. The Host header stays as it was signed; moto finds the service by the credential scope. */
export function forward(motoUrl: string, method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<ForwardedAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      new URL(path, motoUrl),
      { method, headers: { ...without(headers, DROPPED_REQUEST_HEADERS), 'content-length': body.length }, timeout: TIMEOUT_MILLIS },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) {
            answer.destroy(new Error(`The fleet answered with more than ${MAX_ANSWER_BYTES} bytes.`));
          }
          chunks.push(chunk);
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const kept = without(answer.headers, DROPPED_ANSWER_HEADERS);
          resolve({ statusCode: answer.statusCode ?? 502, headers: kept, body: Buffer.concat(chunks) });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`The fleet did not answer within ${TIMEOUT_MILLIS / 1000} s.`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function without(headers: IncomingHttpHeaders, dropped: ReadonlySet<string>): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
