import { ActionIcon, Button, Switch, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconBolt, IconLockOpen, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Page } from '../../components/Page';
import { RowActions } from '../../components/RowActions';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { deleteResponse, moveResponse, releaseByResponse, updateResponse } from '../../services/actions';
import { age, count } from '../../services/format';
import { responseRules } from '../../services/queries';
import { useSession } from '../../services/session';
import type { ResponseRule } from '../../services/types';
import { moveTarget } from '../policy/order';
import { ResponseForm } from './ResponseForm';

const isFixed = (rule: ResponseRule) => ['ground', 'federal'].includes(rule.cfg_type ?? '');
/** `level:Critical, process:sh`. */
const when = (rule: ResponseRule) => (rule.conditions ?? []).map((c) => `${c.type}:${c.value}`).join(', ');

export default function ResponseView() {
  const { t } = useTranslation();
  const query = useQuery(responseRules());
  return (
    <Page fill title={t('response.title')} note={query.data ? t('response.note', { count: query.data.length }) : ''}>
      <Gate query={query} loading={<LoadingRows rows={6} />}>{(all) => <Rules all={all} />}</Gate>
    </Page>
  );
}

function Rules({ all }: { all: ResponseRule[] }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const [editing, setEditing] = useState<{ rule?: ResponseRule } | null>(null);
  const columns = useColumns(all, canWrite, (rule) => setEditing({ rule }));
  return (
    <>
      <div className="toolbar">
        <span className="dim">{t('response.hint')}</span>
        {canWrite ? <Button ml="auto" leftSection={<IconPlus size={14} />} onClick={() => setEditing({})}>{t('response.add')}</Button> : null}
      </div>
      <DataTable
        label={t('response.title')}
        rows={all}
        columns={columns}
        rowKey={(r) => String(r.id)}
        isOff={(r) => Boolean(r.disable)}
        onOpen={canWrite ? (rule) => !isFixed(rule) && setEditing({ rule }) : undefined}
        minWidth={1020}
        empty={<Empty title={t('response.emptyTitle')} icon={<IconBolt size={30} stroke={1.4} aria-hidden />}>{t('response.emptyText')}</Empty>}
      />
      <ResponseForm editing={editing} onClose={() => setEditing(null)} />
    </>
  );
}

function useColumns(all: ResponseRule[], canWrite: boolean, edit: (rule: ResponseRule) => void): Column<ResponseRule>[] {
  const { t } = useTranslation();
  const confirm = useConfirm();
  const change = useChange(['policy', 'workload']);
  const toggle = (rule: ResponseRule) => {
    const next = { ...rule, disable: !rule.disable };
    change.mutate({ run: () => updateResponse(next), done: next.disable ? t('response.turnedOff', { id: rule.id }) : t('response.turnedOn', { id: rule.id }) });
  };
  const remove = async (rule: ResponseRule) => {
    const yes = await confirm({ title: t('response.deleteTitle'), text: t('response.deleteText', { id: rule.id }), action: t('common.delete'), danger: true });
    if (yes) change.mutate({ run: () => deleteResponse(rule.id), done: t('response.deleted') });
  };
  const release = async (rule: ResponseRule) => {
    const yes = await confirm({ title: t('response.releaseTitle'), text: t('response.releaseText', { id: rule.id }), action: t('response.release') });
    if (yes) change.mutate({ run: () => releaseByResponse(rule.id), done: t('response.released', { id: rule.id }) });
  };
  const mover = (rule: ResponseRule, by: 1 | -1) => {
    const after = moveTarget(all, rule.id, by);
    const move = () => after !== undefined && change.mutate({ run: () => moveResponse(rule.id, after), done: t('response.moved', { id: rule.id }) });
    return (
      <ActionIcon size="sm" disabled={after === undefined} aria-label={by < 0 ? t('response.upWhat', { id: rule.id }) : t('response.downWhat', { id: rule.id })} onClick={move}>
        {by < 0 ? <IconArrowUp size={15} /> : <IconArrowDown size={15} />}
      </ActionIcon>
    );
  };
  return [
    { key: 'id', head: t('response.id'), width: 64, cell: (r) => <span className="num dim">{r.id}</span> },
    {
      key: 'on', head: t('response.enabled'), width: 84,
      cell: (r) => (
        <span onClick={(event) => event.stopPropagation()}>
          <Switch size="xs" checked={!r.disable} disabled={!canWrite || isFixed(r)} aria-label={t('response.onWhat', { id: r.id })} onChange={() => toggle(r)} />
        </span>
      ),
    },
    { key: 'event', head: t('response.event'), width: 130, cell: (r) => t(`response.event_${r.event}`, r.event) },
    { key: 'group', head: t('response.group'), width: '16%', cell: (r) => <Safe value={r.group} clip empty={t('response.anyGroup')} /> },
    { key: 'conditions', head: t('response.conditions'), cell: (r) => <Safe value={when(r)} clip empty={t('response.always')} /> },
    { key: 'actions', head: t('response.actions'), width: 170, cell: (r) => r.actions.map((action) => t(`response.action_${action}`, action)).join(', ') },
    { key: 'comment', head: t('response.comment'), width: '14%', cell: (r) => <Safe value={r.comment} clip empty="" /> },
    { key: 'hits', head: t('response.hits'), width: 84, right: true, cell: (r) => <span title={r.last_match_timestamp ? t('response.lastMatch', { age: age(r.last_match_timestamp) }) : t('response.hitsHint')}>{count(r.match_counter)}</span> },
    {
      key: 'edit', head: '', width: 142, right: true,
      cell: (r) =>
        canWrite && !isFixed(r) ? (
          <RowActions what={String(r.id)} onEdit={() => edit(r)} onDelete={() => void remove(r)}>
            {r.actions.includes('quarantine') ? (
              <Tooltip label={t('response.release')}>
                <ActionIcon size="sm" aria-label={t('response.releaseWhat', { id: r.id })} onClick={() => void release(r)}><IconLockOpen size={15} /></ActionIcon>
              </Tooltip>
            ) : null}
            {mover(r, -1)}
            {mover(r, 1)}
          </RowActions>
        ) : null,
    },
  ];
}
