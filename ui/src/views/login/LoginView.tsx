import { Alert, Button, PasswordInput, Stack, TextInput, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { IconAlertCircle, IconKey } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Logo } from '../../components/Logo';
import { signIn } from '../../services/actions';
import { ApiError } from '../../services/http';
import { useSession } from '../../services/session';
import { safeText } from '../../services/text';

/** Sign-in, and the change of a one-time password the controller insists on. */
export function LoginView() {
  const { t } = useTranslation();
  const { enter, expired } = useSession();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [mustChange, setMustChange] = useState(false);
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  useDocumentTitle(`${t('login.title')} · Rampart`);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError('');
    if (mustChange && fresh !== again) return setError(t('login.differ'));
    if (mustChange && fresh === password) return setError(t('login.same'));
    setBusy(true);
    try {
      const answer = await signIn(username, password, mustChange ? fresh : undefined);
      if (answer.token) enter(answer.token);
      else if (answer.need_to_reset_password) setMustChange(true);
      else setError(t('login.odd'));
    } catch (cause) {
      setError(cause instanceof ApiError && cause.status === 401 ? t('login.wrong') : cause instanceof Error ? safeText(cause.message, 300) : t('login.odd'));
    } finally {
      setBusy(false);
    }
    return undefined;
  };

  return (
    <div className="login">
      <main className="login-form">
        <div style={{ display: 'flex', alignItems: 'center', gap: 11, marginBottom: 40, fontWeight: 650, fontSize: 19 }}>
          <span style={{ background: 'var(--rp-rail)', borderRadius: 8, padding: 5, display: 'grid' }}>
            <Logo size={26} />
          </span>
          Rampart
        </div>
        <form onSubmit={(event) => void submit(event)} style={{ maxWidth: 360 }} aria-busy={busy}>
          <Stack gap="md">
            <div>
              <Title order={1}>{t(mustChange ? 'login.changeTitle' : 'login.title')}</Title>
              <p className="dim" style={{ margin: '6px 0 0', lineHeight: 1.5 }}>
                {t(mustChange ? 'login.changeText' : 'login.text')}
              </p>
            </div>
            {expired && !error ? (
              <Alert color="blue" variant="light" icon={<IconKey size={16} />}>
                {t('login.expired')}
              </Alert>
            ) : null}
            {error ? (
              <Alert color="red" variant="light" icon={<IconAlertCircle size={16} />} role="alert">
                {error}
              </Alert>
            ) : null}
            {mustChange ? (
              <>
                <PasswordInput key="fresh" label={t('login.newPassword')} description={t('login.rules')} value={fresh} onChange={(e) => setFresh(e.currentTarget.value)} autoComplete="new-password" required withAsterisk={false} autoFocus name="new-password" />
                <PasswordInput key="again" label={t('login.again')} value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" required withAsterisk={false} name="again" />
              </>
            ) : (
              <>
                <TextInput size="sm" label={t('login.user')} value={username} onChange={(e) => setUsername(e.currentTarget.value)} autoComplete="username" required withAsterisk={false} autoFocus name="username" spellCheck={false} />
                <PasswordInput label={t('login.password')} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="current-password" required withAsterisk={false} name="password" />
              </>
            )}
            <Button type="submit" size="sm" loading={busy} mt="xs">
              {t(mustChange ? 'login.change' : 'login.submit')}
            </Button>
          </Stack>
        </form>
      </main>
      <aside className="login-art">
        <Wall />
        <div>
          <p style={{ fontSize: 27, lineHeight: 1.3, fontWeight: 620, color: '#fff', letterSpacing: '-0.015em', margin: 0 }}>{t('login.claim')}</p>
          <p style={{ lineHeight: 1.6, marginTop: 14 }}>{t('login.claimText')}</p>
        </div>
      </aside>
    </div>
  );
}

/** Rows of stone, with battlements on top. */
function Wall() {
  const rows = Array.from({ length: 9 }, (_, row) => row);
  return (
    <svg className="wall" viewBox="0 0 900 900" preserveAspectRatio="xMidYMax slice" aria-hidden="true">
      <g fill="#16222f">
        {[0, 1, 2, 3, 4].map((i) => (
          <rect key={i} x={i * 200 + 10} y={170} width={110} height={100} rx={3} />
        ))}
      </g>
      {rows.map((row) =>
        Array.from({ length: 9 }, (_, i) => <rect key={`${row}:${i}`} x={i * 130 - (row % 2) * 65} y={274 + row * 70} width={126} height={66} rx={3} fill={(i * 7 + row * 5) % 11 === 0 ? '#1b2d45' : '#16222f'} opacity={0.96 - row * 0.03} />),
      )}
    </svg>
  );
}
