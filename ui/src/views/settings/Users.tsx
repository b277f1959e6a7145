import { Button, PasswordInput, Select, TextInput } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { FormModal } from '../../components/FormModal';
import { RowActions } from '../../components/RowActions';
import { Safe } from '../../components/Safe';
import { Empty, Gate } from '../../components/States';
import { WarnTag } from '../../components/Tags';
import { addUser, deleteUser, updateUser } from '../../services/actions';
import { count, dateTime } from '../../services/format';
import { users } from '../../services/queries';
import { useSession } from '../../services/session';
import { safeText } from '../../services/text';
import type { User } from '../../services/types';

type Draft = { old?: User; username: string; password: string; email: string; role: string };
const NEW: Draft = { username: '', password: '', email: '', role: 'reader' };

export function Users() {
  const { t } = useTranslation();
  const { user: me, canWrite } = useSession();
  const narrow = useMediaQuery('(max-width: 1180px)', false, { getInitialValueInEffect: false });
  const query = useQuery(users());
  const confirm = useConfirm();
  const change = useChange(['system', 'log']);
  const [draft, setDraft] = useState<Draft | null>(null);
  const save = () => {
    if (!draft) return;
    const { old, ...fields } = draft;
    const run = old ? () => updateUser({ fullname: old.fullname, role: draft.role, email: draft.email }) : () => addUser(fields);
    change.mutate({ run, done: t('settings.userSaved', { name: draft.username }) }, { onSuccess: () => setDraft(null) });
  };
  const remove = async (user: User) => {
    const yes = await confirm({ title: t('settings.deleteUser'), text: t('settings.deleteUserText', { name: safeText(user.username, 60) }), action: t('common.delete'), danger: true });
    if (yes) change.mutate({ run: () => deleteUser(user.fullname), done: t('settings.userDeleted', { name: user.username }) });
  };
  const columns: Column<User>[] = [
    { key: 'name', head: t('login.user'), width: '20%', sort: (u) => u.username, cell: (u) => <span style={{ fontWeight: 550 }}><Safe value={u.username} />{u.username === me?.username ? <span className="dim"> {t('settings.you')}</span> : null}</span> },
    { key: 'role', head: t('settings.role'), width: 124, sort: (u) => u.role, cell: (u) => t(`role.${u.role || 'none'}`, u.role) },
    { key: 'email', head: t('settings.email'), sort: (u) => u.email ?? '', cell: (u) => <Safe value={u.email} clip /> },
    { key: 'state', head: t('settings.state'), width: 182, cell: (u) => (u.blocked_for_failed_login || u.blocked_for_password_expired ? <WarnTag>{t('settings.blocked')}</WarnTag> : u.default_password || u.modify_password ? <WarnTag>{t('settings.mustChange')}</WarnTag> : <span className="dim">{t('settings.active')}</span>) },
    { key: 'logins', head: t('settings.logins'), width: 90, right: true, sort: (u) => u.login_count ?? 0, cell: (u) => count(u.login_count) },
    { key: 'last', head: t('settings.lastLogin'), width: 172, sort: (u) => u.last_login_at ?? '', cell: (u) => dateTime(u.last_login_at) },
    { key: 'edit', head: '', width: 76, right: true, cell: (u) => (canWrite ? <RowActions what={safeText(u.username, 40)} onEdit={() => setDraft({ old: u, username: u.username, password: '', email: u.email ?? '', role: u.role })} onDelete={u.username === me?.username ? undefined : () => void remove(u)} /> : null) },
  ];
  return (
    <Gate query={query}>
      {(list) => (
        <>
          <div className="toolbar" style={{ marginBottom: 10 }}>
            <span className="dim">{t('settings.usersNote')}</span>
            {canWrite ? <Button ml="auto" leftSection={<IconPlus size={14} />} onClick={() => setDraft(NEW)}>{t('settings.addUser')}</Button> : null}
          </div>
          <DataTable
            label={t('settings.users')}
            rows={list}
            rowKey={(u) => u.fullname}
            initialSort={{ key: 'name' }}
            minWidth={narrow ? 760 : 920}
            empty={<Empty title={t('common.none')} />}
            columns={narrow ? columns.filter((c) => c.key !== 'logins') : columns}
          />
          <FormModal title={draft?.old ? t('settings.editUser') : t('settings.addUser')} opened={draft !== null} onClose={() => setDraft(null)} onSubmit={save} busy={change.isPending}>
            {draft ? <Fields draft={draft} onChange={setDraft} /> : null}
          </FormModal>
        </>
      )}
    </Gate>
  );
}

function Fields({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  const { t } = useTranslation();
  const set = (patch: Partial<Draft>) => onChange({ ...draft, ...patch });
  return (
    <>
      <TextInput label={t('login.user')} value={draft.username} onChange={(e) => set({ username: e.currentTarget.value })} required disabled={Boolean(draft.old)} data-autofocus autoComplete="off" />
      {draft.old ? null : <PasswordInput size="xs" label={t('login.password')} description={t('login.rules')} value={draft.password} onChange={(e) => set({ password: e.currentTarget.value })} required minLength={8} autoComplete="new-password" />}
      <Select label={t('settings.role')} data={['admin', 'reader'].map((value) => ({ value, label: t(`role.${value}Long`) }))} value={draft.role} onChange={(role) => set({ role: role ?? 'reader' })} allowDeselect={false} />
      <TextInput type="email" label={t('settings.email')} value={draft.email} onChange={(e) => set({ email: e.currentTarget.value })} />
    </>
  );
}
