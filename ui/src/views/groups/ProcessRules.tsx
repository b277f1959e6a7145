import { Button, Checkbox, SegmentedControl, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { DataTable } from '../../components/DataTable';
import { SearchBox } from '../../components/Filters';
import { FormModal } from '../../components/FormModal';
import { RowActions } from '../../components/RowActions';
import { Safe } from '../../components/Safe';
import { Empty, Gate } from '../../components/States';
import { ActionTag, SourceTag } from '../../components/Tags';
import { changeProcessRules } from '../../services/actions';
import { dateTime } from '../../services/format';
import { processProfile } from '../../services/queries';
import { useSession } from '../../services/session';
import { matches, safeText } from '../../services/text';
import type { GroupDetail, ProcessRule } from '../../services/types';
import { isLocked } from './GroupView';

const NEW: ProcessRule = { name: '', path: '', action: 'allow', user: '', allow_update: false };

export function ProcessRules({ group }: { group: GroupDetail }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const query = useQuery(processProfile(group.name));
  const change = useChange(['group']);
  const confirm = useConfirm();
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<{ old?: ProcessRule; rule: ProcessRule } | null>(null);
  const writable = canWrite && !isLocked(group.cfg_type);
  const needle = text.trim().toLowerCase();

  const save = () => {
    if (!editing) return;
    const { old, rule } = editing;
    const moved = old && (old.name !== rule.name || old.path !== rule.path);
    change.mutate({ run: () => changeProcessRules(group.name, { put: [rule], ...(moved ? { drop: [old] } : {}) }), done: t('rule.saved') }, { onSuccess: () => setEditing(null) });
  };
  const remove = async (rule: ProcessRule) => {
    const yes = await confirm({ title: t('rule.deleteTitle'), text: t('rule.deleteText', { what: safeText(`${rule.name} ${rule.path}`, 120) }), action: t('common.delete'), danger: true });
    if (yes) change.mutate({ run: () => changeProcessRules(group.name, { drop: [rule] }), done: t('rule.deleted') });
  };

  return (
    <Gate query={query}>
      {(profile) => (
        <>
          <div className="toolbar" style={{ padding: '10px 14px' }}>
            <SearchBox value={text} onChange={setText} placeholder={t('rule.search')} />
            <span className="dim">{t('groups.firstMatch')}</span>
            {writable ? <Button ml="auto" leftSection={<IconPlus size={14} />} onClick={() => setEditing({ rule: NEW })}>{t('rule.add')}</Button> : null}
          </div>
          <div className="flat">
            <DataTable
              label={t('groups.processRules')}
              rows={(profile.process_list ?? []).filter((r) => matches(needle, r.name, r.path, r.user))}
              rowKey={(r) => r.uuid || `${r.name}\0${r.path}`}
              maxHeight="calc(100dvh - 320px)"
              minWidth={840}
              empty={<Empty title={needle ? t('common.noMatch') : t('groups.noProcessRules')}>{needle ? '' : t('groups.noProcessRulesText')}</Empty>}
              columns={[
                { key: 'name', head: t('rule.process'), width: '18%', sort: (r) => r.name, cell: (r) => <Safe value={r.name} clip /> },
                { key: 'path', head: t('rule.path'), sort: (r) => r.path, cell: (r) => <Safe value={r.path} clip mono empty={t('rule.anyPath')} /> },
                { key: 'user', head: t('rule.user'), width: 84, sort: (r) => r.user ?? '', cell: (r) => <Safe value={r.user} clip empty={t('common.any')} /> },
                { key: 'action', head: t('rule.action'), width: 88, sort: (r) => r.action, cell: (r) => <ActionTag action={r.action} /> },
                { key: 'source', head: t('rule.source'), width: 92, sort: (r) => r.cfg_type ?? '', cell: (r) => <SourceTag source={r.cfg_type} /> },
                { key: 'at', head: t('rule.modified'), width: 172, sort: (r) => r.last_modified_timestamp ?? 0, cell: (r) => dateTime(r.last_modified_timestamp) },
                { key: 'edit', head: '', width: 76, right: true, cell: (r) => (writable && !isLocked(r.cfg_type) ? <RowActions what={safeText(r.name, 60)} onEdit={() => setEditing({ old: r, rule: { ...r } })} onDelete={() => void remove(r)} /> : null) },
              ]}
            />
          </div>
          <FormModal title={t(editing?.old ? 'rule.editProcess' : 'rule.addProcess')} opened={editing !== null} onClose={() => setEditing(null)} onSubmit={save} busy={change.isPending}>
            {editing ? <Fields rule={editing.rule} onChange={(rule) => setEditing({ ...editing, rule })} /> : null}
          </FormModal>
        </>
      )}
    </Gate>
  );
}

function Fields({ rule, onChange }: { rule: ProcessRule; onChange: (rule: ProcessRule) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput label={t('rule.process')} description={t('rule.processHelp')} placeholder="nginx" value={rule.name} onChange={(e) => onChange({ ...rule, name: e.currentTarget.value })} required data-autofocus />
      <TextInput label={t('rule.path')} description={t('rule.pathHelp')} placeholder="/usr/sbin/nginx" value={rule.path} onChange={(e) => onChange({ ...rule, path: e.currentTarget.value })} pattern="(/|\*).*" />
      <TextInput label={t('rule.user')} description={t('rule.userHelp')} value={rule.user ?? ''} onChange={(e) => onChange({ ...rule, user: e.currentTarget.value })} />
      <SegmentedControl aria-label={t('rule.action')} value={rule.action} onChange={(action) => onChange({ ...rule, action })} data={[{ value: 'allow', label: t('action.allow') }, { value: 'deny', label: t('action.deny') }]} />
      <Checkbox size="xs" label={t('rule.allowUpdate')} description={t('rule.allowUpdateHelp')} checked={rule.allow_update ?? false} onChange={(e) => onChange({ ...rule, allow_update: e.currentTarget.checked })} />
    </>
  );
}
