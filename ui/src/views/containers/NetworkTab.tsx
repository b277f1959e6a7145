import { Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { DataTable } from '../../components/DataTable';
import { Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty, Gate } from '../../components/States';
import { VerdictTag } from '../../components/Tags';
import { bytes, count, protocol } from '../../services/format';
import { conversations } from '../../services/queries';
import type { Conversation, Workload } from '../../services/types';
import { VERDICT_RANK, verdictOf } from '../../services/verdict';

export function NetworkTab({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  const query = useQuery(conversations());
  const interfaces = Object.entries(w.interfaces ?? {});
  return (
    <>
      <div style={{ padding: '14px 14px 18px', display: 'grid', gridTemplateColumns: '1fr 1fr', gap: 24 }}>
        <div>
          <Title order={3} mb={8}>{t('containers.interfaces')}</Title>
          {interfaces.length === 0 ? <span className="dim">{t('containers.hostNetwork', { mode: w.network_mode || '–' })}</span> : null}
          <Facts items={interfaces.map(([name, list]) => [name, <span key={name}>{(list ?? []).map((a) => <div key={a.ip} className="mono">{a.ip}/{a.ip_prefix}</div>)}</span>])} />
        </div>
        <div>
          <Title order={3} mb={8}>{t('containers.ports')}</Title>
          {(w.ports ?? []).length === 0 ? <span className="dim">{t('containers.noPorts')}</span> : null}
          {(w.ports ?? []).map((p) => (
            <div key={`${p.ip_proto}/${p.port}/${p.host_port}`} className="mono">
              {protocol(p.ip_proto)}/{p.port}{p.host_port ? ` ← ${p.host_ip || '*'}:${p.host_port}` : ''}
            </div>
          ))}
          {(w.applications ?? []).length ? <div style={{ marginTop: 8, display: 'flex', gap: 6, flexWrap: 'wrap' }}>{w.applications?.map((a) => <span className="chip" key={a}><Safe value={a} /></span>)}</div> : null}
        </div>
      </div>
      <Gate query={query}>{({ conversations: all, endpoints }) => <Talks workload={w} all={all} names={new Map(endpoints.map((e) => [e.id, e.display_name]))} containers={new Set(endpoints.filter((e) => e.kind === 'container').map((e) => e.id))} />}</Gate>
    </>
  );
}

function Talks({ workload, all, names, containers }: { workload: Workload; all: Conversation[]; names: Map<string, string>; containers: Set<string> }) {
  const { t } = useTranslation();
  const rows = all.filter((c) => c.from === workload.id || c.to === workload.id);
  const peer = (c: Conversation) => (c.from === workload.id ? c.to : c.from);
  const name = (c: Conversation) => names.get(peer(c)) ?? peer(c);
  return (
    <div className="flat" style={{ borderTop: '1px solid var(--mantine-color-default-border)' }}>
      <DataTable
        label={t('containers.conversations')}
        rows={rows}
        rowKey={(c) => `${c.from}>${c.to}`}
        initialSort={{ key: 'verdict', desc: true }}
        maxHeight="calc(100dvh - 360px)"
        empty={<Empty title={t('containers.noConversations')}>{t('containers.noConversationsText')}</Empty>}
        columns={[
          { key: 'dir', head: t('network.direction'), width: 100, sort: (c) => (c.from === workload.id ? 1 : 0), cell: (c) => t(c.from === workload.id ? 'network.egress' : 'network.ingress') },
          { key: 'peer', head: t('network.peer'), sort: name, cell: (c) => (containers.has(peer(c)) ? <Link className="link" to={`/containers/${encodeURIComponent(peer(c))}`}><Safe value={name(c)} clip /></Link> : <Safe value={name(c)} clip />) },
          { key: 'ports', head: t('network.ports'), width: '20%', cell: (c) => <Safe value={[...(c.ports ?? []), ...(c.applications ?? [])].join(', ')} clip /> },
          { key: 'verdict', head: t('network.verdict'), width: 120, sort: (c) => VERDICT_RANK[verdictOf(c.policy_action)], cell: (c) => <VerdictTag verdict={verdictOf(c.policy_action)} /> },
          { key: 'sessions', head: t('network.sessions'), width: 96, right: true, sort: (c) => c.sessions, cell: (c) => count(c.sessions) },
          { key: 'bytes', head: t('network.bytes'), width: 96, right: true, sort: (c) => c.bytes, cell: (c) => bytes(c.bytes) },
        ]}
      />
    </div>
  );
}
