import { createHash } from 'node:crypto';
import type { Hasher } from '../core/environment/ports.ts';

/** SHA-256 by Node, for programs that compile a catalog (`cdk synth`, the command line). */
export const nodeHasher: Hasher = {
  sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex'),
};
