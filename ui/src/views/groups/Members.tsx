import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { DataTable } from '../../components/DataTable';
import { Safe } from '../../components/Safe';
import { Empty } from '../../components/States';
import { ModeTag, QuarantineTag, StateTag } from '../../components/Tags';
import { imageName } from '../../services/format';
import { givenReason, isQuarantined } from '../../services/quarantine';
import type { GroupDetail } from '../../services/types';

export function Members({ group }: { group: GroupDetail }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <>
      {(group.criteria ?? []).length > 0 ? (
        <div className="toolbar" style={{ padding: '10px 14px' }}>
          <span className="dim">{t('groups.criteriaNote')}</span>
          {group.criteria?.map((c) => <span className="chip mono" key={`${c.key}${c.op}${c.value}`}><Safe value={`${c.key} ${c.op} ${c.value}`} max={120} /></span>)}
        </div>
      ) : null}
      <div className="flat">
        <DataTable
          label={t('groups.members')}
          rows={group.members ?? []}
          rowKey={(w) => w.id}
          onOpen={(w) => void navigate(`/containers/${encodeURIComponent(w.id)}`)}
          isOff={(w) => w.running === false || w.state === 'exit'}
          initialSort={{ key: 'name' }}
          maxHeight="calc(100dvh - 300px)"
          empty={<Empty title={t('groups.noMembers')}>{t('groups.noMembersText')}</Empty>}
          columns={[
            { key: 'name', head: t('containers.name'), width: '26%', sort: (w) => w.display_name, cell: (w) => <Safe value={w.display_name || w.name} clip /> },
            { key: 'image', head: t('containers.image'), sort: (w) => w.image, cell: (w) => <Safe value={imageName(w.image ?? '')} clip /> },
            { key: 'domain', head: t('containers.domain'), width: '14%', sort: (w) => w.domain, cell: (w) => <Safe value={w.domain} clip /> },
            { key: 'policy', head: t('mode.network'), width: 124, cell: (w) => <ModeTag mode={w.policy_mode} /> },
            { key: 'profile', head: t('mode.profile'), width: 140, cell: (w) => <ModeTag mode={w.profile_mode} /> },
            { key: 'state', head: t('containers.state'), width: 120, cell: (w) => (isQuarantined(w) ? <QuarantineTag reason={givenReason(w)} /> : <StateTag running={w.running ?? w.state !== 'exit'} exitCode={w.exit_code} />) },
          ]}
        />
      </div>
    </>
  );
}
