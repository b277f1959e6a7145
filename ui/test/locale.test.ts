import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from '../src/locales/en.json';

type Tree = { [key: string]: string | Tree };
const flatten = (tree: Tree, prefix = ''): string[] => Object.entries(tree).flatMap(([key, value]) => (typeof value === 'string' ? [prefix + key] : flatten(value, `${prefix}${key}.`)));
const sources = (dir: string): string[] => readdirSync(dir, { withFileTypes: true }).flatMap((f) => (f.isDirectory() ? sources(join(dir, f.name)) : /\.tsx?$/.test(f.name) ? [readFileSync(join(dir, f.name), 'utf8')] : []));

const keys = flatten(en as Tree);
const code = sources(join(process.cwd(), 'src')).join('\n');
const plain = (key: string) => key.replace(/_(one|other)$/, '');

describe('texts', () => {
  it('has every key the code names', () => {
    const known = new Set(keys.map(plain));
    const used = [...code.matchAll(/(?<![\w.])t\(\s*'([\w.-]+)'/g)].map((m) => m[1] ?? '');
    expect(used.length).toBeGreaterThan(150);
    expect(used.filter((key) => !known.has(key))).toEqual([]);
  });
  it('has every key of a choice between two', () => {
    const known = new Set(keys.map(plain));
    const used = [...code.matchAll(/(?<![\w.])t\([^()'`]*\? '([\w.-]+)' : '([\w.-]+)'/g)].flatMap((m) => [m[1] ?? '', m[2] ?? '']);
    expect(used.filter((key) => !known.has(key))).toEqual([]);
  });
  it('has no key the code does not use', () => {
    const dynamic = [...code.matchAll(/`([\w.]+[._])\$\{/g)].map((m) => m[1] ?? '').concat([...code.matchAll(/`([\w.]+\.)\$\{[^`]*\}\w*`/g)].map((m) => m[1] ?? ''));
    const unused = keys.map(plain).filter((key) => !code.includes(`'${key}'`) && !dynamic.some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });
});
