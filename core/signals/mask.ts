/*
 * Free text that comes from outside is masked before it is stored or sent (design section 5). Every pattern is bounded, so
 * that its cost grows with the length of the text only.
 */

interface MaskRule {
  readonly finds: RegExp;
  readonly replacement: string;
  /** Why this form, and what it must leave alone. */
  readonly why: string;
}

// An id, a decimal number, an ARN or a UUID may hold digits in any grouping: a match begins and ends at a real edge.
const rules: readonly MaskRule[] = [
  {
    finds: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
    replacement: '[access key]',
    why: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids',
  },
  {
    finds:
      /((?<![\w-])[\w-]{0,32}?(?:secret|password|passwd|token)[\w-]{0,32}(?:["']?\s{0,4}=\s{0,4}["']?|["']?:(?:\s{1,4}["']?|["'])))(?!\[secret\])[^\s"',;]{4,512}/gi,
    replacement: '$1[secret]',
    why: 'A value that its own name calls a secret; a bare colon is not enough, because ARNs have it (…:secret:name).',
  },
  {
    finds: /(?<![\w/+=:.-])(?=[A-Za-z0-9/+]{0,39}[A-Z])(?=[A-Za-z0-9/+]{0,39}[a-z])(?=[A-Za-z0-9/+]{0,39}\d)[A-Za-z0-9/+]{40}(?![\w/+=:.-])/g,
    replacement: '[secret]',
    why: 'The form of a secret access key; a commit id has 40 characters too, but no capitals, and parts of an ARN follow ":" or "/".',
  },
  {
    finds: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu,
    replacement: '[e-mail]',
    why: 'local part @ domain with at least one dot: catalog@hash is no address.',
  },
  {
    finds: /(?<![\w.:/-])\d{6}-\d{7}(?![\w-])/g,
    replacement: '[resident number]',
    why: 'Korean resident registration number, ######-#######.',
  },
  {
    finds: /(?<![\w+.:/-])\+(?![01]\d:?[0-5]\d(?!\d))(?=[1-9](?:[ .()-]{0,2}\d){7})\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?![\w-])/g,
    replacement: '[phone]',
    why: 'International, 8 digits or more; an offset such as +0900 or +1030 is left alone.',
  },
  {
    finds: /(?<![\w+.:/-])(?:0\d{1,2}[ .-]\d{3,4}[ .-]\d{4}|\(0?\d{2,3}\)[ .-]?\d{3,4}[ .-]\d{4}|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])/g,
    replacement: '[phone]',
    why: 'National with separators, for example 010-1234-5678 and (555) 123-4567; a date has other groups.',
  },
  {
    finds: /(?<![\w+.:/-])01[016789]\d{7,8}(?![\w.:/-])/g,
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
    masked = rules.reduce((line, { finds, replacement }) => line.replace(finds, replacement), before);
    if (masked === before) break;
  }
  return masked;
}

const MAX_PASSES = 10;

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
