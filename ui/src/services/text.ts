// Names come from containers, and containers are hostile. React already keeps HTML from being
// markup; this makes what would be invisible or would reorder the line visible as escapes.

/** Controls, formatting and bidirectional characters, unpaired surrogates, private use, line and
 * paragraph separators, spaces other than the usual ones, fillers and variation selectors. */
const INVISIBLE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffe\uffff\u{e0000}-\u{e0fff}]/gu;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e', '\0': '\\0' };

/** Longest text shown in one place; the rest is cut, and said to be. */
export const MAX_SHOWN = 4096;

function escapeOne(char: string): string {
  const short = SHORT[char];
  if (short) return short;
  const code = char.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
}

/** The text with every character that cannot be seen written as a visible escape. */
export function safeText(value: unknown, max = MAX_SHOWN): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : String(value);
  const cut = text.length > max ? `${text.slice(0, max)}… (${text.length - max} more characters)` : text;
  return cut.replace(INVISIBLE, escapeOne);
}

/** Parts of a text: `true` marks an escape that was not in the name as such. */
export function safeParts(value: unknown, max = MAX_SHOWN): { text: string; escaped: boolean }[] {
  if (value === null || value === undefined) return [];
  const text = typeof value === 'string' ? value : String(value);
  const cut = text.length > max ? `${text.slice(0, max)}… (${text.length - max} more characters)` : text;
  const parts: { text: string; escaped: boolean }[] = [];
  let at = 0;
  for (const match of cut.matchAll(INVISIBLE)) {
    if (match.index > at) parts.push({ text: cut.slice(at, match.index), escaped: false });
    parts.push({ text: escapeOne(match[0]), escaped: true });
    at = match.index + match[0].length;
  }
  if (at < cut.length) parts.push({ text: cut.slice(at), escaped: false });
  return parts;
}

/** Whether `needle` (lower case) is in any of the values. */
export function matches(needle: string, ...values: unknown[]): boolean {
  if (!needle) return true;
  return values.some((value) => value !== null && value !== undefined && String(value).toLowerCase().includes(needle));
}
