import { CloseButton, Title } from '@mantine/core';
import { IconArrowDown } from '@tabler/icons-react';
import { useQueries } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Failed, LoadingRows } from '../../components/States';
import { ModeTag, VerdictTag, WarnTag } from '../../components/Tags';
import { age, bytes, count, seconds } from '../../services/format';
import type { MapData, MapEdge, MapNode } from '../../services/graph';
import { conversationEntries } from '../../services/queries';
import type { ConversationEntry } from '../../services/types';
import { VERDICT_RANK, verdictOf } from '../../services/verdict';

export interface Selection {
  kind: 'node' | 'edge';
  id: string;
}

interface Props {
  data: MapData;
  selection: Selection;
  onSelect: (selection: Selection | null) => void;
}

/** Pairs read for one edge; an edge between large services has more. */
const MAX_PAIRS = 12;

export function Detail({ data, selection, onSelect }: Props) {
  const { t } = useTranslation();
  const node = selection.kind === 'node' ? data.nodes.find((n) => n.id === selection.id) : undefined;
  const edge = selection.kind === 'edge' ? data.edges.find((e) => e.id === selection.id) : undefined;
  return (
    <aside style={{ width: 'min(380px, 36vw)', flex: 'none', borderLeft: '1px solid var(--mantine-color-default-border)', overflow: 'auto', padding: 16 }} aria-label={t('network.detail')}>
      <div style={{ display: 'flex', alignItems: 'flex-start', gap: 8, marginBottom: 12 }}>
        <Title order={2} style={{ minWidth: 0, overflowWrap: 'anywhere' }}>{node ? <Safe value={node.label} /> : t('network.conversation')}</Title>
        <CloseButton ml="auto" size="sm" aria-label={t('common.close')} onClick={() => onSelect(null)} />
      </div>
      {node ? <NodeDetail data={data} node={node} onSelect={onSelect} /> : null}
      {edge ? <EdgeDetail key={edge.id} data={data} edge={edge} onSelect={onSelect} /> : null}
    </aside>
  );
}

function NodeDetail({ data, node, onSelect }: { data: MapData; node: MapNode; onSelect: Props['onSelect'] }) {
  const { t } = useTranslation();
  const name = new Map(data.nodes.map((n) => [n.id, n.label]));
  const edges = data.edges.filter((e) => e.from === node.id || e.to === node.id).sort((a, b) => VERDICT_RANK[b.verdict] - VERDICT_RANK[a.verdict] || b.bytes - a.bytes);
  const container = node.kind === 'container';
  return (
    <>
      <Facts
        items={[
          [t('network.kind'), t(`network.kind_${node.kind}`, node.kind)],
          [t('containers.group'), container ? <Link key="g" className="link" to={`/groups/${encodeURIComponent(node.group)}`}><Safe value={node.group} /></Link> : ''],
          [t('containers.domain'), node.domain ? <Safe key="d" value={node.domain} /> : ''],
          [t('mode.network'), container ? <ModeTag key="m" mode={node.mode} /> : ''],
          [t('quarantine.tag'), node.quarantined ? <WarnTag key="q">{t('quarantine.note')}</WarnTag> : ''],
          [t('network.members'), container ? <span key="c">{node.members.slice(0, 8).map((id) => <div key={id}><Link className="link mono" to={`/containers/${encodeURIComponent(id)}`}>{id.slice(0, 12)}</Link></div>)}</span> : ''],
        ]}
      />
      <Title order={3} mt="lg" mb={6}>{t('network.conversations')}</Title>
      {edges.map((e) => (
        <button key={e.id} type="button" className="sort" style={{ display: 'flex', width: '100%', boxSizing: 'border-box', gap: 8, padding: '6px 4px', fontSize: 13, borderBottom: '1px solid var(--mantine-color-default-border)' }} onClick={() => onSelect({ kind: 'edge', id: e.id })}>
          <VerdictTag verdict={e.verdict} />
          <span className="clip">{e.from === node.id ? '→ ' : '← '}<Safe value={name.get(e.from === node.id ? e.to : e.from)} /></span>
          <span className="dim mono" style={{ marginLeft: 'auto', whiteSpace: 'nowrap' }}><Safe value={e.ports.slice(0, 2).join(', ')} /></span>
        </button>
      ))}
    </>
  );
}

function EdgeDetail({ data, edge, onSelect }: { data: MapData; edge: MapEdge; onSelect: Props['onSelect'] }) {
  const { t } = useTranslation();
  const end = (id: string) => {
    const node = data.nodes.find((n) => n.id === id);
    return <button type="button" className="sort link" style={{ fontWeight: 550 }} onClick={() => onSelect({ kind: 'node', id })}><Safe value={node?.label ?? id} /></button>;
  };
  const results = useQueries({ queries: edge.pairs.slice(0, MAX_PAIRS).map((p) => conversationEntries(p.from, p.to)) });
  const entries = results.flatMap((r) => r.data ?? []).sort((a, b) => VERDICT_RANK[verdictOf(b.policy_action)] - VERDICT_RANK[verdictOf(a.policy_action)] || seconds(b.last_seen_at) - seconds(a.last_seen_at));
  const failed = results.find((r) => r.isError);
  return (
    <>
      <div className="card" style={{ padding: '10px 12px', marginBottom: 14 }}>
        {end(edge.from)}
        <div className="dim" style={{ display: 'flex', gap: 6, alignItems: 'center', margin: '4px 0' }}><IconArrowDown size={15} aria-label={t('network.to')} /><Safe value={[...edge.ports, ...edge.applications].join(', ')} /></div>
        {end(edge.to)}
      </div>
      <Facts
        items={[
          [t('network.verdict'), <VerdictTag key="v" verdict={edge.verdict} />],
          [t('network.sessions'), count(edge.sessions)],
          [t('network.bytes'), bytes(edge.bytes)],
        ]}
      />
      <Title order={3} mt="lg" mb={6}>{t('network.entries')}</Title>
      {failed ? <Failed error={failed.error} retry={() => void failed.refetch()} /> : null}
      {results.some((r) => r.isPending) ? <LoadingRows rows={3} /> : null}
      {entries.map((e, i) => <EntryRow key={`${e.client_ip}:${e.server_ip}:${e.port}:${i}`} entry={e} />)}
      {edge.pairs.length > MAX_PAIRS ? <p className="dim">{t('network.morePairs', { count: edge.pairs.length - MAX_PAIRS })}</p> : null}
    </>
  );
}

function EntryRow({ entry: e }: { entry: ConversationEntry }) {
  const { t } = useTranslation();
  return (
    <div style={{ borderBottom: '1px solid var(--mantine-color-default-border)', padding: '8px 0', fontSize: 12.5 }}>
      <div style={{ display: 'flex', gap: 8, alignItems: 'center' }}>
        <VerdictTag verdict={verdictOf(e.policy_action)} mechanism={e.mechanism} />
        <span className="mono"><Safe value={e.port} /></span>
        <Safe value={e.application} empty="" />
        <span className="dim num" style={{ marginLeft: 'auto' }}>{age(e.last_seen_at)}</span>
      </div>
      {e.process ? <div className="mono" style={{ marginTop: 3 }}><Safe value={e.process} wrap max={200} /></div> : null}
      <div className="mono dim" style={{ marginTop: 3 }}><Safe value={e.client_ip} /> → <Safe value={e.fqdn || e.server_ip} /></div>
      <div className="dim num" style={{ marginTop: 2 }}>
        {t('network.entryNumbers', { sessions: count(e.sessions), bytes: bytes(e.bytes) })}
        {' · '}
        {e.policy_id ? <Link className="link" to={`/rules?q=${e.policy_id}`}>{t('network.byRule', { id: e.policy_id })}</Link> : t('network.implicit')}
      </div>
    </div>
  );
}
