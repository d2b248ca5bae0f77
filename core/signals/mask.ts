/*
 * Free text that comes from outside is masked before it is stored or sent (design section 5). Every pattern is bounded, so
 * that its cost grows with the length of the text only.
 */

import type { System } from '../catalog/schema.ts';

interface MaskRule {
  readonly finds: RegExp;
  /** Part of whatever is found, and quickly seen to be missing: most texts have none of all this. */
  readonly needs: RegExp;
  readonly replacement: string;
  /** Why this form, and what it must leave alone. */
  readonly why: string;
}

// An id, a decimal number, an ARN or a UUID may hold digits in any grouping: a match begins and ends at a real edge.
const rules: readonly MaskRule[] = [
  {
    finds: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
    needs: /A(?:KI|SI|BI|CC)A/,
    replacement: '[access key]',
    why: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids',
  },
  {
    finds:
      /((?<![\w-])[\w-]{0,32}?(?:secret|password|passwd|token)[\w-]{0,32}(?:["']?\s{0,4}=\s{0,4}["']?|["']?:(?:\s{1,4}["']?|["'])))(?!\[secret\])[^\s"',;]{4,512}/gi,
    needs: /secret|passw|token/i,
    replacement: '$1[secret]',
    why: 'A value that its own name calls a secret; a bare colon is not enough, because ARNs have it (…:secret:name).',
  },
  {
    finds: /(?<![\w/+=:.-])(?=[A-Za-z0-9/+]{0,39}[A-Z])(?=[A-Za-z0-9/+]{0,39}[a-z])(?=[A-Za-z0-9/+]{0,39}\d)[A-Za-z0-9/+]{40}(?![\w/+=:.-])/g,
    needs: /[A-Za-z0-9/+]{40}/,
    replacement: '[secret]',
    why: 'The form of a secret access key; a commit id has 40 characters too, but no capitals, and parts of an ARN follow ":" or "/".',
  },
  {
    finds: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu,
    needs: /@/,
    replacement: '[e-mail]',
    why: 'local part @ domain with at least one dot: catalog@hash is no address.',
  },
  {
    finds: /(?<![\w.:/-])\d{6}-\d{7}(?![\w-])/g,
    needs: /\d{6}-\d/,
    replacement: '[resident number]',
    why: 'Korean resident registration number, ######-#######.',
  },
  {
    finds: /(?<![\w+.:/-])\+(?![01]\d:?[0-5]\d(?!\d))(?=[1-9](?:[ .()-]{0,2}\d){7})\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?![\w-])/g,
    needs: /\+\d/,
    replacement: '[phone]',
    why: 'International, 8 digits or more; an offset such as +0900 or +1030 is left alone.',
  },
  {
    finds: /(?<![\w+.:/-])(?:0\d{1,2}[ .-]\d{3,4}[ .-]\d{4}|\(0?\d{2,3}\)[ .-]?\d{3,4}[ .-]\d{4}|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])/g,
    needs: /\d{3}[ .-]\d{4}/,
    replacement: '[phone]',
    why: 'National with separators, for example 010-1234-5678 and (555) 123-4567; a date has other groups.',
  },
  {
    finds: /(?<![\w+.:/-])01[016789]\d{7,8}(?![\w.:/-])/g,
    needs: /01[016789]\d{7}/,
    replacement: '[phone]',
    why: 'Korean mobile number without separators: 10 or 11 digits, where an account id has 12.',
  },
];

/**
 * Replaces e-mail addresses, phone numbers, Korean resident numbers and what looks like a credential by a word in brackets.
 * Line breaks stay. Ids, ARNs, account ids and timestamps stay as they are. Masking twice changes nothing more.
 */
export function maskPersonalData(text: string): string {
  let masked = text;
  // What a mask sets free beside it, as in two numbers without a space, is found in the next pass
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const before = masked;
    masked = rules.reduce((line, { needs, finds, replacement }) => (needs.test(line) ? line.replace(finds, replacement) : line), before);
    if (masked === before) break;
  }
  return masked;
}

const MAX_PASSES = 10;

const personal: readonly string[] = ['[e-mail]', '[resident number]', '[phone]'];

/**
 * A name by which things are found. Personal data in it are masked, with a part of the name's hash behind, so that two such names stay two;
 * what only looks like a credential stays, because a name of 40 letters and digits does.
 */
export function maskedName(name: string, hash: (text: string) => string): string {
  const masked = rules
    .filter(({ replacement }) => personal.includes(replacement))
    .reduce((line, { finds, replacement }) => line.replace(finds, replacement), name);
  return masked === name ? name : `${masked} ${hash(name).slice(0, 8)}`;
}

/** Four numbers up to 255; a longer row of numbers, as of a version, is none. */
const ipv4 = /(?<![\w.:-])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\w]|\.\d)/g;
/** Unicast addresses of the internet begin with 2 or 3 (https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml). */
const ipv6 = /(?<![\w:.])[23][0-9a-f]{3}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi;

/** Of the inside of a network, where they name machines and no people: https://www.iana.org/assignments/iana-ipv4-special-registry/ */
const inside = /^(?:0|10|127)\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\.|^192\.168\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|^2(?:2[4-9]|[345]\d)\./;

/** A time such as 2026:11:21 has colons too, but neither eight groups nor an empty one. */
const isIpv6 = (text: string): boolean => (text.includes('::') ? text.split('::').length === 2 : text.split(':').length === 8);

/** Public IP addresses become `[ip]`; those of the inside of a network stay. Masking twice changes nothing more. */
export function maskIpAddresses(text: string): string {
  return text.replace(ipv4, (found) => (inside.test(found) ? found : '[ip]')).replace(ipv6, (found) => (isIpv6(found) ? '[ip]' : found));
}

/** What else is masked in the texts of a system: IP addresses, where its catalog entry says so or says that it holds personal data (S4-23). */
export function maskOf(system: Pick<System, 'spec'> | undefined): (text: string) => string {
  const protection = system?.spec.dataProtection;
  return (protection?.maskIpAddresses ?? protection?.personalData ?? false) ? maskIpAddresses : (text) => text;
}

/** One line: control, direction and other invisible characters become a space, runs of space become one. */
function oneLine(text: string): string {
  // Almost every line is one already.
  if (/^[!-~]+(?: [!-~]+)*$/.test(text)) return text;
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** One line of at most `maxCharacters` UTF-16 units; a cut shows as "…" and splits no character. */
export function boundedLine(text: string, maxCharacters: number): string {
  const line = oneLine(text.slice(0, READ_CHARACTERS));
  if (line.length <= maxCharacters) return line;
  return `${line.slice(0, maxCharacters - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** No longer text is read for a line: whatever a cut here leaves half-masked is cut off again by the shorter bound. */
const READ_CHARACTERS = 8192;

/** {@link boundedLine} of the masked text: what may be stored and sent. */
export function maskedLine(text: string, maxCharacters: number): string {
  return boundedLine(maskPersonalData(oneLine(text.slice(0, READ_CHARACTERS))), maxCharacters);
}
