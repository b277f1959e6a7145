import { describe, expect, it } from 'vitest';
import { matches, safeParts, safeText } from '../src/services/text';

describe('safeText', () => {
  const cases: [string, string, string][] = [
    ['a plain name', 'web-1', 'web-1'],
    ['HTML stays text', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['terminal colours', '\u001b[31mred\u001b[0m', '\\e[31mred\\e[0m'],
    ['terminal titles', '\u001b]0;owned\u0007', '\\e]0;owned\\x07'],
    ['the 8-bit form of an escape', '\u009b31m', '\\x9b31m'],
    ['line breaks and tabs', 'a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['NUL and DEL', 'a\u0000b\u007f', 'a\\0b\\x7f'],
    ['right-to-left override', 'photo\u202egpj.exe', 'photo\\u{202e}gpj.exe'],
    ['isolates', '\u2066a\u2069', '\\u{2066}a\\u{2069}'],
    ['zero width', 'ro\u200bot\ufeff', 'ro\\u{200b}ot\\u{feff}'],
    ['soft hyphen and fillers', 'a\u00adb\u3164', 'a\\xadb\\u{3164}'],
    ['line separators', 'a\u2028b', 'a\\u{2028}b'],
    ['tag characters', 'a\u{e0041}b', 'a\\u{e0041}b'],
    ['half of a pair', 'a\ud800b', 'a\\u{d800}b'],
    ['other scripts and pictures are left alone', 'заказ-注文-🐳', 'заказ-注文-🐳'],
  ];
  it.each(cases)('%s', (_, given, shown) => expect(safeText(given)).toBe(shown));

  it('says how much it cut', () => expect(safeText('x'.repeat(30), 10)).toBe('xxxxxxxxxx… (20 more characters)'));
  it('shows nothing for nothing', () => expect([safeText(undefined), safeText(null), safeText(0)]).toEqual(['', '', '0']));
  it('leaves nothing invisible of any control character', () => {
    for (let code = 0; code < 0x3000; code++) {
      const shown = safeText(String.fromCodePoint(code));
      if (/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u.test(shown)) expect.fail(`U+${code.toString(16)} is not escaped`);
    }
  });
  it('marks what it escaped, so that a name cannot pretend to be escaped', () => {
    expect(safeParts('\\e\u001b')).toEqual([{ text: '\\e', escaped: false }, { text: '\\e', escaped: true }]);
  });
});

describe('matches', () => {
  it('looks for lower case in any value', () => expect([matches('web', 'nv.WEB.shop'), matches('', undefined), matches('80', 8080), matches('x', null, 'y')]).toEqual([true, true, true, false]));
});
