import { Alert, Anchor, Breadcrumbs, Button, Select, Tabs } from '@mantine/core';
import { IconBinaryTree, IconFile, IconListCheck, IconLock, IconPencil, IconTrash, IconUsers } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { ModeSwitch } from '../../components/ModeSwitch';
import { Card, Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Gate, LoadingRows } from '../../components/States';
import { SourceTag } from '../../components/Tags';
import { deleteGroup, setBaseline, setNetworkMode, setProfileMode } from '../../services/actions';
import { useParam } from '../../services/params';
import { group } from '../../services/queries';
import { useSession } from '../../services/session';
import { safeText } from '../../services/text';
import type { GroupDetail } from '../../services/types';
import { FileRules } from './FileRules';
import { GroupForm } from './GroupForm';
import { hasMode } from './GroupsView';
import { GroupNetworkRules } from './GroupNetworkRules';
import { Members } from './Members';
import { ProcessRules } from './ProcessRules';
import { WhatIf } from './WhatIf';

/** Configuration that only a Kubernetes resource or the federation's master may change. */
export const isLocked = (source: string | undefined) => source === 'ground' || source === 'federal';

export default function GroupView() {
  const { t } = useTranslation();
  const { name = '' } = useParams();
  const [leaving, setLeaving] = useState(false);
  // A group that is being deleted is not asked for again.
  const query = useQuery({ ...group(name), enabled: !leaving });
  return (
    <Gate query={query} loading={<Page title={t('groups.title')}><LoadingRows rows={10} /></Page>}>
      {(g) => (
        <Page
          title={
            <Breadcrumbs separator="/" separatorMargin={8}>
              <Anchor component={Link} to="/groups" fz="inherit" fw={500} c="dimmed">{t('groups.title')}</Anchor>
              <Safe value={g.name} max={80} />
            </Breadcrumbs>
          }
          note={<Safe value={g.comment} empty="" />}
          actions={<>{g.learned && !g.reserved ? <WhatIf group={g.name} /> : null}<SourceTag source={g.reserved ? 'system' : g.cfg_type} /><Remove group={g} onLeaving={setLeaving} /></>}
        >
          {isLocked(g.cfg_type) ? <Alert icon={<IconLock size={16} />} variant="light">{t('groups.locked')}</Alert> : null}
          {hasMode(g) ? <Modes group={g} /> : null}
          <Parts group={g} />
        </Page>
      )}
    </Gate>
  );
}

function Remove({ group: g, onLeaving }: { group: GroupDetail; onLeaving: (leaving: boolean) => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const confirm = useConfirm();
  const { canWrite } = useSession();
  const change = useChange(['group', 'policy']);
  const [editing, setEditing] = useState(false);
  if (!canWrite || g.reserved || g.learned || isLocked(g.cfg_type)) return null;
  const remove = async () => {
    const yes = await confirm({ title: t('groups.deleteTitle'), text: t('groups.deleteText', { name: safeText(g.name, 80) }), action: t('common.delete'), danger: true });
    if (!yes) return;
    onLeaving(true);
    change.mutate({ run: () => deleteGroup(g.name), done: t('groups.deleted', { name: g.name }) }, { onSuccess: () => void navigate('/groups'), onError: () => onLeaving(false) });
  };
  return (
    <>
      <Button variant="default" leftSection={<IconPencil size={14} />} onClick={() => setEditing(true)}>{t('common.edit')}</Button>
      <Button variant="default" leftSection={<IconTrash size={14} />} onClick={() => void remove()} loading={change.isPending}>{t('common.delete')}</Button>
      <GroupForm opened={editing} onClose={() => setEditing(false)} group={g} />
    </>
  );
}

function Modes({ group: g }: { group: GroupDetail }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const change = useChange(['group', 'workload', 'log']);
  const off = !canWrite || g.cap_change_mode === false || isLocked(g.cfg_type) || change.isPending;
  const name = safeText(g.name, 80);
  const label = (text: string, help: string) => (
    <div style={{ marginBottom: 6 }}>
      <div style={{ fontWeight: 550 }}>{text}</div>
      <div className="dim" style={{ fontSize: 12 }}>{help}</div>
    </div>
  );
  const hint = (mode: string | undefined) => (mode ? t(`mode.${mode.toLowerCase()}Hint`) : '');
  return (
    <Card>
      <div style={{ display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(230px, 1fr))', gap: '14px 24px', alignItems: 'start', paddingTop: 14 }}>
        <div>
          {label(t('mode.profile'), hint(g.profile_mode))}
          <ModeSwitch label={t('mode.profile')} value={g.profile_mode} disabled={off} subject={name} onChange={(mode) => change.mutate({ run: () => setProfileMode(g.name, mode), done: t('groups.switched', { name, mode }) })} />
        </div>
        <div>
          {label(t('mode.network'), hint(g.policy_mode))}
          <ModeSwitch label={t('mode.network')} value={g.policy_mode} disabled={off} subject={name} onChange={(mode) => change.mutate({ run: () => setNetworkMode(g.name, mode), done: t('groups.switched', { name, mode }) })} />
        </div>
        <div>
          {label(t('groups.baseline'), t(`baseline.${g.baseline_profile || 'basic'}Hint`, ''))}
          <Select
            aria-label={t('groups.baseline')}
            w={160}
            disabled={off}
            allowDeselect={false}
            value={g.baseline_profile || 'basic'}
            data={['basic', 'zero-drift'].map((value) => ({ value, label: t(`baseline.${value}`) }))}
            onChange={(value) => value && value !== g.baseline_profile && change.mutate({ run: () => setBaseline(g.name, value), done: t('groups.baselineSet', { name, baseline: t(`baseline.${value}`) }) })}
          />
        </div>
      </div>
    </Card>
  );
}

const ICON = { size: 15, stroke: 1.8, 'aria-hidden': true } as const;

function Parts({ group: g }: { group: GroupDetail }) {
  const { t } = useTranslation();
  const profiled = hasMode(g);
  const [tab, setTab] = useParam('tab', profiled ? 'process' : 'members');
  return (
    <div className="card">
      <Tabs value={tab} onChange={setTab}>
        <Tabs.List pl="xs">
          {profiled ? <Tabs.Tab value="process" leftSection={<IconBinaryTree {...ICON} />}>{t('groups.processRules')}</Tabs.Tab> : null}
          {profiled ? <Tabs.Tab value="file" leftSection={<IconFile {...ICON} />}>{t('groups.fileRules')}</Tabs.Tab> : null}
          <Tabs.Tab value="network" leftSection={<IconListCheck {...ICON} />}>{t('groups.networkRules')}</Tabs.Tab>
          <Tabs.Tab value="members" leftSection={<IconUsers {...ICON} />}>{t('groups.membersTab', { count: g.members?.length ?? 0 })}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="process"><ProcessRules group={g} /></Tabs.Panel>
        <Tabs.Panel value="file"><FileRules group={g} /></Tabs.Panel>
        <Tabs.Panel value="network"><GroupNetworkRules group={g} /></Tabs.Panel>
        <Tabs.Panel value="members"><Members group={g} /></Tabs.Panel>
      </Tabs>
    </div>
  );
}
