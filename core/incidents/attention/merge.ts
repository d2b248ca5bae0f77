import type { Notification } from '../record.ts';

/** One message that tells of several, oldest first. */
export interface MergedMessage {
  readonly leader: Notification;
  readonly followers: readonly Notification[];
}

/** More than this nobody reads in one message; the rest is the next one's. */
const MAX_MERGED = 50;

/** Told together: of one group, to the same people by the same channels. */
function readersOf({ id, group, severity, channels, roles = [] }: Notification): string {
  return group === undefined ? id : [group, severity, channels.join(' '), roles.toSorted().join(' ')].join('\n');
}

/** Pure: which of the messages that may be sent now are told in one. The oldest one leads. */
export function mergeDue(due: readonly Notification[]): readonly MergedMessage[] {
  const groups = new Map<string, Notification[]>();
  for (const notification of due.toSorted(byAge)) {
    const readers = readersOf(notification);
    const group = groups.get(readers);
    if (group === undefined) groups.set(readers, [notification]);
    else group.push(notification);
  }
  return [...groups.values()].flatMap(chunksOf);
}

function byAge(left: Notification, right: Notification): number {
  if (left.intentAt !== right.intentAt) return left.intentAt < right.intentAt ? -1 : 1;
  return left.id < right.id ? -1 : 1;
}

function chunksOf(group: readonly Notification[]): readonly MergedMessage[] {
  const chunks: MergedMessage[] = [];
  for (let start = 0; start < group.length; start += MAX_MERGED) {
    const [leader, ...followers] = group.slice(start, start + MAX_MERGED);
    if (leader !== undefined) chunks.push({ leader, followers });
  }
  return chunks;
}

const MAX_SUBJECT_CHARACTERS = 100;
const MAX_SMS_CHARACTERS = 160;

/** Pure: the texts of a message with what it tells besides itself; unchanged when that is nothing. */
export function mergedTexts({ subject, text, sms, data, merged = [] }: Notification): Pick<Notification, 'subject' | 'text' | 'sms' | 'data'> {
  if (merged.length === 0) return { subject, text, sms, data };
  const more = `+${merged.length} more`;
  const lines = merged.map((other) => `- ${other.subject}${other.incidentId === undefined ? '' : ` (${other.incidentId})`}`);
  return {
    subject: `${more}: ${subject}`.slice(0, MAX_SUBJECT_CHARACTERS),
    text: `${text}\n\nTogether with this (${merged.length}):\n${lines.join('\n')}`,
    // Room stays for the mark of a repeat.
    sms: `${more}. ${sms}`.slice(0, MAX_SMS_CHARACTERS - 'Repeat: '.length),
    data: { ...data, together: merged },
  };
}
