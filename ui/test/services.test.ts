import { describe, expect, it, vi } from 'vitest';
import { ceiling } from '../src/components/Charts';
import { csvField, eventsCsv } from '../src/services/export';
import { age, bytes, seconds } from '../src/services/format';
import { buildMap, type MapFilter } from '../src/services/graph';
import { type HistoryPage, levelFilter, mergePages } from '../src/services/history';
import { buildUrl, segment } from '../src/services/http';
import { changeKind, isResync, throttle } from '../src/services/live';
import { processTree } from '../src/services/tree';
import { fitReason, givenReason, isQuarantined } from '../src/services/quarantine';
import { plainEnds } from '../src/services/queries';
import { dayTotals, hourBars, topGroups } from '../src/services/trend';
import type { ChangeKind, Conversation, Endpoint, Entry, NetworkRule, Process } from '../src/services/types';
import { recordVerdict, verdictOf } from '../src/services/verdict';
import { COUNTERS, counterNames, counterValue, counterWords, nodeNumbers } from '../src/views/nodes/counters';
import { moveTarget } from '../src/views/policy/order';
import { PORTS } from '../src/views/policy/RuleForm';

const process = (pid: number, parent: number): Process => ({ pid, parent, name: `p${pid}`, cmdline: '', start_timestamp: pid });

describe('processTree', () => {
  const shape = (list: Process[]) => processTree(list).map((b) => `${'.'.repeat(b.depth)}${b.process.pid}`);
  it('orders children below their parents', () => expect(shape([process(1, 0), process(3, 1), process(2, 1), process(4, 3)])).toEqual(['1', '.2', '.3', '..4']));
  it('shows processes whose parent is not there', () => expect(shape([process(9, 5), process(7, 9)])).toEqual(['9', '.7']));
  it('shows every process of a cycle once', () => expect(shape([process(1, 2), process(2, 1), process(3, 3)]).sort()).toHaveLength(3));
  it('does not run out of stack in a chain of 20,000', () => expect(processTree(Array.from({ length: 20_000 }, (_, i) => process(i + 1, i)))).toHaveLength(20_000));
});

describe('quarantine', () => {
  it('is known by the state, or by a reason when the container has stopped', () =>
    expect([{ state: 'quarantined' }, { state: 'exit', quarantine_reason: 'x' }, { state: 'protect', quarantine_reason: '' }, { state: 'exit' }].map(isQuarantined)).toEqual([true, true, false, false]));
  it('does not take the word for "a user" as a reason', () => expect(['user-configured', 'beacon', undefined].map((quarantine_reason) => givenReason({ state: 'quarantined', quarantine_reason }))).toEqual(['', 'beacon', '']));
  it('cuts a reason to what the controller takes, between characters', () => {
    expect(fitReason(' beacon ')).toBe('beacon');
    expect(fitReason('😀'.repeat(65))).toBe('😀'.repeat(64));
  });
});

describe('counters', () => {
  it('come in the usual order, then the others by name, and not without bound', () => {
    expect(counterNames({ zeta: 1, held: 2, execs_judged: 3 })).toEqual([...COUNTERS, 'held', 'zeta']);
    expect(counterNames(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`c${i}`, i])))).toHaveLength(64);
  });
  it.each([['start_to_enforced_p50_us', 1480, '1.48 ms'], ['x_us', 142_600, '143 ms'], ['x_us', 1_234_567, '1,235 ms'], ['x_us', 85, '0.085 ms'], ['x_us', 0, '–'], ['wait_ms', 12, '12 ms'], ['ring_bytes', 2048, '2.0 KiB'], ['held', 12_345, '12,345'], ['bus', 3, '3']])('%s of %d is %s', (name, value, shown) => expect(counterValue(name, value)).toBe(shown));
  it('have words when nobody gave them any', () => expect(counterWords('queue_wait_p99_us')).toBe('Queue wait p99'));
});

const entry = (at: number, extra: Partial<Entry> = {}): Entry => ({ kind: 'incident', id: `${extra.kind ?? 'incident'}${at}`, name: 'x', level: 'Info', reported_timestamp: at, ...extra });

describe('mergePages', () => {
  const page = (incident: number[], violation: number[]): HistoryPage => ({ parts: [{ source: 'incident', entries: incident.map((at) => entry(at)) }, { source: 'violation', entries: violation.map((at) => entry(at, { kind: 'violation' })) }] });
  const times = (pages: HistoryPage[]) => mergePages(pages, 2).entries.map((e) => e.reported_timestamp);
  it('shows nothing older than what every source has been read to', () => expect(times([page([100, 90], [95, 10])])).toEqual([100, 95, 90]));
  it('shows all once the sources are exhausted', () => expect(times([page([100, 90], [95, 10]), page([5], [])])).toEqual([100, 95, 90, 10, 5]));
  it('shows a record of two pages once', () => expect(times([page([100, 90], []), page([90, 80], []), page([], [])])).toEqual([100, 90, 80]));
  it('knows whether there is more', () => expect([mergePages([page([2, 1], [])], 2).more, mergePages([page([1], [])], 2).more]).toEqual([true, false]));
  it('asks for a level and everything louder', () => expect([levelFilter('Error'), levelFilter('')]).toEqual(['in,Error|Critical|Alert|Emergency', undefined]));
});

describe('buildMap', () => {
  const container = (id: string, service: string, domain: string): Endpoint => ({ id, kind: 'container', display_name: id, service, domain, service_group: `nv.${service}`, policy_mode: 'Monitor' });
  const ends = [container('a1', 'api.shop', 'shop'), container('a2', 'api.shop', 'shop'), container('d1', 'db.shop', 'shop'), container('c1', 'ci.ops', 'ops')];
  const talk = (from: string, to: string, policy_action: string): Conversation => ({ from, to, bytes: 10, sessions: 1, ports: ['tcp/6379'], applications: ['Redis'], policy_action });
  const talks = [talk('a1', 'd1', 'allow'), talk('a2', 'd1', 'violate'), talk('c1', 'd1', 'deny'), talk('a1', 'external', 'allow')];
  const all: MapFilter = { text: '', verdicts: ['allow', 'violate', 'deny'], domain: null, group: null, groupBy: 'domain', collapse: true };
  const edges = (filter: Partial<MapFilter>) => buildMap(talks, ends, { ...all, ...filter }).edges.map((e) => `${e.from}>${e.to} ${e.verdict} ${e.sessions}`);

  it('joins the containers of a service and keeps the worst verdict', () => expect(edges({})).toEqual(['s:nv.api.shop>s:nv.db.shop violate 2', 's:nv.ci.ops>s:nv.db.shop deny 1', 's:nv.api.shop>external allow 1']));
  it('marks a service of which a container is quarantined', () => {
    const cut = ends.map((e) => (e.id === 'a2' ? { ...e, state: 'quarantined' } : e));
    expect(buildMap(talks, cut, all).nodes.filter((n) => n.quarantined).map((n) => n.id)).toEqual(['s:nv.api.shop']);
  });
  it('draws each container', () => expect(edges({ collapse: false, verdicts: ['allow'] })).toEqual(['a1>d1 allow 1', 'a1>external allow 1']));
  it('filters by verdict, domain, group and text', () => {
    expect(edges({ verdicts: ['deny'] })).toEqual(['s:nv.ci.ops>s:nv.db.shop deny 1']);
    expect(edges({ domain: 'ops' })).toEqual(['s:nv.ci.ops>s:nv.db.shop deny 1']);
    expect(edges({ group: 'nv.api.shop' })).toHaveLength(2);
    expect(edges({ text: 'REDIS' })).toHaveLength(3);
    expect(edges({ text: 'nothing' })).toEqual([]);
  });
  it('keeps ends it was not told about', () => expect(buildMap([talk('x', 'y', 'allow')], [], all).nodes.map((n) => n.id)).toEqual(['x', 'y']));
  it('boxes by namespace', () => expect(buildMap(talks, ends, all).parents.map((p) => p.label)).toEqual(['shop', 'ops']));
});

describe('live updates', () => {
  it('knows the word for having missed changes', () => expect(['{"kind":"resync","id":""}', '{"kind":"log","id":"resync2"}'].map(isResync)).toEqual([true, false]));
  it('takes only kinds it knows', () => expect(['{"kind":"log","id":"1"}', '{"kind":"other"}', '{', '{"kind":1}'].map(changeKind)).toEqual(['log', undefined, undefined, undefined]));
  it('passes the first change at once and the rest together', () => {
    vi.useFakeTimers();
    const seen: ChangeKind[][] = [];
    const gate = throttle((kinds) => seen.push([...kinds]), 1000);
    gate.add('log');
    gate.add('log');
    gate.add('node');
    expect(seen).toEqual([['log']]);
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual([['log'], ['log', 'node']]);
    vi.advanceTimersByTime(5000);
    expect(seen).toHaveLength(2);
    gate.add('group');
    expect(seen[2]).toEqual(['group']);
    gate.stop();
    vi.useRealTimers();
  });
});

describe('export', () => {
  it('quotes, and disarms formulas', () => expect(['a"b', '=1+1', '-x', 5, -5, null, ['a']].map(csvField)).toEqual(['"a""b"', '"\'=1+1"', '"\'-x"', '"5"', '"-5"', '""', '"[""a""]"']));
  it('writes one line a record', () => expect(eventsCsv([entry(1), entry(2)]).split('\r\n')).toHaveLength(3));
});

describe('rules', () => {
  const rule = (id: number, cfg_type = 'user_created') => ({ id, cfg_type, from: '', to: '', ports: '', action: 'allow' }) as NetworkRule;
  const list = [rule(1), rule(2), rule(3), rule(10_001, 'learned')];
  it.each([[1, 1, 2], [2, -1, 0], [3, -1, 1], [1, -1, undefined], [3, 1, undefined], [9, 1, undefined]] as const)('moving %i by %i puts it after %s', (id, by, after) => expect(moveTarget(list, id, by)).toBe(after));
  it.each(['any', 'tcp/80', 'udp/53-60', 'icmp', '443', 'tcp/80, udp/53', 'tcp/any'])('takes the ports %s', (ports) => expect(PORTS.test(ports)).toBe(true));
  it.each(['', 'http', 'tcp/', 'tcp/80-', 'tcp/80;udp/1', 'tcp/123456'])('refuses the ports %j', (ports) => expect(PORTS.test(ports)).toBe(false));
});

describe('numbers and words', () => {
  it('reads verdicts whatever they are called', () => expect(['deny', 'block', 'violate', 'alert', 'learn', 'allow', '', undefined].map(verdictOf)).toEqual(['deny', 'deny', 'violate', 'violate', 'learn', 'allow', 'allow', 'allow']));
  it('takes the verdict from either field', () => expect([recordVerdict(entry(1, { policy_action: 'deny' })), recordVerdict(entry(1, { action: 'violate' })), recordVerdict(entry(1))]).toEqual(['deny', 'violate', undefined]));
  it('counts a day by the hour', () => {
    const hours = [{ at: 24 * 3600, deny: 3, violate: 0, all: 5 }, { at: 23 * 3600, deny: 0, violate: 1, all: 1 }, { at: 0, deny: 9, violate: 9, all: 18 }];
    const bars = hourBars(hours, 24 * 3600 + 60);
    expect(bars).toHaveLength(24);
    expect(bars.slice(-2).map((b) => b.values)).toEqual([{ deny: 0, violate: 1, other: 0 }, { deny: 3, violate: 0, other: 2 }]);
    expect(bars.slice(0, 22).every((b) => b.values.deny === 0)).toBe(true);
    expect(dayTotals(hours)).toEqual({ deny: 12, violate: 10 });
  });
  it('takes the ends of a conversation in either form', () => {
    const rest = { bytes: 1, sessions: 1, policy_action: 'allow' };
    expect(plainEnds({ from: 'a', to: { id: 'b' }, ...rest })).toEqual({ from: 'a', to: 'b', ...rest });
  });
  it('ranks groups', () => expect(topGroups([entry(1, { group: 'a', action: 'deny' }), entry(2, { group: 'b', count: 5 }), entry(3)], 5)).toEqual([{ group: 'b', deny: 0, total: 5 }, { group: 'a', deny: 1, total: 1 }]));
  it('adds up what was lost', () => expect(nodeNumbers({ events_dropped: 2, critical_dropped: 1, failed_open: 3, execs_denied: 4, killed_at_exec: 1 })).toMatchObject({ lost: 6, denied: 5 }));
  it('writes sizes and ages', () => expect([bytes(0), bytes(1536), bytes(5 * 1024 ** 3), age(9940, 10_000), age(10_000 - 7200, 10_000), age(0), seconds('1970-01-01T00:00:10Z'), seconds('x')]).toEqual(['0 B', '1.5 KiB', '5.0 GiB', '1 min', '2 h', '–', 10, 0]));
  it('rounds axes up', () => expect([0, 7, 11, 99, 101, 2600].map(ceiling)).toEqual([4, 8, 20, 100, 200, 3000]));
  it('keeps any name in one path segment', () => expect(buildUrl(`/v1/group/${segment('a/../b?c')}`, { x: 'a&b', y: undefined, z: '' })).toBe('/api/v1/group/a%2F..%2Fb%3Fc?x=a%26b'));
});
