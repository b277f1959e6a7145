import { useTranslation } from 'react-i18next';
import { DataTable } from '../../components/DataTable';
import { Safe } from '../../components/Safe';
import { VerdictTag } from '../../components/Tags';
import { bytes, count } from '../../services/format';
import type { MapData, MapEdge } from '../../services/graph';
import { VERDICT_RANK } from '../../services/verdict';

/** The map as a list: the same edges for people who use the keyboard or a screen reader. */
export function ConversationTable({ data, onOpen, selected }: { data: MapData; onOpen: (edge: MapEdge) => void; selected: string | null }) {
  const { t } = useTranslation();
  const names = new Map(data.nodes.map((n) => [n.id, n.label]));
  const name = (id: string) => names.get(id) ?? id;
  return (
    <DataTable
      label={t('network.title')}
      rows={data.edges}
      rowKey={(e) => e.id}
      onOpen={onOpen}
      selected={selected}
      initialSort={{ key: 'verdict', desc: true }}
      columns={[
        { key: 'from', head: t('network.client'), width: '24%', sort: (e) => name(e.from), cell: (e) => <Safe value={name(e.from)} clip /> },
        { key: 'to', head: t('network.server'), width: '24%', sort: (e) => name(e.to), cell: (e) => <Safe value={name(e.to)} clip /> },
        { key: 'ports', head: t('network.ports'), cell: (e) => <Safe value={[...e.ports, ...e.applications].join(', ')} clip /> },
        { key: 'verdict', head: t('network.verdict'), width: 110, sort: (e) => VERDICT_RANK[e.verdict], cell: (e) => <VerdictTag verdict={e.verdict} /> },
        { key: 'sessions', head: t('network.sessions'), width: 92, right: true, sort: (e) => e.sessions, cell: (e) => count(e.sessions) },
        { key: 'bytes', head: t('network.bytes'), width: 92, right: true, sort: (e) => e.bytes, cell: (e) => bytes(e.bytes) },
      ]}
    />
  );
}
