import { Button, Checkbox, Radio, TagsInput, TextInput } from '@mantine/core';
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
import { SourceTag } from '../../components/Tags';
import { changeFileRules } from '../../services/actions';
import { fileProfile } from '../../services/queries';
import { useSession } from '../../services/session';
import { matches, safeText } from '../../services/text';
import type { FileRule, GroupDetail } from '../../services/types';
import { isLocked } from './GroupView';

const NEW: FileRule = { filter: '', recursive: false, behavior: 'monitor_change', applications: [] };

export function FileRules({ group }: { group: GroupDetail }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const query = useQuery(fileProfile(group.name));
  const change = useChange(['group']);
  const confirm = useConfirm();
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<{ old?: FileRule; rule: FileRule } | null>(null);
  const writable = canWrite && !isLocked(group.cfg_type);
  const needle = text.trim().toLowerCase();

  const save = () => {
    if (!editing) return;
    const { old, rule } = editing;
    const edit = !old ? { add: [rule] } : old.filter === rule.filter ? { update: [rule] } : { drop: [old], add: [rule] };
    change.mutate({ run: () => changeFileRules(group.name, edit), done: t('rule.saved') }, { onSuccess: () => setEditing(null) });
  };
  const remove = async (rule: FileRule) => {
    const yes = await confirm({ title: t('rule.deleteTitle'), text: t('rule.deleteText', { what: safeText(rule.filter, 120) }), action: t('common.delete'), danger: true });
    if (yes) change.mutate({ run: () => changeFileRules(group.name, { drop: [rule] }), done: t('rule.deleted') });
  };

  return (
    <Gate query={query}>
      {(profile) => (
        <>
          <div className="toolbar" style={{ padding: '10px 14px' }}>
            <SearchBox value={text} onChange={setText} placeholder={t('rule.search')} />
            <span className="dim">{t('groups.fileNote')}</span>
            {writable ? <Button ml="auto" leftSection={<IconPlus size={14} />} onClick={() => setEditing({ rule: NEW })}>{t('rule.add')}</Button> : null}
          </div>
          <div className="flat">
            <DataTable
              label={t('groups.fileRules')}
              rows={(profile.filters ?? []).filter((r) => matches(needle, r.filter, ...(r.applications ?? [])))}
              rowKey={(r) => `${r.filter}\0${r.cfg_type ?? ''}`}
              maxHeight="calc(100dvh - 320px)"
              minWidth={720}
              empty={<Empty title={needle ? t('common.noMatch') : t('groups.noFileRules')}>{needle ? '' : t('groups.noFileRulesText')}</Empty>}
              columns={[
                { key: 'filter', head: t('rule.path'), width: '30%', sort: (r) => r.filter, cell: (r) => <Safe value={r.filter} clip mono /> },
                { key: 'recursive', head: t('rule.recursive'), width: 90, sort: (r) => (r.recursive ? 0 : 1), cell: (r) => t(r.recursive ? 'common.yes' : 'common.no') },
                { key: 'behavior', head: t('rule.behavior'), width: 150, sort: (r) => r.behavior, cell: (r) => t(`behavior.${r.behavior}`, r.behavior) },
                { key: 'apps', head: t('rule.applications'), cell: (r) => <Safe value={(r.applications ?? []).join(', ')} clip mono empty={t('common.none')} /> },
                { key: 'source', head: t('rule.source'), width: 112, sort: (r) => r.cfg_type ?? '', cell: (r) => <SourceTag source={r.cfg_type} /> },
                { key: 'edit', head: '', width: 76, right: true, cell: (r) => (writable && !isLocked(r.cfg_type) ? <RowActions what={safeText(r.filter, 60)} onEdit={() => setEditing({ old: r, rule: { ...r } })} onDelete={r.cfg_type === 'system' ? undefined : () => void remove(r)} /> : null) },
              ]}
            />
          </div>
          <FormModal title={t(editing?.old ? 'rule.editFile' : 'rule.addFile')} opened={editing !== null} onClose={() => setEditing(null)} onSubmit={save} busy={change.isPending}>
            {editing ? <Fields rule={editing.rule} onChange={(rule) => setEditing({ ...editing, rule })} /> : null}
          </FormModal>
        </>
      )}
    </Gate>
  );
}

function Fields({ rule, onChange }: { rule: FileRule; onChange: (rule: FileRule) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput label={t('rule.path')} description={t('rule.filterHelp')} placeholder="/etc/shop/*" value={rule.filter} onChange={(e) => onChange({ ...rule, filter: e.currentTarget.value })} required pattern="/.*" data-autofocus />
      <Checkbox size="xs" label={t('rule.recursiveLong')} checked={rule.recursive} onChange={(e) => onChange({ ...rule, recursive: e.currentTarget.checked })} />
      <Radio.Group label={t('rule.behavior')} value={rule.behavior} onChange={(behavior) => onChange({ ...rule, behavior })}>
        {['monitor_change', 'block_access'].map((value) => <Radio key={value} size="xs" mt={6} value={value} label={t(`behavior.${value}`)} description={t(`behavior.${value}Help`)} />)}
      </Radio.Group>
      <TagsInput size="xs" label={t('rule.applications')} description={t('rule.applicationsHelp')} placeholder="/usr/sbin/nginx" value={rule.applications ?? []} onChange={(applications) => onChange({ ...rule, applications })} />
    </>
  );
}
