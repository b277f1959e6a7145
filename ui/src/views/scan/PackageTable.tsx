import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, distinct, SearchBox } from '../../components/Filters';
import { Safe } from '../../components/Safe';
import { Empty } from '../../components/States';
import { FindingMarks } from '../../components/Tags';
import { count } from '../../services/format';
import { matches } from '../../services/text';
import type { Module } from '../../services/types';

export function PackageTable({ packages, maxHeight, layerOf }: { packages: Module[]; maxHeight?: string; layerOf?: (index: number) => string }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [kind, setKind] = useState<string | null>(null);
  const needle = text.trim().toLowerCase();
  const rows = packages.filter((p) => (!kind || p.type === kind) && matches(needle, p.name, p.version, p.source, p.file, ...(p.licenses ?? [])));
  const columns = useMemo(() => {
    const all: Column<Module>[] = [
      { key: 'name', head: t('scan.package'), width: '26%', sort: (p) => p.name, cell: (p) => <Safe value={p.name} clip /> },
      { key: 'version', head: t('scan.installed'), width: '18%', sort: (p) => p.version, cell: (p) => <Safe value={p.version} mono clip /> },
      { key: 'type', head: t('scan.packageType'), width: 86, sort: (p) => p.type ?? '', cell: (p) => <Safe value={p.type} /> },
      { key: 'cves', head: t('scan.findings'), width: 110, right: true, sort: (p) => p.cves?.length ?? 0, cell: (p) => (p.cves?.length ? <span className="num" style={{ color: 'var(--rp-violate)', fontWeight: 600 }}>{count(p.cves.length)}</span> : <span className="dim">–</span>) },
      { key: 'licenses', spare: true, head: t('scan.licenses'), width: '16%', sort: (p) => (p.licenses ?? []).join(), cell: (p) => <Safe value={(p.licenses ?? []).join(', ')} clip /> },
      { key: 'file', spare: true, head: t('scan.file'), width: '20%', sort: (p) => p.file ?? '', cell: (p) => <Safe value={p.file} mono clip /> },
      { key: 'use', head: '', width: 92, sort: (p) => (p.in_use ? 0 : 1), cell: (p) => <FindingMarks inUse={p.in_use} /> },
    ];
    return layerOf ? all : all.filter((c) => c.key !== 'licenses');
  }, [t, layerOf]);
  return (
    <div className="flat">
      <div className="toolbar" style={{ padding: '10px 12px' }}>
        <SearchBox value={text} onChange={setText} placeholder={t('scan.searchPackage')} width={240} />
        <Choice label={t('scan.packageType')} value={kind} options={distinct(packages.map((p) => p.type))} onChange={setKind} width={130} />
        <span className="dim" style={{ marginLeft: 'auto' }}>{t('scan.shown', { shown: rows.length, count: packages.length })}</span>
      </div>
      <DataTable label={t('scan.packages')} rows={rows} columns={columns} rowKey={(p) => `${p.type ?? ''} ${p.name} ${p.version} ${p.file ?? ''}`} initialSort={{ key: 'name' }} maxHeight={maxHeight} minWidth={760} empty={<Empty title={packages.length ? t('common.noMatch') : t('scan.noPackages')} />} />
    </div>
  );
}
