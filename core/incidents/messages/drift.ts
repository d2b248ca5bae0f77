import { type CodeOwner, driftAdvice } from '../../remediation/surroundings/code-owner.ts';
import type { Remediation } from '../../remediation/record.ts';
import { nextLines, perennial } from './commands.ts';
import type { ComposedMessage } from './message-facts.ts';
import { plain, smsText, subjectText } from './message-text.ts';

/** Tells who owns the instance as code that another one has taken its place; pure. */
export function composeDriftMessage(remediation: Remediation & { readonly newInstanceId: string }, owner: CodeOwner): ComposedMessage {
  const { accountId, region, system, oldInstanceId, newInstanceId, imageId, incidentId, id } = remediation;
  const head = `${system}: ${newInstanceId} replaced ${oldInstanceId}, which ${owner.tool} describes`;
  const scope = { accountId, region };
  return {
    subject: subjectText(`[info] ${head} (${region})`),
    text: [
      `${head}.`,
      '',
      `Described by: ${owner.tool}, ${plain(owner.reference)}`,
      `Where: account ${accountId}, Region ${region}`,
      `Image now: ${imageId ?? 'unknown'}`,
      '',
      driftAdvice[owner.tool],
      '',
      ...nextLines(false, [perennial(`remediations ${id}`, scope)], scope),
    ].join('\n'),
    sms: smsText([head]),
    data: { step: 'drift', accountId, region, system, oldInstanceId, newInstanceId, imageId: imageId ?? null, incidentId, remediationId: id, owner },
    system,
  };
}
