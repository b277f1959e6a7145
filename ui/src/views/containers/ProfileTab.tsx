import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { DataTable } from '../../components/DataTable';
import { Safe } from '../../components/Safe';
import { Empty, Gate } from '../../components/States';
import { ActionTag, SourceTag } from '../../components/Tags';
import { dateTime } from '../../services/format';
import { processProfile } from '../../services/queries';
import type { Workload } from '../../services/types';

/** The process rules its group gives it; they are edited in the group. */
export function ProfileTab({ workload }: { workload: Workload }) {
  const { t } = useTranslation();
  const query = useQuery(processProfile(workload.service_group));
  return (
    <Gate query={query}>
      {(profile) => (
        <>
          <div className="toolbar" style={{ padding: '10px 14px' }}>
            <span className="dim">{t('containers.profileNote', { count: profile.process_list?.length ?? 0 })}</span>
            <Anchor component={Link} size="sm" to={`/groups/${encodeURIComponent(workload.service_group)}`}>{t('containers.editInGroup')}</Anchor>
          </div>
          <div className="flat">
            <DataTable
              label={t('containers.profile')}
              rows={profile.process_list ?? []}
              rowKey={(r) => r.uuid || `${r.name}\0${r.path}`}
              maxHeight="calc(100dvh - 260px)"
              empty={<Empty title={t('groups.noProcessRules')}>{t('groups.noProcessRulesText')}</Empty>}
              columns={[
                { key: 'name', head: t('rule.process'), width: '22%', sort: (r) => r.name, cell: (r) => <Safe value={r.name} clip /> },
                { key: 'path', head: t('rule.path'), sort: (r) => r.path, cell: (r) => <Safe value={r.path} clip mono /> },
                { key: 'action', head: t('rule.action'), width: 110, sort: (r) => r.action, cell: (r) => <ActionTag action={r.action} /> },
                { key: 'source', head: t('rule.source'), width: 120, sort: (r) => r.cfg_type ?? '', cell: (r) => <SourceTag source={r.cfg_type} /> },
                { key: 'at', head: t('rule.modified'), width: 180, sort: (r) => r.last_modified_timestamp ?? 0, cell: (r) => dateTime(r.last_modified_timestamp) },
              ]}
            />
          </div>
        </>
      )}
    </Gate>
  );
}
