import { Tabs } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { Page } from '../../components/Page';
import { ProfileForm } from './ProfileForm';
import { SystemForm } from './SystemForm';
import { Users } from './Users';

const TABS = { users: Users, profile: ProfileForm, system: SystemForm } as const;

export default function SettingsView() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab = 'users' } = useParams();
  const current = tab in TABS ? (tab as keyof typeof TABS) : 'users';
  const Panel = TABS[current];
  return (
    <Page title={t('settings.title')}>
      <Tabs value={current} onChange={(next) => void navigate(`/settings/${next ?? 'users'}`)}>
        <Tabs.List mb="md">
          {Object.keys(TABS).map((key) => <Tabs.Tab key={key} value={key}>{t(`settings.${key}`)}</Tabs.Tab>)}
        </Tabs.List>
        <Panel />
      </Tabs>
    </Page>
  );
}
