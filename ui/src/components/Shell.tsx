import { ActionIcon, AppShell, Burger, Kbd, Menu, Tooltip, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { spotlight } from '@mantine/spotlight';
import {
  IconBell, IconBolt, IconBox, IconBug, IconBuildingWarehouse, IconChevronDown, IconDeviceDesktop, IconGauge, IconListCheck, IconLogout, IconMoon, IconRadar2, IconSearch, IconServer2, IconSettings, IconSun, IconTopologyStar3, IconUser, IconUsersGroup,
} from '@tabler/icons-react';
import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, Outlet, useLocation, useNavigate } from 'react-router';
import { type LiveState, useLive } from '../services/live';
import { useSession } from '../services/session';
import { Boundary } from './Boundary';
import { CommandPalette } from './CommandPalette';
import { Logo } from './Logo';
import { Safe } from './Safe';
import { LoadingRows } from './States';

const ICON = { size: 17, stroke: 1.7, 'aria-hidden': true } as const;

export const SECTIONS = [
  { title: 'nav.observe', links: [['/', 'nav.dashboard', <IconGauge {...ICON} key="d" />], ['/network', 'nav.network', <IconTopologyStar3 {...ICON} key="n" />], ['/events', 'nav.events', <IconBell {...ICON} key="e" />], ['/vulnerabilities', 'nav.vulnerabilities', <IconBug {...ICON} key="v" />]] },
  { title: 'nav.assets', links: [['/containers', 'nav.containers', <IconBox {...ICON} key="c" />], ['/nodes', 'nav.nodes', <IconServer2 {...ICON} key="h" />], ['/registries', 'nav.registries', <IconBuildingWarehouse {...ICON} key="i" />]] },
  { title: 'nav.policy', links: [['/groups', 'nav.groups', <IconUsersGroup {...ICON} key="g" />], ['/rules', 'nav.rules', <IconListCheck {...ICON} key="r" />], ['/detection', 'nav.detection', <IconRadar2 {...ICON} key="x" />], ['/response', 'nav.response', <IconBolt {...ICON} key="p" />]] },
  { title: 'nav.system', links: [['/settings', 'nav.settings', <IconSettings {...ICON} key="s" />]] },
] as const;

export function Shell() {
  const { t } = useTranslation();
  const [opened, menu] = useDisclosure(false);
  const live = useLive();
  const { pathname } = useLocation();
  return (
    <>
      <a className="skip" href="#main">
        {t('nav.skip')}
      </a>
      <AppShell header={{ height: 52 }} navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !opened } }} layout="alt" padding={0}>
        <AppShell.Navbar className="rail" aria-label={t('nav.main')}>
          <Link className="rail-brand" to="/" onClick={menu.close}>
            <Logo />
            Rampart
          </Link>
          {SECTIONS.map((section) => (
            <div key={section.title}>
              <div className="rail-title">{t(section.title)}</div>
              {section.links.map(([to, label, icon]) => (
                <NavLink key={to} to={to} end={to === '/'} className="rail-link" onClick={menu.close}>
                  {icon}
                  {t(label)}
                </NavLink>
              ))}
            </div>
          ))}
          <div className="rail-foot">{t('nav.foot')}</div>
        </AppShell.Navbar>
        <AppShell.Header className="top">
          <Top live={live} opened={opened} toggle={menu.toggle} />
        </AppShell.Header>
        <AppShell.Main id="main" tabIndex={-1} style={{ outline: 'none' }}>
          <Boundary at={pathname}>
            <Suspense fallback={<LoadingRows rows={8} />}>
              <Outlet />
            </Suspense>
          </Boundary>
        </AppShell.Main>
      </AppShell>
      <CommandPalette />
    </>
  );
}

function Top({ live, opened, toggle }: { live: LiveState; opened: boolean; toggle: () => void }) {
  const { t } = useTranslation();
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 12, height: '100%', padding: '0 18px' }}>
      <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('nav.menu')} />
      <button type="button" className="search" onClick={spotlight.open} aria-label={t('palette.open')} aria-keyshortcuts="Control+K">
        <IconSearch size={15} aria-hidden />
        <span>{t('palette.placeholder')}</span>
        <Kbd size="xs">Ctrl K</Kbd>
      </button>
      <div style={{ marginLeft: 'auto', display: 'flex', alignItems: 'center', gap: 10 }}>
        <Tooltip label={t(`live.${live}Hint`)}>
          <span className="dim" style={{ display: 'inline-flex', gap: 7, alignItems: 'center', fontSize: 12.5 }} role="status">
            <span className="live-dot" data-state={live} aria-hidden />
            {t(`live.${live}`)}
          </span>
        </Tooltip>
        <ThemeMenu />
        <UserMenu />
      </div>
    </div>
  );
}

function ThemeMenu() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const icons = { light: <IconSun {...ICON} />, dark: <IconMoon {...ICON} />, auto: <IconDeviceDesktop {...ICON} /> };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon size="lg" aria-label={t('theme.label')}>
          {icons[colorScheme]}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {(['light', 'dark', 'auto'] as const).map((scheme) => (
          <Menu.Item key={scheme} leftSection={icons[scheme]} onClick={() => setColorScheme(scheme)} aria-current={scheme === colorScheme}>
            {t(`theme.${scheme}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function UserMenu() {
  const { t } = useTranslation();
  const { user, leave } = useSession();
  const navigate = useNavigate();
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <button type="button" className="sort" style={{ gap: 6, padding: '4px 6px', fontSize: 13 }}>
          <IconUser {...ICON} />
          <Safe value={user?.username} max={32} />
          <IconChevronDown size={13} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('session.role', { role: t(`role.${user?.role || 'none'}`, user?.role ?? '') })}</Menu.Label>
        <Menu.Item leftSection={<IconUser {...ICON} />} onClick={() => void navigate('/settings/profile')}>
          {t('settings.profile')}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout {...ICON} />} onClick={() => void leave()}>
          {t('session.leave')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
