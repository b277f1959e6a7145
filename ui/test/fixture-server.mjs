#!/usr/bin/env node
// A controller made of fixtures, for looking at the console and testing it without the real one.
// As a controller it answers `/v1/*` (token in X-Auth-Token); as a console it serves `ui/dist` and
// `/api/*` (token in a cookie), the way the manager does. Run: node test/fixture-server.mjs --help
// Limits: plain HTTP on loopback, everything in memory, bodies up to 2 MiB.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync, existsSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { makeState, now, random, uuid } from './fixture-data.mjs';
import { detectionRoutes, makeDetection } from './fixture-detection.mjs';
import { hostBrief, makeScan, scanRoutes, workloadBrief } from './fixture-scan.mjs';

const DIST = join(import.meta.dirname, '../dist');
const MIME = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.png': 'image/png', '.json': 'application/json' };
const ERRORS = { 400: [6, 'Request in wrong format'], 401: [3, 'Authentication failed'], 403: [25, 'Access denied'], 404: [7, 'Object not found'], 409: [20, 'Duplicate name'] };

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** NeuVector's query conventions: f_tag=op,value, s_tag=asc|desc, start, limit. */
function query(list, params) {
  let out = list;
  for (const [key, raw] of params) {
    if (!key.startsWith('f_')) continue;
    const tag = key.slice(2);
    const match = /^(eq|neq|in|notin|gte|gt|lte|lt|prefix),(.*)$/s.exec(raw);
    const [op, value] = match ? [match[1], match[2]] : ['eq', raw];
    const test = {
      eq: (v) => String(v) === value, neq: (v) => String(v) !== value, prefix: (v) => String(v).startsWith(value),
      in: (v) => value.split('|').some((x) => String(v).includes(x)), notin: (v) => !value.split('|').some((x) => String(v).includes(x)),
      gt: (v) => Number(v) > Number(value), gte: (v) => Number(v) >= Number(value), lt: (v) => Number(v) < Number(value), lte: (v) => Number(v) <= Number(value),
    }[op];
    out = out.filter((row) => test(row[tag] ?? ''));
  }
  for (const [key, dir] of params) {
    if (!key.startsWith('s_')) continue;
    const tag = key.slice(2);
    out = [...out].sort((a, b) => (a[tag] > b[tag] ? 1 : a[tag] < b[tag] ? -1 : 0) * (dir === 'desc' ? -1 : 1));
  }
  const has = (row, needle) => JSON.stringify(row).toLowerCase().includes(needle.toLowerCase());
  if (params.get('text')) out = out.filter((row) => has(row, params.get('text')));
  if (params.get('group')) out = out.filter((row) => [row.group, row.client_group].includes(params.get('group')));
  const start = Number(params.get('start') ?? 0);
  const limit = Number(params.get('limit') ?? 0);
  return out.slice(start, limit ? start + limit : undefined);
}

export function createFixture(options = {}) {
  const state = makeState(options);
  makeScan(state);
  makeDetection(state);
  const sessions = new Map();
  const streams = new Set();
  const change = (kind, id = '') => streams.forEach((res) => res.write(`event: change\ndata: ${JSON.stringify({ kind, id })}\n\n`));

  const members = (group) => state.workloads.filter((w) => (group.learned && !group.reserved ? w.service_group === group.name : group.name === 'containers' || (group.name === 'pci-scope' && w.service === 'payments.shop')));
  const rulesOf = (name) => state.rules.filter((r) => r.from === name || r.to === name);
  const publicUser = ({ password: _password, ...user }) => user;
  const groupView = (g, detail = false) => ({ ...g, members: members(g), policy_rules: detail ? rulesOf(g.name) : rulesOf(g.name).map((r) => r.id), response_rules: [] });
  const workloadView = ({ tree: _tree, ...w }) => ({ ...w, scan_summary: workloadBrief(state, w) });
  const find = (value, what) => value ?? (() => { throw new Refusal(404, `no such ${what}`); })();
  const activity = (user, name, message, category) => {
    const at = now();
    state.logs.event.unshift({ id: uuid(), name, level: 'Info', reported_timestamp: at, reported_at: new Date(at * 1000).toISOString(), host_name: '', workload_name: '', category, user: user.username, user_addr: '127.0.0.1', message });
    change('log');
  };

  function setModes(names, { policy_mode, profile_mode, baseline_profile }, user) {
    for (const service of names) {
      const name = state.groups.has(service) ? service : `nv.${service}`;
      const group = find(state.groups.get(name), `service ${service}`);
      if (policy_mode) group.policy_mode = policy_mode;
      if (profile_mode) group.profile_mode = profile_mode;
      if (baseline_profile) group.baseline_profile = baseline_profile;
      const profile = state.profiles.get(name);
      if (profile) Object.assign(profile, { mode: group.profile_mode, baseline: group.baseline_profile });
      for (const w of members(group)) Object.assign(w, { policy_mode: group.policy_mode, profile_mode: group.profile_mode, state: w.quarantine_reason ? 'quarantined' : group.policy_mode.toLowerCase(), baseline_profile: group.baseline_profile });
      activity(user, 'Group.Change', `modes of ${name}: network ${group.policy_mode}, process and file ${group.profile_mode}`, 'Group');
      change('group', name);
    }
    change('workload');
  }

  /** As the controller does it: only running containers, and a reason of 256 bytes at the most. */
  function quarantine(w, { quarantine: on, quarantine_reason: reason = 'user-configured' }, user) {
    if (Buffer.byteLength(reason) > 256) throw new Refusal(400, '`quarantine_reason` has 256 bytes at the most');
    if (on === undefined || on === Boolean(w.quarantine_reason)) return;
    if (on && !w.running) throw new Refusal(400, 'only a running container can be quarantined');
    if (on && !w.cap_quarantine) throw new Refusal(400, "the container shares the host's network and cannot be cut off from it");
    Object.assign(w, { quarantine_reason: on ? reason : '', state: on ? 'quarantined' : w.running ? w.policy_mode.toLowerCase() : 'exit' });
    activity(user, on ? 'Container.Quarantined' : 'Container.Unquarantined', `${w.display_name} was ${on ? 'cut off from the network' : 'joined to the network again'}`, 'WORKLOAD');
    change('workload', w.id);
    change('conversation');
  }

  function editRules(body) {
    if (body.delete) state.rules = state.rules.filter((r) => !body.delete.includes(r.id));
    const place = (after, items) => {
      const at = after === undefined || after === null ? state.rules.length : after === 0 ? 0 : state.rules.findIndex((r) => r.id === after) + 1;
      state.rules.splice(at, 0, ...items);
    };
    if (body.insert) {
      let next = Math.max(1000, ...state.rules.filter((r) => r.id < 10000).map((r) => r.id)) + 1;
      const stamp = now();
      place(body.insert.after, body.insert.rules.map((r) => ({ disable: false, comment: '', ...r, id: r.id || next++, learned: false, cfg_type: 'user_created', priority: 0, match_counter: 0, last_match_timestamp: 0, created_timestamp: stamp, last_modified_timestamp: stamp })));
    }
    if (body.move) {
      const index = state.rules.findIndex((r) => r.id === body.move.id);
      if (index < 0) throw new Refusal(404, 'no such rule');
      const [rule] = state.rules.splice(index, 1);
      place(body.move.after, [rule]);
    }
    change('policy');
  }

  function editResponses(body) {
    const place = (after, items) => {
      const at = after === undefined || after === null ? state.responses.length : after === 0 ? 0 : state.responses.findIndex((r) => r.id === after) + 1;
      state.responses.splice(at, 0, ...items);
    };
    if (body.delete) state.responses = state.responses.filter((r) => !body.delete.includes(r.id));
    if (body.insert) {
      const next = Math.max(0, ...state.responses.map((r) => r.id)) + 1;
      place(body.insert.after, body.insert.rules.map((r, i) => ({ comment: '', group: '', conditions: [], webhooks: [], disable: false, ...r, id: r.id || next + i, cfg_type: 'user_created', match_counter: 0, last_match_timestamp: 0 })));
    }
    if (body.move) {
      const [rule] = state.responses.splice(state.responses.findIndex((r) => r.id === body.move.id), 1);
      place(body.move.after, [rule]);
    }
    change('policy');
  }

  const RESPONSE_TYPES = { 'security-event': ['name', 'level', 'process'], event: ['name', 'level'], 'cve-report': ['name', 'level', 'cve-name', 'cve-critical', 'cve-high', 'cve-high-only', 'cve-medium'] };
  const responseOptions = () => Object.fromEntries(Object.entries(RESPONSE_TYPES).map(([event, types]) => [event, { types, name: event === 'security-event' ? ['name:Process.Profile.Violation', 'name:Container.Suspicious.Process'] : [], level: ['level:Warning', 'level:Critical'] }]));

  function editProfile(name, body) {
    const config = body.process_profile_config;
    const profile = find(state.profiles.get(name), 'profile');
    const same = (a) => (b) => a.name === b.name && a.path === b.path;
    for (const gone of config.process_delete_list ?? []) profile.process_list = profile.process_list.filter((p) => !same(gone)(p));
    for (const entry of config.process_change_list ?? []) {
      const old = profile.process_list.find(same(entry));
      const stamp = now();
      if (old) Object.assign(old, entry, { last_modified_timestamp: stamp });
      else profile.process_list.unshift({ user: '', uid: 0, allow_update: false, ...entry, cfg_type: 'user_created', uuid: uuid(), group: name, created_timestamp: stamp, last_modified_timestamp: stamp });
    }
    if (config.baseline) {
      profile.baseline = config.baseline;
      state.groups.get(name).baseline_profile = config.baseline;
    }
    change('group', name);
  }

  function editFiles(name, { config }) {
    const profile = find(state.files.get(name), 'file profile');
    for (const gone of [...(config.delete_filters ?? []), ...(config.update_filters ?? [])]) profile.filters = profile.filters.filter((f) => f.filter !== gone.filter);
    for (const f of [...(config.add_filters ?? []), ...(config.update_filters ?? [])]) profile.filters.push({ applications: [], ...f, cfg_type: 'user_created', type: 'regular' });
    change('group', name);
  }

  function conversations() {
    const pairs = new Map();
    for (const c of state.conversations) {
      const key = `${c.from}|${c.to}`;
      const p = pairs.get(key) ?? { from: c.from, to: c.to, bytes: 0, sessions: 0, severity: '', policy_action: 'allow', applications: [], ports: [], event_type: [], xff_entry: false };
      p.bytes += c.bytes;
      p.sessions += c.sessions;
      if (c.application && !p.applications.includes(c.application)) p.applications.push(c.application);
      if (!p.ports.includes(c.port)) p.ports.push(c.port);
      const rank = { allow: 0, violate: 1, deny: 2 };
      if (rank[c.action] > rank[p.policy_action]) p.policy_action = c.action;
      pairs.set(key, p);
    }
    const ids = new Set([...pairs.values()].flatMap((p) => [p.from, p.to]));
    const endpoints = [...state.workloads.filter((w) => ids.has(w.id)).map((w) => ({ id: w.id, kind: 'container', name: w.name, display_name: w.display_name, state: w.state, domain: w.domain, service: w.service, service_group: w.service_group, policy_mode: w.policy_mode, host_name: w.host_name })), ...(ids.has('external') ? [{ id: 'external', kind: 'external', name: 'external', display_name: 'external', state: '', domain: '', service: 'external' }] : [])];
    return { conversations: [...pairs.values()], endpoints };
  }

  /** Counts by bucket, kind and level, as the controller gives them. */
  function histogram(params) {
    const bucket = Number(params.get('bucket') ?? 3600);
    const bars = new Map();
    for (const kind of ['incident', 'violation', 'threat']) {
      for (const record of query(state.logs[kind], params)) {
        const timestamp = Math.floor(record.reported_timestamp / bucket) * bucket;
        const key = `${timestamp} ${kind} ${record.level}`;
        const bar = bars.get(key) ?? { timestamp, kind, level: record.level, count: 0 };
        bar.count++;
        bars.set(key, bar);
      }
    }
    return { bucket, bars: [...bars.values()] };
  }

  const host = (n) => ({ ...n, enforcer: undefined, scan_summary: hostBrief(state, n) });
  const enforcer = (n) => ({ id: n.enforcer.id, name: n.name, display_name: n.name, host_name: n.name, host_id: n.id, version: n.enforcer.version, labels: {}, domain: '', pid_mode: 'host', network_mode: 'host', created_at: n.enforcer.joined_at, started_at: n.enforcer.joined_at, joined_at: n.enforcer.joined_at, memory_limit: 0, cpus: '', cluster_ip: n.interfaces.eth0[0].ip, connection_state: n.tier === 'detect' ? 'disconnected' : 'connected', disconnected_at: '', nv_protect: true, tier: n.tier, capabilities: n.capabilities, counters: n.counters });
  const stats = (n) => ({ stats: { interval: 5, total: { cpu: n.enforcer.cpu, memory: n.enforcer.memory }, span_1: { cpu: n.enforcer.cpu, memory: n.enforcer.memory }, span_12: { cpu: n.enforcer.cpu, memory: n.enforcer.memory }, span_60: { cpu: n.enforcer.cpu, memory: n.enforcer.memory } } });

  function login(body) {
    const { username, password, new_password: fresh } = body?.password ?? {};
    const user = state.users.get(username);
    if (!user || user.password !== password) throw new Refusal(401, 'the user name or the password is wrong');
    if (user.modify_password && !fresh) return { status: 200, body: { need_to_reset_password: true } };
    if (fresh) {
      if (fresh.length < 8) throw new Refusal(400, 'the new password needs at least 8 characters');
      Object.assign(user, { password: fresh, default_password: false, modify_password: false });
    }
    const token = uuid() + uuid();
    sessions.set(token, user);
    user.login_count++;
    activity(user, 'User.Login', 'signed in', 'User');
    return { status: 200, token, body: { token: { token, ...publicUser(user), global_permissions: [{ id: 'config', read: true, write: user.role === 'admin' }], domain_permissions: {} }, password_days_until_expire: -1, password_hours_until_expire: 0, need_to_reset_password: false } };
  }

  /** [method, pattern, handler(context)]; `:x` is one segment. */
  const routes = [
    ['GET', '/v1/selfuser', (c) => ({ user: publicUser(c.user), global_permissions: [{ id: 'config', read: true, write: c.user.role === 'admin' }], password_days_until_expire: -1 })],
    ['GET', '/v1/eula', () => ({ eula: { accepted: true } })],
    ['PATCH', '/v1/auth', () => ({})],
    ['GET', '/v1/system/summary', () => ({ summary: { hosts: state.nodes.length, controllers: 1, enforcers: state.nodes.length, disconnected_enforcers: state.nodes.filter((n) => n.tier === 'detect').length, domains: 3, workloads: state.workloads.length, running_workloads: state.workloads.filter((w) => w.running).length, running_pods: state.workloads.filter((w) => w.running).length, services: [...state.groups.values()].filter((g) => g.learned && !g.reserved).length, policy_rules: state.rules.length, scanners: 0, platform: 'Docker', kube_version: '', openshift_version: '', cvedb_version: '', cvedb_create_time: '', component_versions: ['0.1.0'] } })],
    ['GET', '/v1/system/config', () => ({ config: state.config })],
    ['PATCH', '/v1/system/config', (c) => { Object.assign(state.config, c.body.config, c.body.net_config, c.body.atmo_config); activity(c.user, 'Configuration.Change', 'system configuration changed', 'Configuration'); change('system'); return {}; }],
    ['GET', '/v1/controller', () => ({ controllers: [{ id: 'ctrl-1', name: 'edge-1', display_name: 'edge-1', host_name: 'edge-1', host_id: state.nodes[0].id, version: '0.1.0', leader: true, connection_state: 'connected', cluster_ip: '10.0.0.10', joined_at: state.nodes[0].enforcer.joined_at, started_at: state.nodes[0].enforcer.joined_at }] })],
    ['GET', '/v1/enforcer', () => ({ enforcers: state.nodes.map(enforcer) })],
    ['GET', '/v1/enforcer/:id', (c) => ({ enforcer: enforcer(find(state.nodes.find((n) => n.enforcer.id === c.id), 'enforcer')) })],
    ['GET', '/v1/enforcer/:id/stats', (c) => stats(find(state.nodes.find((n) => n.enforcer.id === c.id), 'enforcer'))],
    ['GET', '/v1/host', () => ({ hosts: state.nodes.map(host) })],
    ['GET', '/v1/host/:id', (c) => ({ host: host(find(state.nodes.find((n) => n.id === c.id), 'host')) })],
    ['GET', '/v1/domain', () => ({ domains: ['monitoring', 'ops', 'shop'].map((name) => ({ name, workloads: state.workloads.filter((w) => w.domain === name).length, running_workloads: 0, running_pods: 0, services: 0, tags: [], labels: {} })), tag_per_domain: false })],
    ['GET', '/v1/workload', (c) => ({ workloads: query(state.workloads.map(workloadView), c.params) })],
    ['GET', '/v1/workload/:id', (c) => ({ workload: workloadView(find(state.workloads.find((w) => w.id === c.id), 'container')) })],
    ['GET', '/v1/workload/:id/process', (c) => ({ processes: state.processes.get(c.id) ?? [] })],
    ['GET', '/v1/workload/:id/process_profile', (c) => ({ process_list: state.profiles.get(state.workloads.find((w) => w.id === c.id)?.service_group)?.process_list ?? [] })],
    ['PATCH', '/v1/workload/:id', (c) => { quarantine(find(state.workloads.find((w) => w.id === c.id), 'container'), c.body.config, c.user); return {}; }],
    ['GET', '/v1/workload/:id/config', (c) => { const w = find(state.workloads.find((x) => x.id === c.id), 'container'); return { config: { quarantine: Boolean(w.quarantine_reason), quarantine_reason: w.quarantine_reason ?? '', wire: 'default' } }; }],
    ['GET', '/v1/workload/:id/stats', () => ({ stats: { interval: 5, span_1: { cpu: 0.03, memory: 41_000_000, byte_in: 12_000, byte_out: 31_000 } } })],
    ['GET', '/v1/group', (c) => ({ groups: query([...state.groups.values()].map((g) => groupView(g)), c.params) })],
    ['GET', '/v1/group/:id', (c) => ({ group: groupView(find(state.groups.get(c.id), 'group'), true) })],
    ['POST', '/v1/group', (c) => { const g = c.body.config; if (state.groups.has(g.name)) throw new Refusal(409, `there is a group ${g.name} already`); state.groups.set(g.name, { kind: 'container', comment: '', learned: false, reserved: false, domain: '', cfg_type: 'user_created', policy_mode: '', profile_mode: '', baseline_profile: '', cap_change_mode: false, criteria: [], ...g }); change('group', g.name); return {}; }],
    ['PATCH', '/v1/group/:id', (c) => { Object.assign(find(state.groups.get(c.id), 'group'), c.body.config); change('group', c.id); return {}; }],
    ['DELETE', '/v1/group/:id', (c) => { if (!state.groups.delete(c.id)) throw new Refusal(404, 'no such group'); change('group'); return {}; }],
    ['GET', '/v1/service', () => ({ services: [...state.groups.values()].filter((g) => g.learned && !g.reserved).map((g) => ({ ...groupView(g), name: g.name.slice(3) })) })],
    ['PATCH', '/v1/service/config', (c) => { setModes(c.body.config.services, { ...c.body.config, profile_mode: c.body.config.profile_mode ?? c.body.config.policy_mode }, c.user); return {}; }],
    ['PATCH', '/v1/service/config/network', (c) => { setModes(c.body.config.services, { policy_mode: c.body.config.policy_mode }, c.user); return {}; }],
    ['PATCH', '/v1/service/config/profile', (c) => { setModes(c.body.config.services, { ...c.body.config, policy_mode: undefined }, c.user); return {}; }],
    ['GET', '/v1/process_profile', () => ({ process_profiles: [...state.profiles.values()] })],
    ['GET', '/v1/process_profile/:id', (c) => ({ process_profile: find(state.profiles.get(c.id), 'profile') })],
    ['PATCH', '/v1/process_profile/:id', (c) => { editProfile(c.id, c.body); return {}; }],
    ['GET', '/v1/file_monitor/:id', (c) => ({ profile: find(state.files.get(c.id), 'file profile') })],
    ['PATCH', '/v1/file_monitor/:id', (c) => { editFiles(c.id, c.body); return {}; }],
    ['POST', '/v1/whatif', (c) => {
      const denies = c.body.config.mode === 'Protect';
      const acts = [{ kind: 'process', what: '/usr/bin/curl', detail: 'root', workloads: ['web-1'], count: 3, before: 'learn', after: denies ? 'deny' : 'violate', reason: 'process is not in the profile', rule: '' }];
      return { what_if: { group: c.body.config.group, members: 3, judged: 42, allowed: 41, alerted: denies ? 0 : 1, denied: denies ? 1 : 0, newly_denied: denies ? 1 : 0, acts, not_asked: [], complete: true } };
    }],
    ['GET', '/v1/response/rule', (c) => ({ rules: query(state.responses, c.params) })],
    ['PATCH', '/v1/response/rule', (c) => { editResponses(c.body); return {}; }],
    ['GET', '/v1/response/options', () => ({ response_rule_options: responseOptions(), webhooks: [] })],
    ['PATCH', '/v1/response/rule/:id', (c) => { Object.assign(find(state.responses.find((r) => r.id === Number(c.id)), 'rule'), c.body.config); change('policy', c.id); return {}; }],
    ['DELETE', '/v1/response/rule/:id', (c) => { editResponses({ delete: [Number(c.id)] }); return {}; }],
    ['GET', '/v1/policy/rule', (c) => ({ rules: query(state.rules, c.params) })],
    ['PATCH', '/v1/policy/rule', (c) => { editRules(c.body); return {}; }],
    ['GET', '/v1/policy/rule/:id', (c) => ({ rule: find(state.rules.find((r) => r.id === Number(c.id)), 'rule') })],
    ['PATCH', '/v1/policy/rule/:id', (c) => { Object.assign(find(state.rules.find((r) => r.id === Number(c.id)), 'rule'), c.body.config, { last_modified_timestamp: now() }); change('policy', c.id); return {}; }],
    ['DELETE', '/v1/policy/rule/:id', (c) => { editRules({ delete: [Number(c.id)] }); return {}; }],
    ['GET', '/v1/conversation', (c) => { const all = conversations(); if (c.params.get('verbose') !== 'true') return all; const end = new Map(all.endpoints.map((e) => [e.id, e])); return { ...all, conversations: all.conversations.map((x) => ({ ...x, from: end.get(x.from), to: end.get(x.to) })) }; }],
    ['GET', '/v1/log/histogram', (c) => histogram(c.params)],
    ['GET', '/v1/conversation/:from/:to', (c) => ({ conversation: { entries: state.conversations.filter((x) => x.from === c.from && x.to === c.to).map((x) => ({ bytes: x.bytes, sessions: x.sessions, port: x.port, mapped_port: x.port, application: x.application, policy_action: x.action, policy_id: x.policy_id, client_ip: x.client_ip, server_ip: x.server_ip, fqdn: x.fqdn ?? '', last_seen_at: new Date(x.last * 1000).toISOString(), process: '', mechanism: x.action === 'deny' ? 'cgroup-sock' : '', severity: '', xff: false, to_sidecar: false })) } })],
    ['GET', '/v1/log/security', (c) => ({ threats: query(state.logs.threat, c.params), incidents: query(state.logs.incident, c.params), violations: query(state.logs.violation, c.params) })],
    ...[['incident', 'incidents', 'incident'], ['violation', 'violations', 'violation'], ['threat', 'threats', 'threat'], ['audit', 'audits', 'audit'], ['event', 'events', 'event'], ['activity', 'events', 'event']].map(([path, key, log]) => ['GET', `/v1/log/${path}`, (c) => ({ [key]: query(state.logs[log], c.params) })]),
    ['GET', '/v1/user', () => ({ users: [...state.users.values()].map(publicUser), global_roles: ['', 'admin', 'reader'], domain_roles: ['', 'admin', 'reader'] })],
    ['POST', '/v1/user', (c) => { const u = c.body.user; if (state.users.has(u.username)) throw new Refusal(409, `there is a user ${u.username} already`); if ((u.password ?? '').length < 8) throw new Refusal(400, 'the password needs at least 8 characters'); state.users.set(u.username, { fullname: u.username, server: '', email: '', locale: 'en', timeout: 300, role_domains: {}, last_login_at: '', last_login_timestamp: 0, login_count: 0, default_password: false, modify_password: false, blocked_for_failed_login: false, blocked_for_password_expired: false, ...u }); change('system'); return {}; }],
    ['PATCH', '/v1/user/:id', (c) => { const u = find(state.users.get(c.id), 'user'); const { new_password: fresh, password, ...rest } = c.body.config; if (fresh) { if (password !== u.password) throw new Refusal(401, 'the current password is wrong'); if (fresh.length < 8) throw new Refusal(400, 'the new password needs at least 8 characters'); u.password = fresh; } Object.assign(u, rest); change('system'); return {}; }],
    ['DELETE', '/v1/user/:id', (c) => { if (c.id === c.user.username) throw new Refusal(400, 'you cannot delete yourself'); find(state.users.get(c.id), 'user'); state.users.delete(c.id); change('system'); return {}; }],
    ['POST', '/v1/user/:id/password', (c) => { find(state.users.get(c.id), 'user').password = c.body.config.new_password; return {}; }],
    ...scanRoutes({ state, find, change, activity, Refusal }),
    ...detectionRoutes(state, { query, find }),
  ].map(([method, pattern, handler]) => ({ method, handler, names: [...pattern.matchAll(/:(\w+)/g)].map((m) => m[1]), regex: new RegExp(`^${pattern.replace(/:\w+/g, '([^/]+)')}$`) }));

  async function api(req, res, url, token, asConsole) {
    const path = url.pathname;
    const send = (status, body, headers = {}) => {
      res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
      res.end(JSON.stringify(body));
    };
    try {
      let text = '';
      for await (const chunk of req) {
        text += chunk;
        if (text.length > 2 * 1024 * 1024) throw new Refusal(400, 'the body is too long');
      }
      let body = null;
      try {
        body = text ? JSON.parse(text) : null;
      } catch {
        throw new Refusal(400, 'the body is not JSON');
      }
      if (path === '/v1/auth' && req.method === 'POST') {
        const answer = login(body);
        const cookie = asConsole && answer.token ? { 'set-cookie': `rampart_fixture=${answer.token}; Path=/; HttpOnly; SameSite=Strict` } : {};
        if (asConsole && answer.body.token) delete answer.body.token.token;
        return send(answer.status, answer.body, cookie);
      }
      const user = sessions.get(token);
      if (!user) throw new Refusal(401, 'sign in first');
      if (path === '/v1/auth' && req.method === 'DELETE') {
        sessions.delete(token);
        return send(200, {}, { 'set-cookie': 'rampart_fixture=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict' });
      }
      if (path === '/v1/live') {
        res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
        res.write(': open\n\n');
        streams.add(res);
        req.on('close', () => streams.delete(res));
        return undefined;
      }
      for (const route of routes) {
        const match = route.method === req.method && route.regex.exec(path);
        if (!match) continue;
        if (req.method !== 'GET' && user.role !== 'admin' && path !== `/v1/user/${user.username}`) throw new Refusal(403, 'your role cannot change this');
        const ids = Object.fromEntries(route.names.map((name, i) => [name, decodeURIComponent(match[i + 1])]));
        const { fileHeaders, ...answer } = route.handler({ ...ids, user, body, params: url.searchParams });
        return send(200, answer, fileHeaders);
      }
      throw new Refusal(404, `no route for ${req.method} ${path}`);
    } catch (error) {
      const status = error.status ?? 500;
      const [code, title] = ERRORS[status] ?? [2, 'Internal error'];
      return send(status, { code, error: title, message: error.message });
    }
  }

  function asset(res, path) {
    const file = join(DIST, normalize(path));
    const real = file.startsWith(DIST) && existsSync(file) && statSync(file).isFile() ? file : join(DIST, 'index.html');
    res.writeHead(200, { 'content-type': MIME[extname(real)] ?? 'application/octet-stream' });
    res.end(readFileSync(real));
  }

  const handler = (req, res) => {
    const url = new URL(req.url, 'http://fixture');
    if (url.pathname.startsWith('/api/')) {
      url.pathname = url.pathname.slice(4);
      const token = /(?:^|;\s*)rampart_fixture=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];
      return api(req, res, url, token, true);
    }
    if (/^\/v[12]\//.test(url.pathname)) return api(req, res, url, req.headers['x-auth-token'], false);
    return asset(res, decodeURIComponent(url.pathname));
  };

  /** Something happens now and then, so that live updates can be seen. */
  function tick() {
    const model = state.logs.incident[Math.floor(random() * 40)];
    const at = now();
    state.logs.incident.unshift({ ...model, id: uuid(), reported_timestamp: at, reported_at: new Date(at * 1000).toISOString() });
    for (const c of state.conversations) if (c.action === 'allow') c.bytes += Math.floor(random() * 9000);
    state.nodes[0].counters.events_received += 1000;
    for (const kind of ['log', 'conversation', 'node']) change(kind);
  }

  const tls = options.cert && options.key ? { cert: readFileSync(options.cert), key: readFileSync(options.key) } : null;
  const server = tls ? createTlsServer(tls, handler) : createServer(handler);
  const timer = options.live ? setInterval(tick, 4000) : null;
  server.on('close', () => timer && clearInterval(timer));
  return { server, state, change, tick };
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8444' }, scale: { type: 'string', default: '1' }, password: { type: 'string', default: 'admin' }, 'must-change': { type: 'boolean', default: false }, live: { type: 'boolean', default: false }, cert: { type: 'string' }, key: { type: 'string' }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write('fixture-server [--port 8444] [--scale N] [--password admin] [--must-change] [--live] [--cert PEM --key PEM]\n');
    process.exit(0);
  }
  const { server } = createFixture({ scale: Number(values.scale), password: values.password, mustChange: values['must-change'], live: values.live, cert: values.cert, key: values.key });
  server.listen(Number(values.port), '127.0.0.1', () => process.stdout.write(`fixture console on port ${server.address().port}, user admin, password ${values.password}\n`));
}
