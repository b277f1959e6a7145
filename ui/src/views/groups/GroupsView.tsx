import { Button, Checkbox, Menu } from '@mantine/core';
import { IconChevronDown, IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, distinct, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { ModeTag, SourceTag } from '../../components/Tags';
import { setModes } from '../../services/actions';
import { count } from '../../services/format';
import { useParam } from '../../services/params';
import { groups } from '../../services/queries';
import { useSession } from '../../services/session';
import { matches, safeText } from '../../services/text';
import type { Group } from '../../services/types';
import { GroupForm } from './GroupForm';

export default function GroupsView() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { canWrite } = useSession();
  const query = useQuery(groups());
  const [text, setText] = useParam('q');
  const [kind, setKind] = useParam('kind');
  const [mode, setMode] = useParam('mode');
  const [domain, setDomain] = useParam('domain');
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [adding, setAdding] = useState(false);
  const all = query.data ?? [];
  const needle = text.trim().toLowerCase();
  const rows = all.filter(
    (g) =>
      (!kind || kindOf(g) === kind) && (!domain || g.domain === domain) && (!mode || g.policy_mode === mode || g.profile_mode === mode) &&
      matches(needle, g.name, g.comment, g.domain, ...(g.criteria ?? []).map((c) => `${c.key}${c.op}${c.value}`)),
  );
  const columns = useColumns(picked, setPicked, canWrite);
  return (
    <Page
      fill
      title={t('groups.title')}
      note={query.data ? t('groups.note', { count: all.length }) : ''}
      actions={
        canWrite ? (
          <>
            <BulkMode names={[...picked].filter((name) => all.some((g) => g.name === name))} done={() => setPicked(new Set())} />
            <Button leftSection={<IconPlus size={14} />} onClick={() => setAdding(true)}>{t('groups.add')}</Button>
          </>
        ) : null
      }
    >
      <div className="toolbar">
        <SearchBox value={text} onChange={setText} placeholder={t('groups.search')} width={300} />
        <Choice label={t('groups.kind')} value={kind || null} options={['learned', 'custom', 'reserved'].map((value) => ({ value, label: t(`groups.kind_${value}`) }))} onChange={setKind} />
        <Choice label={t('containers.domain')} value={domain || null} options={distinct(all.map((g) => g.domain))} onChange={setDomain} />
        <Choice label={t('mode.label')} value={mode || null} options={['Discover', 'Monitor', 'Protect']} onChange={setMode} width={120} />
      </div>
      <Gate query={query} loading={<LoadingRows rows={12} />}>
        {() => (
          <DataTable
            label={t('groups.title')}
            rows={rows}
            columns={columns}
            rowKey={(g) => g.name}
            onOpen={(g) => void navigate(`/groups/${encodeURIComponent(g.name)}`)}
            initialSort={{ key: 'kind' }}
            minWidth={960}
            empty={
              all.length > 0 ? (
                <Empty title={t('common.noMatch')} action={<Button variant="default" onClick={() => void navigate('/groups')}>{t('common.clearFilters')}</Button>} />
              ) : (
                <Empty title={t('groups.emptyTitle')} icon={<IconUsersGroup size={30} stroke={1.4} aria-hidden />}>{t('groups.emptyText')}</Empty>
              )
            }
          />
        )}
      </Gate>
      <GroupForm opened={adding} onClose={() => setAdding(false)} />
    </Page>
  );
}

/** Reserved groups call themselves learned as well. */
const kindOf = (g: Group) => (g.reserved ? 'reserved' : g.learned ? 'learned' : 'custom');
/** Only groups with a mode can be switched. */
export const hasMode = (g: Group) => Boolean(g.policy_mode || g.profile_mode);

function useColumns(picked: ReadonlySet<string>, setPicked: (set: ReadonlySet<string>) => void, canWrite: boolean): Column<Group>[] {
  const { t } = useTranslation();
  return useMemo(() => {
    const toggle = (name: string) => {
      const next = new Set(picked);
      if (!next.delete(name)) next.add(name);
      setPicked(next);
    };
    const pick: Column<Group> = {
      key: 'pick', head: '', width: 40,
      cell: (g) => (hasMode(g) ? <span onClick={(e) => e.stopPropagation()}><Checkbox size="xs" checked={picked.has(g.name)} onChange={() => toggle(g.name)} aria-label={t('groups.pick', { name: safeText(g.name, 80) })} /></span> : null),
    };
    const columns: Column<Group>[] = [
      { key: 'name', head: t('groups.name'), width: '22%', sort: (g) => g.name, cell: (g) => <span style={{ fontWeight: 550 }}><Safe value={g.name} clip /></span> },
      { key: 'kind', head: t('groups.kind'), width: 92, sort: (g) => ['learned', 'custom', 'reserved'].indexOf(kindOf(g)), cell: (g) => <SourceTag source={g.reserved ? 'system' : g.cfg_type} /> },
      { key: 'members', head: t('groups.members'), width: 92, right: true, sort: (g) => g.members?.length ?? 0, cell: (g) => count(g.members?.length) },
      { key: 'policy', head: t('mode.network'), width: 124, sort: (g) => g.policy_mode ?? '', cell: (g) => <ModeTag mode={g.policy_mode} /> },
      { key: 'profile', head: t('mode.profile'), width: 140, sort: (g) => g.profile_mode ?? '', cell: (g) => <ModeTag mode={g.profile_mode} /> },
      { key: 'baseline', head: t('groups.baseline'), width: 100, sort: (g) => g.baseline_profile ?? '', cell: (g) => (g.baseline_profile ? t(`baseline.${g.baseline_profile}`, g.baseline_profile) : <span className="dim">–</span>) },
      { key: 'what', head: t('groups.criteria'), cell: (g) => <Safe value={g.comment || (g.criteria ?? []).map((c) => `${c.key} ${c.op} ${c.value}`).join(', ')} clip /> },
    ];
    return canWrite ? [pick, ...columns] : columns;
  }, [picked, setPicked, canWrite, t]);
}

/** One mode for every group that is ticked. */
function BulkMode({ names, done }: { names: string[]; done: () => void }) {
  const { t } = useTranslation();
  const confirm = useConfirm();
  const change = useChange(['group', 'workload', 'log']);
  if (names.length === 0) return null;
  const set = async (mode: string) => {
    const subject = t('groups.picked', { count: names.length });
    const yes = mode !== 'Protect' || (await confirm({ title: t('mode.startTitle'), text: t('mode.startText', { subject, what: t('mode.both') }), action: t('mode.start', { mode }) }));
    if (yes) change.mutate({ run: () => setModes(names, mode), done: t('groups.switched', { name: subject, mode }) }, { onSuccess: done });
  };
  return (
    <Menu>
      <Menu.Target>
        <Button variant="default" rightSection={<IconChevronDown size={14} />} loading={change.isPending}>{t('groups.setMode', { count: names.length })}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {['Discover', 'Monitor', 'Protect'].map((mode) => <Menu.Item key={mode} onClick={() => void set(mode)}>{t(`mode.${mode.toLowerCase()}`)}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}
