// The network map's nodes and edges, from conversations. Pure, so that it can be tested.
import type { Conversation, Endpoint, Verdict } from './types';
import { VERDICT_RANK, verdictOf } from './verdict';

export type GroupBy = 'domain' | 'group' | 'none';

export interface MapFilter {
  text: string;
  verdicts: Verdict[];
  domain: string | null;
  group: string | null;
  groupBy: GroupBy;
  /** Draw one node for each service instead of one for each container. */
  collapse: boolean;
}

export interface MapNode {
  id: string;
  label: string;
  kind: string;
  parent?: string;
  domain: string;
  group: string;
  mode: string;
  /** At least one of its members is cut off from the network. */
  quarantined: boolean;
  /** Endpoint ids drawn as this node. */
  members: string[];
}

export interface MapEdge {
  id: string;
  from: string;
  to: string;
  verdict: Verdict;
  bytes: number;
  sessions: number;
  ports: string[];
  applications: string[];
  /** The conversations drawn as this edge. */
  pairs: { from: string; to: string }[];
}

export interface MapData {
  nodes: MapNode[];
  edges: MapEdge[];
  parents: { id: string; label: string }[];
}

const groupOf = (e: Endpoint) => e.service_group || (e.service && e.kind === 'container' ? `nv.${e.service.replace(/^nv\./, '')}` : e.id);
const unknown = (id: string): Endpoint => ({ id, kind: id === 'external' ? 'external' : 'ip', display_name: id });

export function buildMap(conversations: Conversation[], endpoints: Endpoint[], filter: MapFilter): MapData {
  const known = new Map(endpoints.map((e) => [e.id, e]));
  const nodes = new Map<string, MapNode>();
  const edges = new Map<string, MapEdge>();
  const end = (id: string) => known.get(id) ?? unknown(id);
  const needle = filter.text.trim().toLowerCase();
  for (const c of conversations) {
    const from = end(c.from);
    const to = end(c.to);
    const verdict = verdictOf(c.policy_action);
    if (!filter.verdicts.includes(verdict === 'learn' ? 'allow' : verdict)) continue;
    if (filter.domain && from.domain !== filter.domain && to.domain !== filter.domain) continue;
    if (filter.group && groupOf(from) !== filter.group && groupOf(to) !== filter.group) continue;
    if (needle && !found(needle, from, to, c)) continue;
    addEdge(edges, addNode(nodes, from, filter), addNode(nodes, to, filter), c, verdict);
  }
  const parents = new Map<string, string>();
  for (const node of nodes.values()) if (node.parent) parents.set(node.parent, node.parent.slice(2));
  return { nodes: [...nodes.values()], edges: [...edges.values()], parents: [...parents].map(([id, label]) => ({ id, label })) };
}

function found(needle: string, from: Endpoint, to: Endpoint, c: Conversation): boolean {
  return [from.display_name, to.display_name, from.service, to.service, ...(c.ports ?? []), ...(c.applications ?? [])].some((v) => (v ?? '').toLowerCase().includes(needle));
}

function addNode(nodes: Map<string, MapNode>, e: Endpoint, filter: MapFilter): MapNode {
  const container = e.kind === 'container';
  const group = groupOf(e);
  const id = filter.collapse && container ? `s:${group}` : e.id;
  const old = nodes.get(id);
  if (old) {
    if (!old.members.includes(e.id)) old.members.push(e.id);
    old.quarantined ||= e.state === 'quarantined';
    return old;
  }
  const by = container ? { domain: e.domain || 'no domain', group, none: '' }[filter.groupBy] : '';
  const label = filter.collapse && container ? group.replace(/^nv\./, '') : e.display_name || e.id;
  const node: MapNode = { id, label, kind: e.kind, parent: by ? `p:${by}` : undefined, domain: e.domain ?? '', group, mode: e.policy_mode || e.state || '', quarantined: e.state === 'quarantined', members: [e.id] };
  nodes.set(id, node);
  return node;
}

function addEdge(edges: Map<string, MapEdge>, from: MapNode, to: MapNode, c: Conversation, verdict: Verdict) {
  const id = `e:${from.id}>${to.id}`;
  const edge = edges.get(id) ?? { id, from: from.id, to: to.id, verdict, bytes: 0, sessions: 0, ports: [], applications: [], pairs: [] };
  edge.bytes += c.bytes ?? 0;
  edge.sessions += c.sessions ?? 0;
  if (VERDICT_RANK[verdict] > VERDICT_RANK[edge.verdict]) edge.verdict = verdict;
  edge.ports = [...new Set([...edge.ports, ...(c.ports ?? [])])];
  edge.applications = [...new Set([...edge.applications, ...(c.applications ?? [])])];
  edge.pairs.push({ from: c.from, to: c.to });
  edges.set(id, edge);
}
