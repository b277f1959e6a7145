import { IconListTree } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { SearchBox } from '../../components/Filters';
import { Safe } from '../../components/Safe';
import { Empty, Gate } from '../../components/States';
import { WarnTag } from '../../components/Tags';
import { age, dateTime } from '../../services/format';
import { workloadProcesses } from '../../services/queries';
import { matches } from '../../services/text';
import { type Branch, processTree } from '../../services/tree';
import type { Process, Workload } from '../../services/types';
import { verdictOf } from '../../services/verdict';

const ROW = 30;

export function ProcessTree({ workload }: { workload: Workload }) {
  const { t } = useTranslation();
  const query = useQuery(workloadProcesses(workload.id));
  return (
    <Gate query={query}>
      {(list) =>
        list.length === 0 ? (
          <Empty title={t('processes.none')} icon={<IconListTree size={30} stroke={1.4} aria-hidden />}>
            {t(workload.running === false ? 'processes.stoppedText' : 'processes.noneText')}
          </Empty>
        ) : (
          <Tree list={list} />
        )
      }
    </Gate>
  );
}

function Tree({ list }: { list: Process[] }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const box = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => processTree(list), [list]);
  const needle = text.trim().toLowerCase();
  const shown = needle ? rows.filter(({ process: p }) => matches(needle, p.name, p.path, p.cmdline, p.user, p.pid)) : rows;
  const odd = rows.filter(({ process }) => isOdd(process)).length;
  const virtualizer = useVirtualizer({ count: shown.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 20, initialRect: { width: 800, height: 520 } });
  return (
    <>
      <div className="toolbar" style={{ padding: '10px 14px' }}>
        <SearchBox value={text} onChange={setText} placeholder={t('processes.search')} />
        <span className="dim">{t('processes.count', { count: rows.length })}</span>
        {odd > 0 ? <WarnTag>{t('processes.odd', { count: odd })}</WarnTag> : null}
      </div>
      <div ref={box} style={{ overflow: 'auto', maxHeight: 'calc(100dvh - 260px)', borderTop: '1px solid var(--mantine-color-default-border)' }} role="tree" aria-label={t('containers.processes')}>
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative', minWidth: 720 }}>
          {virtualizer.getVirtualItems().map((item) => {
            const row = shown[item.index];
            return row ? (
              <div key={row.process.pid} style={{ position: 'absolute', top: 0, left: 0, right: 0, transform: `translateY(${item.start}px)` }}>
                <TreeRow row={row} flat={Boolean(needle)} />
              </div>
            ) : null;
          })}
        </div>
      </div>
    </>
  );
}

/** Not in the profile. */
const isOdd = (p: Process) => ['violate', 'deny'].includes(verdictOf(p.action));

function TreeRow({ row: { process: p, depth, rails, last }, flat }: { row: Branch; flat: boolean }) {
  const { t } = useTranslation();
  const odd = isOdd(p);
  return (
    <div className="tree-row" data-verdict={odd ? verdictOf(p.action) : undefined} role="treeitem" aria-level={depth + 1} aria-selected={false}>
      <span className="num dim" style={{ width: 70, textAlign: 'right', paddingRight: 10, flex: 'none' }}>{p.pid}</span>
      {flat
        ? null
        : rails.map((_, i) =>
            i < rails.length - 1 ? <span key={i} className="tree-rail" data-line={rails[i + 1] ? '' : undefined} /> : <span key={i} className="tree-rail" data-line="" data-elbow={last ? 'last' : 'mid'} />,
          )}
      <span style={{ flex: 'none', maxWidth: 260, fontWeight: 550, paddingLeft: 4, display: 'flex', gap: 8, alignItems: 'center' }}>
        <Safe value={p.name} clip />
        {odd ? <WarnTag>{t('processes.notInProfile')}</WarnTag> : null}
      </span>
      <span style={{ flex: 1, minWidth: 0, padding: '0 14px' }} className="dim">
        <Safe value={p.cmdline || p.path} clip mono />
      </span>
      <span style={{ width: 90, flex: 'none' }}><Safe value={p.user} clip /></span>
      <span style={{ width: 24, flex: 'none' }} className="dim">{p.status}</span>
      <span style={{ width: 60, flex: 'none', textAlign: 'right' }} className="num dim" title={dateTime(p.start_timestamp)}>{age(p.start_timestamp)}</span>
    </div>
  );
}
