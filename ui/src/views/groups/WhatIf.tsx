import { Alert, Button, Modal, SegmentedControl, Stack } from '@mantine/core';
import { IconHelpCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Column, DataTable } from '../../components/DataTable';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { count } from '../../services/format';
import { whatIf } from '../../services/queries';
import { safeText } from '../../services/text';
import type { WhatIf as Answer, WhatIfAct } from '../../services/types';

/** What of all that was recorded of a group another mode would report or deny. Changes nothing. */
export function WhatIf({ group }: { group: string }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [mode, setMode] = useState('Protect');
  const query = useQuery({ ...whatIf(group, mode), enabled: opened });
  return (
    <>
      <Button variant="default" leftSection={<IconHelpCircle size={14} />} onClick={() => setOpened(true)}>{t('whatIf.open')}</Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title={t('whatIf.title', { name: safeText(group, 80) })} size="xl" closeButtonProps={{ 'aria-label': t('common.close') }}>
        <Stack gap="sm">
          <SegmentedControl aria-label={t('mode.label')} value={mode} onChange={setMode} data={['Monitor', 'Protect'].map((value) => ({ value, label: t(`mode.${value.toLowerCase()}`) }))} />
          <Gate query={query} loading={<LoadingRows rows={6} />}>{(answer) => <Result answer={answer} />}</Gate>
        </Stack>
      </Modal>
    </>
  );
}

function Result({ answer }: { answer: Answer }) {
  const { t } = useTranslation();
  const columns: Column<WhatIfAct>[] = [
    { key: 'after', head: t('whatIf.would'), width: 96, cell: (a) => t(`verdict.${a.after}`, a.after) },
    { key: 'kind', head: t('whatIf.kind'), width: 96, cell: (a) => t(`whatIf.kind_${a.kind}`, a.kind) },
    { key: 'what', head: t('whatIf.what'), cell: (a) => <Safe value={a.what} clip /> },
    { key: 'reason', head: t('whatIf.why'), width: '32%', cell: (a) => <Safe value={a.reason} clip empty="" /> },
    { key: 'count', head: t('whatIf.count'), width: 70, right: true, cell: (a) => count(a.count) },
  ];
  return (
    <>
      <div>{t('whatIf.sum', { judged: count(answer.judged), denied: count(answer.denied), alerted: count(answer.alerted) })}</div>
      {answer.not_asked?.length ? <Alert variant="light" color="yellow">{t('whatIf.notAsked', { nodes: safeText(answer.not_asked.join(', '), 200) })}</Alert> : null}
      {answer.complete === false ? <Alert variant="light" color="yellow">{t('whatIf.cut')}</Alert> : null}
      <DataTable label={t('whatIf.acts')} rows={answer.acts ?? []} columns={columns} rowKey={(a) => `${a.kind} ${a.what} ${a.detail} ${a.before} ${a.after} ${a.rule} ${a.count}`} maxHeight="50dvh" empty={<Empty title={t('whatIf.none')}>{t('whatIf.noneText')}</Empty>} />
    </>
  );
}
