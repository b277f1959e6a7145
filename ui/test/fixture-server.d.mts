import type { Server } from 'node:http';
import type { AcceptedEntry, DetectionRule, Group, Host, LogRecord, NetworkRule, ResponseRule, RegistrySummary, ScanReport, Scanner, Workload } from '../src/services/types';

export interface Fixture {
  server: Server;
  state: { nodes: Host[]; workloads: Workload[]; groups: Map<string, Group>; rules: NetworkRule[]; responses: ResponseRule[]; logs: Record<string, LogRecord[]>; detection: DetectionRule[]; scan: { accepted: AcceptedEntry[]; registries: (Omit<RegistrySummary, 'images'> & { images: { report?: ScanReport }[] })[]; workloads: Map<string, ScanReport>; scanners: Scanner[]; stale?: boolean } };
  change: (kind: string, id?: string) => void;
  tick: () => void;
}

export function createFixture(options?: Record<string, unknown>): Fixture;
