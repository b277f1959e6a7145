import { useMantineColorScheme } from '@mantine/core';
import { Spotlight } from '@mantine/spotlight';
import { IconArrowRight, IconBox, IconLogout, IconMoon, IconSearch, IconUsersGroup } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { groups, workloads } from '../services/queries';
import { useSession } from '../services/session';
import { safeText } from '../services/text';
import { SECTIONS } from './Shell';

const ICON = { size: 17, stroke: 1.7, 'aria-hidden': true } as const;

/** Ctrl+K: every page, container, group and a few commands, by name. */
export function CommandPalette() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { leave } = useSession();
  const { toggleColorScheme } = useMantineColorScheme();
  const containers = useQuery({ ...workloads(), staleTime: 30_000 }).data ?? [];
  const known = useQuery({ ...groups(), staleTime: 30_000 }).data ?? [];
  const go = (to: string) => () => void navigate(to);
  const pages = SECTIONS.flatMap((s) => s.links.map(([to, label]) => ({ id: `page:${to}`, label: t(label), onClick: go(to), leftSection: <IconArrowRight {...ICON} /> })));
  const commands = [
    { id: 'cmd:theme', label: t('palette.theme'), onClick: () => toggleColorScheme(), leftSection: <IconMoon {...ICON} /> },
    { id: 'cmd:leave', label: t('session.leave'), onClick: () => void leave(), leftSection: <IconLogout {...ICON} /> },
  ];
  const actions = [
    { group: t('palette.pages'), actions: [...pages, ...commands] },
    {
      group: t('nav.containers'),
      actions: containers.map((w) => ({
        id: `w:${w.id}`, label: safeText(w.display_name || w.name, 80), description: safeText(`${w.service_group} · ${w.image}`, 100), keywords: [w.id.slice(0, 12)],
        onClick: go(`/containers/${encodeURIComponent(w.id)}`), leftSection: <IconBox {...ICON} />,
      })),
    },
    {
      group: t('nav.groups'),
      actions: known.map((g) => ({ id: `g:${g.name}`, label: safeText(g.name, 80), description: safeText(g.comment ?? '', 100), onClick: go(`/groups/${encodeURIComponent(g.name)}`), leftSection: <IconUsersGroup {...ICON} /> })),
    },
  ];
  return (
    <Spotlight
      actions={actions}
      shortcut={['mod + K', '/']}
      limit={12}
      nothingFound={t('palette.nothing')}
      highlightQuery
      scrollable
      maxHeight={460}
      searchProps={{ leftSection: <IconSearch {...ICON} />, placeholder: t('palette.placeholder'), 'aria-label': t('palette.open') }}
    />
  );
}
