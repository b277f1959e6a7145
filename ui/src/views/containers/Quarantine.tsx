import { Alert, Button, Text, TextInput, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconNetwork, IconNetworkOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { FormModal } from '../../components/FormModal';
import { Safe } from '../../components/Safe';
import { setQuarantine } from '../../services/actions';
import { fitReason, givenReason, isQuarantined, MAX_REASON_BYTES } from '../../services/quarantine';
import { enforcers } from '../../services/queries';
import { useSession } from '../../services/session';
import { safeText } from '../../services/text';
import type { Workload } from '../../services/types';

const ICON = { size: 14, 'aria-hidden': true } as const;

/** Whether the container's node can drop packets; a node that has not said is taken at its best. */
function useHolds(w: Workload): boolean {
  const node = useQuery(enforcers()).data?.find((e) => e.host_id === w.host_id);
  const packet = node?.capabilities?.find((c) => c.name === 'packet');
  return !packet || packet.strength === 'deny';
}

/** Cuts the container off from the network, or lets it back; asks first, either way. */
export function QuarantineAction({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const [asking, setAsking] = useState(false);
  const on = isQuarantined(w);
  if (!canWrite || (!on && w.running === false)) return null;
  const able = on || w.cap_quarantine !== false;
  return (
    <>
      <Tooltip label={t('quarantine.hostNetwork')} disabled={able}>
        <span>
          <Button variant="default" disabled={!able} leftSection={on ? <IconNetwork {...ICON} /> : <IconNetworkOff {...ICON} />} onClick={() => setAsking(true)}>
            {t(on ? 'quarantine.release' : 'quarantine.start')}
          </Button>
        </span>
      </Tooltip>
      <Question workload={w} on={on} opened={asking} onClose={() => setAsking(false)} />
    </>
  );
}

function Question({ workload: w, on, opened, onClose }: { workload: Workload; on: boolean; opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const holds = useHolds(w);
  const change = useChange(['workload', 'conversation', 'log']);
  const [reason, setReason] = useState('');
  // What the window asked when it was opened; an answer that comes in meanwhile must not turn it round.
  const [release, setRelease] = useState(on);
  useEffect(() => {
    if (!opened) return;
    setReason('');
    setRelease(on);
  }, [opened]);
  const name = safeText(w.display_name || w.name || w.id.slice(0, 12), 80);
  const submit = () =>
    change.mutate({ run: () => setQuarantine(w.id, !release, fitReason(reason)), done: t(release ? 'quarantine.released' : 'quarantine.started', { name }) }, { onSettled: onClose });
  return (
    <FormModal title={t(release ? 'quarantine.releaseTitle' : 'quarantine.startTitle')} opened={opened} onClose={onClose} onSubmit={submit} busy={change.isPending} danger={!release} action={t(release ? 'quarantine.release' : 'quarantine.start')}>
      <Text size="sm">{t(release ? 'quarantine.releaseText' : 'quarantine.startText', { name })}</Text>
      {release || holds ? null : <Alert className="weak" icon={<IconAlertTriangle size={16} />}>{t('quarantine.weak')}</Alert>}
      {release ? null : <TextInput data-autofocus label={t('quarantine.reason')} description={t('quarantine.reasonHelp')} value={reason} onChange={(e) => setReason(e.currentTarget.value)} maxLength={MAX_REASON_BYTES} />}
    </FormModal>
  );
}

/** Says at the top of the page what being quarantined means for the container now. */
export function QuarantineNote({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  const holds = useHolds(w);
  if (!isQuarantined(w)) return null;
  const reason = givenReason(w);
  return (
    <Alert className="quarantine" icon={<IconNetworkOff size={17} />} title={t(holds ? 'quarantine.note' : 'quarantine.noteWeak')}>
      {t(w.running === false ? 'quarantine.noteStopped' : holds ? 'quarantine.noteText' : 'quarantine.weak')} {reason ? <>{t('quarantine.reason')}: <Safe value={reason} /></> : t('quarantine.byUser')}
    </Alert>
  );
}
