// Detection rules of the fixture controller, and the incidents they left.
import { now, random, uuid } from './fixture-data.mjs';

const WAITS = 'it waits for open, openat, openat2; seen here are execve, setuid, connect, accept, listen';
const OFF = 'it is turned off where it is written';

// name, priority, tags, file, events, state, reason, condition, description
const RULES = [
  ['Shell in a container with a terminal', 'Notice', ['container', 'execution', 'T1059', 'T1059.004'], 'execution.yaml', ['execve', 'execveat'], 'live', '', 'started and in_container and shell_program\n  and proc.tty != 0', 'Somebody works in a container by hand.'],
  ['Reverse shell', 'Critical', ['container', 'T1059.004', 'T1071'], 'network.yaml', ['connect'], 'live', '', 'evt.type=connect and shell_program and fd.sport != 53', 'A shell whose input and output is a connection is in the hands of whoever is at the other end.'],
  ['Program dropped into a container', 'Critical', ['container', 'T1105'], 'evasion.yaml', ['execve', 'execveat'], 'live', '', 'started and in_container and proc.is_exe_upper_layer=true', 'What the image did not ship was run.'],
  ['Program run from memory', 'Critical', ['T1620'], 'evasion.yaml', ['execve'], 'live', '', 'started and proc.is_exe_from_memfd=true', 'A program that is in no file leaves nothing to find.'],
  ['Credentials searched for', 'Warning', ['T1552.001'], 'credential.yaml', ['execve', 'execveat'], 'live', '', 'started and proc.name in (grep, find) and proc.args contains id_rsa', 'Somebody looks for keys.'],
  ['Write below /etc', 'Error', ['filesystem', 'T1543'], 'persistence.yaml', ['open', 'openat', 'openat2'], 'silent', WAITS, 'opened_to_write and fd.name startswith /etc', 'Configuration of the system was changed.'],
  ['Kernel module loaded from a container', 'Critical', ['container', 'T1547.006'], 'persistence.yaml', ['init_module', 'finit_module'], 'silent', 'it waits for init_module, finit_module; seen here are execve, setuid, connect, accept, listen', 'evt.type in (init_module, finit_module) and in_container', 'A module runs in the kernel of the node.'],
  ['Any connection', 'Debug', ['network', '<b>not markup</b>'], 'mine.yaml', ['connect'], 'off', OFF, 'evt.type=connect', ''],
];

export function makeDetection(state) {
  const chosen = state.workloads.filter((w) => w.running && w.domain === 'shop');
  const t = now();
  for (const [at, name] of RULES.slice(0, 5).map(([name], at) => [at, name])) {
    for (let i = 0; i < 3 + at * 2; i++) {
      const w = chosen[(i + at) % chosen.length];
      const when = t - Math.floor(random() * 20 * 3600);
      state.logs.incident.push({
        id: uuid(), name: 'Detection.Rule.Matched', level: RULES[at][1], reported_timestamp: when, reported_at: new Date(when * 1000).toISOString(), cluster_name: 'cluster.local', host_id: w.host_id, host_name: w.host_name, enforcer_id: w.enforcer_id, enforcer_name: w.enforcer_name,
        workload_id: w.id, workload_name: w.display_name, workload_domain: w.domain, workload_image: w.image, workload_service: w.service, group: w.service_group, rule_id: name, proc_name: 'sh', proc_path: '/bin/sh', proc_cmd: 'sh -i', proc_parent_name: 'nginx', proc_parent_path: '/usr/sbin/nginx', proc_real_user: 'app', proc_effective_user: 'app', proc_real_uid: 1000, proc_effective_uid: 1000, file_path: '', action: 'violate', verdict: 'violate', operation: 'exec', proc_ancestors: ['nginx', 'nginx', 'containerd-shim'], mechanism: '', count: 1, aggregation_from: when,
        message: `${name}: sh was started by nginx (user=app command=sh -i)`,
      });
    }
  }
  state.logs.incident.sort((a, b) => b.reported_timestamp - a.reported_timestamp);
  const found = (name) => state.logs.incident.filter((i) => i.rule_id === name);
  state.detection = RULES.map(([name, priority, tags, file, events, ruleState, reason, condition, description], at) => {
    const incidents = found(name);
    const hits = incidents.length * 4;
    return {
      name, priority, tags, techniques: tags.filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag)), file, line: 20 + at * 12, events, enabled: ruleState !== 'off', state: ruleState, reason, hits, incidents: incidents.length, description, condition, output: '%proc.name was started by %proc.pname (user=%user.name command=%proc.cmdline)',
      last_seen_timestamp: incidents[0]?.reported_timestamp ?? 0, last_seen_at: incidents[0]?.reported_at ?? '',
      nodes: state.nodes.slice(0, 2).map((n, i) => ({ id: n.id, name: n.name, state: ruleState, reason, hits: i === 0 ? hits : 0 })),
    };
  });
}

const brief = ({ description: _d, condition: _c, output: _o, ...rule }) => rule;

export const detectionRoutes = (state, { query, find }) => [
  ['GET', '/v1/detection/rule', (c) => ({ rules: query(state.detection.map(brief), c.params) })],
  ['GET', '/v1/detection/rule/:id', (c) => ({ rule: { ...find(state.detection.find((r) => r.name === c.id), 'detection rule'), recent: state.logs.incident.filter((i) => i.rule_id === c.id).slice(0, 50) } })],
];
