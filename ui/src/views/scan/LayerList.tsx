import { UnstyledButton } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Safe } from '../../components/Safe';
import { Empty } from '../../components/States';
import { SeverityTag } from '../../components/Tags';
import { bytes, count } from '../../services/format';
import { SEVERITIES } from '../../services/scan';
import type { ScanLayer } from '../../services/types';

/** Layers in the order they were built, each with its command; one opens to what it brought. */
export function LayerList({ layers }: { layers: ScanLayer[] }) {
  const { t } = useTranslation();
  if (layers.length === 0) return <Empty title={t('scan.noLayers')} />;
  return <ol style={{ listStyle: 'none', margin: 0, padding: 0 }}>{layers.map((layer, i) => <Item key={`${i} ${layer.digest}`} layer={layer} number={i + 1} />)}</ol>;
}

function Item({ layer, number }: { layer: ScanLayer; number: number }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const findings = layer.vulnerabilities ?? [];
  const counts = SEVERITIES.map((s) => [s, findings.filter((f) => f.severity === s).length] as const).filter(([, n]) => n > 0);
  const can = findings.length + (layer.secrets?.length ?? 0) > 0;
  return (
    <li style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <UnstyledButton className="layer" disabled={!can} aria-expanded={can ? open : undefined} onClick={() => setOpen(!open)}>
        <span className="num dim" style={{ width: 22, textAlign: 'right' }}>{number}</span>
        {can ? open ? <IconChevronDown size={14} aria-hidden /> : <IconChevronRight size={14} aria-hidden /> : <span style={{ width: 14 }} />}
        <span style={{ minWidth: 0, flex: 1 }}>
          <Safe value={layer.cmds || layer.digest} mono clip />
          <span className="dim" style={{ display: 'flex', gap: 12, fontSize: 12, marginTop: 2 }}>
            <span>{bytes(layer.size)}</span>
            <span>{t('scan.packageCount', { count: layer.packages ?? 0 })}</span>
            <Safe value={layer.digest.replace('sha256:', '').slice(0, 12)} mono />
          </span>
        </span>
        <span className="toolbar" style={{ flexWrap: 'nowrap' }}>
          {counts.slice(0, 3).map(([s, n]) => <span key={s} style={{ display: 'inline-flex', gap: 4, alignItems: 'center' }}><SeverityTag severity={s} /><span className="num">{count(n)}</span></span>)}
        </span>
      </UnstyledButton>
      {open ? (
        <div style={{ padding: '4px 14px 12px 58px' }}>
          {(layer.secrets ?? []).map((s, i) => <div key={`s${i}`} style={{ padding: '2px 0' }}><strong><Safe value={s.type} /></strong> <Safe value={s.path} mono breaks /></div>)}
          {findings.slice(0, 200).map((f, i) => (
            <div key={i} style={{ display: 'flex', gap: 10, padding: '2px 0', alignItems: 'center' }}>
              <span style={{ width: 96, flex: 'none' }}><SeverityTag severity={f.severity} /></span>
              <span style={{ width: 150, flex: 'none' }}><Safe value={f.name} clip /></span>
              <Safe value={`${f.package_name} ${f.package_version ?? ''}`} clip />
              <span className="dim" style={{ marginLeft: 'auto' }}><Safe value={f.fixed_version} clip /></span>
            </div>
          ))}
          {findings.length > 200 ? <p className="dim">{t('scan.moreFindings', { count: findings.length - 200 })}</p> : null}
        </div>
      ) : null}
    </li>
  );
}
