import { scanWorkload, workloadReport, workloadSbom } from '../../services/scan';
import type { Workload } from '../../services/types';
import { ReportPanel } from '../scan/ReportPanel';

export function VulnerabilitiesTab({ workload: w }: { workload: Workload }) {
  return (
    <ReportPanel
      brief={w.scan_summary}
      report={workloadReport(w.id)}
      sbom={workloadSbom(w.id)}
      scan={w.running === false ? undefined : () => scanWorkload(w.id)}
      name={w.display_name || w.name}
      kinds={['scan', 'workload']}
      domain={w.domain}
      maxHeight="calc(100dvh - 260px)"
    />
  );
}
