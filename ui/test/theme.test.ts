import { describe, expect, it } from 'vitest';
import { resolver, theme } from '../src/theme';

/** Relative luminance and contrast as WCAG 2.2 defines them. */
const luminance = (hex: string) => {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string) => {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

describe.each(['light', 'dark'] as const)('%s colours', (scheme) => {
  const colors = resolver(theme as Parameters<typeof resolver>[0])[scheme] as Record<string, string>;
  const at = (name: string) => colors[name] ?? expect.fail(`no ${name}`);

  it.each(['allow', 'violate', 'deny', 'learn', 'muted'])('the tag %s can be read', (tone) => expect(contrast(at(`--rp-${tone}`), at(`--rp-${tone}-bg`))).toBeGreaterThanOrEqual(4.5));
  it.each(['--mantine-color-body', '--rp-surface', '--rp-sunken', '--rp-hover', '--rp-selected'])('text can be read on %s', (ground) => {
    expect(contrast(at('--mantine-color-text'), at(ground))).toBeGreaterThanOrEqual(7);
    expect(contrast(at('--mantine-color-dimmed'), at(ground))).toBeGreaterThanOrEqual(4.5);
  });
  it('lines on the map differ from the ground and in lightness from each other', () => {
    const lines = ['allow', 'violate', 'deny'].map((tone) => at(`--rp-chart-${tone}`));
    for (const line of lines) expect(contrast(line, at('--rp-surface'))).toBeGreaterThanOrEqual(2);
    const [allow = '', violate = '', deny = ''] = lines;
    expect(contrast(violate, deny)).toBeGreaterThanOrEqual(1.5);
    expect(contrast(allow, violate)).toBeGreaterThanOrEqual(1.2);
  });
});
