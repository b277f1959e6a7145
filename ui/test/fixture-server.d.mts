import type { Server } from 'node:http';
import type { Group, Host, LogRecord, NetworkRule, Workload } from '../src/services/types';

export interface Fixture {
  server: Server;
  state: { nodes: Host[]; workloads: Workload[]; groups: Map<string, Group>; rules: NetworkRule[]; logs: Record<string, LogRecord[]> };
  change: (kind: string, id?: string) => void;
  tick: () => void;
}

export function createFixture(options?: Record<string, unknown>): Fixture;
