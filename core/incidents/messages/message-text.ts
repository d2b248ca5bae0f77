import type { Timestamp } from '../../environment/time.ts';
import { maskedLine } from '../../signals/mask.ts';

const MAX_LINE_CHARACTERS = 400;

/** Free text of others as one masked line of at most 400 characters. */
export function plain(text: string, maxCharacters = MAX_LINE_CHARACTERS): string {
  return maskedLine(text, maxCharacters);
}

/** `2026-11-21 09:00:00 UTC`. */
export function momentText(at: Timestamp): string {
  return `${at.slice(0, 19).replace('T', ' ')} UTC`;
}

/** `09:00:00 UTC`. */
export function clockText(at: Timestamp): string {
  return `${at.slice(11, 19)} UTC`;
}

/** `45 s`, `4 min 10 s`, `3 h 20 min`, `2 days 3 h`; never negative. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.floor(whole / 60);
  if (minutes < 48 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.floor(minutes / 60);
  return pair(Math.floor(hours / 24), 'days', hours % 24, 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return `${large} ${largeUnit}${small === 0 ? '' : ` ${small} ${smallUnit}`}`;
}

/** Sentences begin with a capital. */
export function capitalised(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** A sentence ends with exactly one mark. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

const MAX_SUBJECT_CHARACTERS = 100;

export function subjectText(text: string): string {
  return plain(text, MAX_SUBJECT_CHARACTERS);
}

/** 160 characters less `Repeat: `, which is put before one that is sent again. */
const MAX_SMS_CHARACTERS = 152;

/**
 * The parts, most important first, as one SMS of at most 160 characters. Only characters that cost one place in the alphabet of
 * SMS (GSM 03.38): one other character would cut the message to 70 (https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html).
 */
export function smsText(parts: readonly string[]): string {
  const line = parts
    .map((part) => plain(part))
    .filter((part) => part !== '')
    .map(sentence)
    .join(' ');
  const spelt = isCheap.test(line) ? line : cheapened(line);
  return spelt.length <= MAX_SMS_CHARACTERS ? spelt : `${spelt.slice(0, MAX_SMS_CHARACTERS - 3).trimEnd()}...`;
}

/** Printable ASCII without brackets, braces, tilde, caret, backquote, backslash and bar: almost every line. */
const isCheap = /^[ -Z_a-z]*$/;

/** The same line in characters that cost one place each. */
function cheapened(line: string): string {
  return line
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .replaceAll(/[[{]/g, '(')
    .replaceAll(/[\]}]/g, ')')
    .replaceAll(/[–—~]/g, '-')
    .replaceAll('…', '...')
    .replaceAll(/[^ -~]|[`^\\|]/gu, '?');
}

/** `21.4 %`: three figures. */
export function percentText(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(3))} %`;
}
