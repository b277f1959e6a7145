import { Alert, Button, PasswordInput, Stack } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { Card, Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { changePassword } from '../../services/actions';
import { dateTime } from '../../services/format';
import { useSession } from '../../services/session';

export function ProfileForm() {
  const { t } = useTranslation();
  const { user } = useSession();
  const change = useChange(['system']);
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [error, setError] = useState('');
  if (!user) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fresh !== again) return setError(t('login.differ'));
    setError('');
    change.mutate({ run: () => changePassword(user.fullname, old, fresh), done: t('settings.passwordChanged') }, {
      onSuccess: () => {
        setOld('');
        setFresh('');
        setAgain('');
      },
    });
    return undefined;
  };
  return (
    <div className="grid" style={{ gridTemplateColumns: 'repeat(auto-fit, minmax(320px, 440px))', alignItems: 'start' }}>
      <Card title={t('settings.account')}>
        <Facts items={[[t('login.user'), <Safe key="u" value={user.username} />], [t('settings.role'), t(`role.${user.role || 'none'}`, user.role)], [t('settings.email'), user.email ? <Safe key="e" value={user.email} /> : ''], [t('settings.lastLogin'), dateTime(user.last_login_at)], [t('settings.idle'), user.timeout ? t('settings.idleSeconds', { count: user.timeout }) : '']]} />
      </Card>
      <Card title={t('settings.password')}>
        <form onSubmit={submit}>
          <Stack gap="sm">
            {error ? <Alert color="red" variant="light" role="alert">{error}</Alert> : null}
            <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
            <PasswordInput size="xs" label={t('settings.current')} value={old} onChange={(e) => setOld(e.currentTarget.value)} required autoComplete="current-password" />
            <PasswordInput size="xs" label={t('login.newPassword')} description={t('login.rules')} value={fresh} onChange={(e) => setFresh(e.currentTarget.value)} required minLength={8} autoComplete="new-password" />
            <PasswordInput size="xs" label={t('login.again')} value={again} onChange={(e) => setAgain(e.currentTarget.value)} required autoComplete="new-password" />
            <Button type="submit" loading={change.isPending} style={{ alignSelf: 'flex-start' }}>{t('login.change')}</Button>
          </Stack>
        </form>
      </Card>
    </div>
  );
}
