import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowRight, IconArrowUp, IconListCheck, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, SearchBox } from '../../components/Filters';
import { RowActions } from '../../components/RowActions';
import { Safe } from '../../components/Safe';
import { Empty } from '../../components/States';
import { ActionTag, SourceTag } from '../../components/Tags';
import { deleteRule, moveRule } from '../../services/actions';
import { age, count } from '../../services/format';
import { useParam } from '../../services/params';
import { useSession } from '../../services/session';
import { matches } from '../../services/text';
import type { NetworkRule } from '../../services/types';
import { RuleForm } from './RuleForm';
import { moveTarget } from './order';

/** Only rules a user made can be changed here; learned ones can also be deleted. */
const isUser = (rule: NetworkRule) => rule.cfg_type === 'user_created' || (!rule.cfg_type && !rule.learned);
const isFixed = (rule: NetworkRule) => ['ground', 'federal', 'system'].includes(rule.cfg_type ?? '');

/** Ports and applications in one: `tcp/80 HTTP`. */
function traffic(rule: NetworkRule): string {
  const ports = rule.ports || 'any';
  const named = (rule.applications ?? []).filter((a) => a !== 'any').join(', ');
  return named ? `${ports === 'any' ? '' : ports} ${named}`.trim() : ports;
}

export type Editing = { rule?: NetworkRule; after?: number };

export function RuleList({ all, only }: { all: NetworkRule[]; only?: string }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const [text, setText] = useParam('q');
  const [action, setAction] = useParam('action');
  const [source, setSource] = useParam('source');
  const [editing, setEditing] = useState<Editing | null>(null);
  const needle = text.trim().toLowerCase();
  const mine = only ? all.filter((r) => r.from === only || r.to === only) : all;
  const rows = mine.filter((r) => (!action || r.action === action) && (!source || r.cfg_type === source) && matches(needle, r.from, r.to, r.ports, r.comment, r.id, ...(r.applications ?? [])));
  const columns = useColumns(all, canWrite, setEditing, rows.length === all.length);
  return (
    <>
      <div className="toolbar" style={only ? { padding: '10px 14px' } : undefined}>
        <SearchBox value={text} onChange={setText} placeholder={t('rules.search')} width={280} />
        <Choice label={t('rule.action')} value={action || null} options={['allow', 'deny'].map((value) => ({ value, label: t(`action.${value}`) }))} onChange={setAction} width={120} />
        <Choice label={t('rule.source')} value={source || null} options={['user_created', 'learned', 'ground', 'federal'].map((value) => ({ value, label: t(`source.${value}`) }))} onChange={setSource} width={140} />
        <span className="dim">{t('rules.order')}</span>
        {canWrite ? <Button ml="auto" leftSection={<IconPlus size={14} />} onClick={() => setEditing({ after: 0 })}>{t('rules.add')}</Button> : null}
      </div>
      <div className={only ? 'flat' : undefined} style={{ minHeight: 0, display: 'flex', flexDirection: 'column' }}>
        <DataTable
          label={t('rules.title')}
          rows={rows}
          columns={columns}
          rowKey={(r) => String(r.id)}
          isOff={(r) => Boolean(r.disable)}
          onOpen={canWrite ? (r) => isUser(r) && setEditing({ rule: r }) : undefined}
          maxHeight={only ? 'calc(100dvh - 320px)' : undefined}
          minWidth={1020}
          empty={
            needle || action || source ? <Empty title={t('common.noMatch')} /> : <Empty title={t('rules.emptyTitle')} icon={<IconListCheck size={30} stroke={1.4} aria-hidden />}>{t('rules.emptyText')}</Empty>
          }
        />
      </div>
      <RuleForm editing={editing} rules={all} group={only} onClose={() => setEditing(null)} />
    </>
  );
}

function useColumns(all: NetworkRule[], canWrite: boolean, edit: (editing: Editing) => void, whole: boolean): Column<NetworkRule>[] {
  const { t } = useTranslation();
  const confirm = useConfirm();
  const change = useChange(['policy', 'group']);
  const remove = async (rule: NetworkRule) => {
    const yes = await confirm({ title: t('rule.deleteTitle'), text: t('rules.deleteText', { id: rule.id, from: rule.from, to: rule.to }), action: t('common.delete'), danger: true });
    if (yes) change.mutate({ run: () => deleteRule(rule.id), done: t('rule.deleted') });
  };
  const move = (rule: NetworkRule, by: 1 | -1) => {
    const after = moveTarget(all, rule.id, by);
    if (after !== undefined) change.mutate({ run: () => moveRule(rule.id, after), done: t('rules.moved', { id: rule.id }) });
  };
  const end = (name: string) => <Link className="link clip" to={`/groups/${encodeURIComponent(name)}`} onClick={(e) => e.stopPropagation()}><Safe value={name} clip /></Link>;
  const mover = (rule: NetworkRule, by: 1 | -1) => (
    <Tooltip label={t(by < 0 ? 'rules.up' : 'rules.down')}>
      <ActionIcon size="sm" disabled={!whole || moveTarget(all, rule.id, by) === undefined} aria-label={t(by < 0 ? 'rules.upWhat' : 'rules.downWhat', { id: rule.id })} onClick={() => move(rule, by)}>
        {by < 0 ? <IconArrowUp size={15} /> : <IconArrowDown size={15} />}
      </ActionIcon>
    </Tooltip>
  );
  return [
    { key: 'id', head: t('rules.id'), width: 74, cell: (r) => <span className="num dim">{r.id}</span> },
    { key: 'from', head: t('rules.from'), width: '16%', cell: (r) => end(r.from) },
    { key: 'arrow', head: '', width: 28, tight: true, cell: () => <IconArrowRight size={14} className="dim" aria-label={t('rules.to')} /> },
    { key: 'to', head: t('rules.to'), width: '16%', cell: (r) => end(r.to) },
    { key: 'ports', head: t('rules.traffic'), width: 132, cell: (r) => <Safe value={traffic(r)} clip /> },
    { key: 'action', head: t('rule.action'), width: 88, cell: (r) => <ActionTag action={r.action} /> },
    { key: 'source', head: t('rule.source'), width: 92, cell: (r) => <SourceTag source={r.cfg_type} /> },
    { key: 'comment', head: t('rule.comment'), cell: (r) => (r.disable ? <span className="chip">{t('rules.disabled')}</span> : <Safe value={r.comment} clip empty="" />) },
    { key: 'hits', head: t('rules.hits'), width: 88, right: true, cell: (r) => <span title={r.last_match_timestamp ? t('rules.lastMatch', { age: age(r.last_match_timestamp) }) : undefined}>{count(r.match_counter)}</span> },
    {
      key: 'edit', head: '', width: 116, right: true,
      cell: (r) =>
        canWrite && !isFixed(r) ? (
          <RowActions what={String(r.id)} onEdit={isUser(r) ? () => edit({ rule: r }) : undefined} onDelete={() => void remove(r)}>
            {isUser(r) ? mover(r, -1) : null}
            {isUser(r) ? mover(r, 1) : null}
          </RowActions>
        ) : null,
    },
  ];
}
